"""Bronze: what a connector must do before it may be loaded, and what Silver asks of translation."""

import ast
import dataclasses
import inspect
import json
import random
import socket
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from tandem_core.errors import DomainError

from tandem_connector_sdk.canonical_json import content_hash, to_json
from tandem_connector_sdk.conformance.case import Case, as_golden, expected_of
from tandem_connector_sdk.documents import RawDocument
from tandem_connector_sdk.models import Canonical, OrderPlaced, SaleReported
from tandem_connector_sdk.registry import load_connectors

DELIVERIES = 10


class BronzeConformance:
    """Subclass it in the connector's tests and give a `case` fixture."""

    def test_the_installed_connector_is_found_under_its_own_name(self, case: Case) -> None:
        """Entry point, manifest and classes agree."""
        name = case.plugin.manifest.connector
        assert load_connectors()[name] is case.plugin

    def test_every_declared_kind_has_a_fixture(self, case: Case) -> None:
        """A kind without a sample is a promise nobody checked."""
        covered = {
            kind
            for fixture in case.fixtures
            for kind in case.plugin.translator_for(fixture.kind).kinds
        }
        assert covered >= case.plugin.manifest.document_kinds

    def test_every_fixture_translates_to_its_golden(self, case: Case) -> None:
        """The meaning of a payload does not change unnoticed."""
        for fixture in case.fixtures:
            translation = case.translate(fixture.document)
            assert as_golden(translation) == expected_of(fixture, translation), fixture.path.name

    def test_ten_deliveries_give_one_set_of_events(self, case: Case) -> None:
        """Same keys and same content each time, or a duplicate would become a second order."""
        for fixture in case.fixtures:
            runs = {
                tuple((event.event_key, content_hash(event)) for event in translation.events)
                for translation in (case.translate(fixture.document) for _ in range(DELIVERIES))
            }
            assert len(runs) == 1, fixture.path.name
            keys = [event_key for event_key, _ in runs.pop()]
            assert len(keys) == len(set(keys)), fixture.path.name

    def test_a_translation_needs_no_network_no_clock_and_no_chance(
        self, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A translator with any of them would translate a replay differently."""

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a translator must be pure")

        before = [as_golden(case.translate(fixture.document)) for fixture in case.fixtures]
        monkeypatch.setattr(socket, "socket", refuse)
        monkeypatch.setattr(random, "random", refuse)
        monkeypatch.setattr(time, "time", refuse)
        after = [as_golden(case.translate(fixture.document)) for fixture in case.fixtures]
        assert before == after

    def test_unknown_fields_pass(self, case: Case) -> None:
        """Vendors add fields without asking; an order must not stop for one."""
        for fixture in case.fixtures:
            extended = RawDocument(fixture.kind, case.add_unknown(fixture.document.body))
            assert extended.body != fixture.document.body, fixture.path.name
            before = case.translate(fixture.document)
            assert as_golden(case.translate(extended)) == as_golden(before), fixture.path.name

    def test_a_cut_payload_is_refused_with_a_reason(self, case: Case) -> None:
        """Half a file is never translated as if it were whole."""
        for fixture in case.fixtures:
            body = fixture.document.body.rstrip()
            with pytest.raises(DomainError) as caught:
                case.translate(RawDocument(fixture.kind, body[: len(body) * 2 // 3]))
            assert caught.value.reason, fixture.path.name

    def test_no_float_is_in_the_connector_or_its_events(self, case: Case) -> None:
        """An amount that was a float once is not exact any more."""
        for module in _modules_of(case):
            for node in ast.walk(ast.parse(inspect.getsource(module))):
                assert not _is_float(node), f"{module.__name__}:{getattr(node, 'lineno', '?')}"
        for fixture in case.fixtures:
            for event in case.translate(fixture.document).events:
                assert not _holds_float(json.loads(to_json(event))), fixture.path.name

    def test_personal_data_stays_in_the_marked_fields(self, case: Case) -> None:
        """Whatever is not marked personal ends in logs, journals and dead letters."""
        for fixture in case.fixtures:
            translation = case.translate(fixture.document)
            told = [str(finding) for finding in translation.findings]
            told += [to_json(_without_address(event)) for event in translation.events]
            for canary in case.personal:
                assert not any(canary in text for text in told), (fixture.path.name, canary)

    def test_the_personal_strings_are_really_in_the_fixtures(self, case: Case) -> None:
        """Otherwise the test above would prove nothing."""
        payloads = b"".join(fixture.document.body for fixture in case.fixtures)
        for canary in case.personal:
            assert canary.encode() in payloads, canary

    def test_every_fixture_states_its_licence(self, case: Case) -> None:
        """The folder's README names each sample and whose it is."""
        readme = (case.folder / "README.md").read_text("utf-8")
        assert "icence" in readme
        assert [f.path.name for f in case.fixtures if f.path.name not in readme] == []


def _modules_of(case: Case) -> list[ModuleType]:
    """The modules of the connector that translate; clients may count seconds in fractions."""
    names = {type(translator).__module__ for translator in case.plugin.translators}
    folders = {Path(inspect.getfile(sys.modules[name])).parent for name in names}
    return [
        module
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None))
        and Path(file).parent in folders
        and not Path(file).name.endswith("client.py")
    ]


def _is_float(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float)
    return isinstance(node, ast.Name) and node.id == "float"


def _holds_float(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds_float(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_float(item) for item in value)
    return isinstance(value, float)


def _without_address(event: Canonical) -> Canonical:
    """The event without the only part of it that is marked personal."""
    if isinstance(event, OrderPlaced):
        return dataclasses.replace(event, order=dataclasses.replace(event.order, ship_to=None))
    if isinstance(event, SaleReported):
        return dataclasses.replace(event, sale=dataclasses.replace(event.sale, ship_to=None))
    return event
