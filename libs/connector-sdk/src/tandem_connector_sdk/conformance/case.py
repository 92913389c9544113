"""What the suite needs to know of a connector under test."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tandem_connector_sdk.canonical_json import to_json
from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.plugin import Plugin

GOLDEN_SUFFIX = ".golden.json"


@dataclass(frozen=True)
class Fixture:
    """A sample payload with its kind; the golden beside it is what it translates to."""

    path: Path
    kind: str

    @property
    def document(self) -> RawDocument:
        """The payload as it would be stored."""
        return RawDocument(self.kind, self.path.read_bytes())

    @property
    def golden(self) -> Path:
        """The file with the expected translation."""
        return self.path.with_name(self.path.name + GOLDEN_SUFFIX)


@dataclass(frozen=True)
class Case:
    """A connector with its fixtures.

    `add_unknown` puts something a newer version of the vendor would send into a payload.
    `personal` are strings of the fixtures that must appear only in fields marked personal.
    """

    plugin: Plugin
    folder: Path
    kinds: Mapping[str, str]
    add_unknown: Callable[[bytes], bytes]
    settings: Mapping[str, object] = field(default_factory=dict)
    personal: tuple[str, ...] = ()

    @property
    def fixtures(self) -> list[Fixture]:
        """All sample payloads of the folder that `kinds` names."""
        return [Fixture(self.folder / name, kind) for name, kind in self.kinds.items()]

    def translate(self, document: RawDocument) -> Translation:
        """The translation as the runtime would ask for it."""
        context = TranslationContext("conformance", self.settings)
        return self.plugin.translator_for(document.kind).translate(document, context)


def as_golden(translation: Translation) -> dict[str, object]:
    """A translation in the form goldens are kept in."""
    return {
        "events": [json.loads(to_json(event)) for event in translation.events],
        "findings": [str(finding) for finding in translation.findings],
        "ignored": translation.ignored,
    }


def expected_of(fixture: Fixture, translation: Translation) -> dict[str, object]:
    """The golden; written first when asked for by TANDEM_UPDATE_GOLDENS, never in CI."""
    if os.environ.get("TANDEM_UPDATE_GOLDENS"):
        if os.environ.get("CI"):
            raise RuntimeError("goldens are not updated in CI: they would always agree")
        text = json.dumps(as_golden(translation), indent=2, sort_keys=True, ensure_ascii=False)
        fixture.golden.write_text(text + "\n", "utf-8")
    expected = json.loads(fixture.golden.read_text("utf-8"))
    if not isinstance(expected, dict):
        raise ValueError(f"{fixture.golden} is no golden")
    return expected
