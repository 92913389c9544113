"""Plug-ins, their manifests and the registry: what disagrees does not start."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
from pydantic import ValidationError
from tandem_connector_sdk import registry
from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.errors import DocumentKindUnknown
from tandem_connector_sdk.manifest import Manifest
from tandem_connector_sdk.plugin import Plugin
from tandem_connector_sdk.registry import load_connectors

MANIFEST = {
    "connector": "demo",
    "version": "1.2.3",
    "family": "files",
    "summary": "For these tests.",
    "ingress": {"files": {"patterns": ["*.txt", "exact.txt"], "content_bytes_max": 10}},
    "semantics": {
        "delivery": "at_least_once",
        "ordering": "none",
        "money": "none",
        "tax": "none",
    },
    "quality": "bronze",
}


class Exact:
    """Takes one name."""

    kinds: ClassVar[frozenset[str]] = frozenset({"exact.txt"})

    def translate(self, document: RawDocument, context: TranslationContext) -> Translation:
        """Nothing."""
        return Translation(ignored="exact")


class Pattern(Exact):
    """Takes many names."""

    kinds: ClassVar[frozenset[str]] = frozenset({"*.txt"})


def _plugin() -> Plugin:
    return Plugin(Manifest.model_validate(MANIFEST), (Pattern(), Exact()))


def test_an_exact_kind_wins_over_a_pattern() -> None:
    assert isinstance(_plugin().translator_for("exact.txt"), Exact)
    assert isinstance(_plugin().translator_for("other.txt"), Pattern)
    with pytest.raises(DocumentKindUnknown):
        _plugin().translator_for("other.csv")


def test_a_manifest_that_promises_more_than_its_classes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"exact\.txt"):
        replace(_plugin(), translators=(Pattern(),))
    with pytest.raises(ValueError, match="client"):
        replace(_plugin(), open_client=lambda link: None)  # type: ignore[arg-type, return-value]  # never called


@pytest.mark.parametrize(
    "changed",
    [
        {"connector": "Demo!"},
        {"version": "1.2"},
        {"quality": "shiny"},
        {"surprise": 1},
        {"ingress": {"files": {"patterns": [], "content_bytes_max": 99_000_000}}},
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(MANIFEST | changed)


def test_all_installed_connectors_load_and_agree_with_their_manifests() -> None:
    assert set(load_connectors()) >= {"shopify", "poslog", "csv_files", "payment_simulator"}


class _Entry:
    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, str(value)
        self._loaded = value

    def load(self) -> object:
        return self._loaded


@pytest.mark.parametrize(
    "entries",
    [
        [_Entry("demo", "not a plug-in")],
        [_Entry("other", _plugin())],
        [_Entry("demo", _plugin()), _Entry("demo", _plugin())],
    ],
)
def test_a_wrong_entry_point_is_found_at_start(
    entries: list[_Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    with pytest.raises(ValueError):
        load_connectors()
