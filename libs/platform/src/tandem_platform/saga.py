"""The saga engine: state, history, commands and timers of a process in the caller's transaction.

A definition's ``decide`` is a pure function of state, data and event; the engine stores its result
beside the business rows it belongs to. A crash at any instruction therefore leaves either all of a
step or none of it. Commands are rows; ``saga_commands`` carries them out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.errors import DomainError
from tandem_core.ids import deterministic_id

Values = Mapping[str, Any]

TIMER_EVENT_PREFIX = "timer:"


@dataclass(eq=False)
class SagaDefinitionUnknown(DomainError):
    """An instance was written by a definition this code does not have."""

    reason: ClassVar[str] = "SAGA_DEFINITION_UNKNOWN"
    kind: str
    definition_version: int


@dataclass(frozen=True)
class SagaCommand:
    """Something to be done elsewhere; its id is made from saga, revision and place."""

    kind: str
    values: Values


@dataclass(frozen=True)
class SagaTimer:
    """Wakes the saga with the event ``timer:<name>`` at an instant, unless replaced before."""

    name: str
    at: datetime


@dataclass(frozen=True)
class SagaStep:
    """What a definition decided. ``timer`` None clears a running one: decide it from the data."""

    state: str
    data: Values
    commands: tuple[SagaCommand, ...] = ()
    timer: SagaTimer | None = None


class SagaDefinition(Protocol):
    """A process: pure, so that any history can be replayed against it."""

    kind: str
    version: int

    def decide(self, state: str, data: Values, event: SagaEvent) -> SagaStep:
        """The next step; the same input always gives the same one."""


@dataclass(frozen=True)
class SagaEvent:
    """Something a saga hears of."""

    name: str
    values: Values
    at: datetime


@dataclass(frozen=True)
class SagaInput:
    """An event for one instance; the instance begins with its first event."""

    tenant: str
    saga_id: str
    event: SagaEvent
    headers: Values = field(default_factory=dict)
    """Travel with the commands that follow (trace context)."""


@dataclass
class _Instance:
    tenant: str
    id: str
    state: str = ""
    data: Values = field(default_factory=dict)
    revision: int = 0
    timer: SagaTimer | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)


_LOAD = text("""
    SELECT tenant, id, state, data, revision, definition_version, timer_name, timer_at
    FROM saga WHERE kind = :kind
      AND (tenant, id) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS text[])))
    ORDER BY tenant, id FOR UPDATE
""")
_SAVE = text("""
    INSERT INTO saga (tenant, kind, id, definition_version, state, revision, data, timer_name,
                      timer_at, started_at, updated_at)
    SELECT tenant, :kind, id, :version, state, revision, CAST(data AS jsonb), timer_name,
           timer_at, :now, :now
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS text[]), CAST(:states AS text[]),
                CAST(:revisions AS bigint[]), CAST(:datas AS text[]), CAST(:names AS text[]),
                CAST(:ats AS timestamptz[]))
         AS s (tenant, id, state, revision, data, timer_name, timer_at)
    ON CONFLICT (tenant, kind, id) DO UPDATE SET
        definition_version = excluded.definition_version, state = excluded.state,
        revision = excluded.revision, data = excluded.data, timer_name = excluded.timer_name,
        timer_at = excluded.timer_at, updated_at = excluded.updated_at
""")
_HISTORY = text("""
    INSERT INTO saga_history (tenant, kind, saga_id, revision, event_name, event_values, from_state,
                              to_state, commands, recorded_at)
    SELECT h.tenant, :kind, h.saga_id, h.revision, h.event_name, h.event_values, h.from_state,
           h.to_state, h.commands, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS h (tenant text, saga_id text, revision bigint, event_name text, event_values jsonb,
               from_state text, to_state text, commands jsonb)
""")
_COMMANDS = text("""
    INSERT INTO saga_command (id, tenant, saga_kind, saga_id, kind, command_values, headers,
                              next_at, created_at)
    SELECT c.id, c.tenant, :kind, c.saga_id, c.kind, c.command_values, c.headers, :now, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS c (id uuid, tenant text, saga_id text, kind text, command_values jsonb,
               headers jsonb)
""")


class SagaEngine:
    """Advances instances of one definition, set-based, in the transaction of the caller."""

    def __init__(self, definition: SagaDefinition) -> None:
        self._definition = definition

    @property
    def kind(self) -> str:
        """Kind of the instances."""
        return self._definition.kind

    async def advance(
        self,
        connection: AsyncConnection,
        inputs: Sequence[SagaInput],
        now: datetime,
    ) -> dict[tuple[str, str], SagaStep]:
        """Feeds the events in order; returns each instance's state by (tenant, id).

        The instances' rows are locked in order of their keys. Raises SagaDefinitionUnknown.
        """
        if not inputs:
            return {}
        instances = await self._load(connection, inputs)
        for item in inputs:
            self._step(instances[item.tenant, item.saga_id], item)
        await self._save(connection, [i for i in instances.values() if i.history], now)
        return {
            key: SagaStep(instance.state, instance.data, (), instance.timer)
            for key, instance in instances.items()
        }

    async def _load(
        self, connection: AsyncConnection, inputs: Sequence[SagaInput]
    ) -> dict[tuple[str, str], _Instance]:
        keys = sorted({(item.tenant, item.saga_id) for item in inputs})
        instances = {key: _Instance(*key) for key in keys}
        arguments = {
            "kind": self._definition.kind,
            "tenants": [tenant for tenant, _ in keys],
            "ids": [saga_id for _, saga_id in keys],
        }
        for row in await connection.execute(_LOAD, arguments):
            if row.definition_version > self._definition.version:
                raise SagaDefinitionUnknown(self._definition.kind, row.definition_version)
            instance = instances[row.tenant, row.id]
            instance.state, instance.data = row.state, row.data
            instance.revision = row.revision
            if row.timer_name is not None:
                instance.timer = SagaTimer(row.timer_name, row.timer_at)
        return instances

    def _step(self, instance: _Instance, given: SagaInput) -> None:
        event = given.event
        if _stale(instance.timer, event):
            return
        step = self._definition.decide(instance.state, instance.data, event)
        instance.revision += 1
        commands = [
            {**self._command(instance, n, c), "headers": dict(given.headers)}
            for n, c in enumerate(step.commands)
        ]
        instance.history.append(
            {
                "tenant": instance.tenant,
                "saga_id": instance.id,
                "revision": instance.revision,
                "event_name": event.name,
                "event_values": event.values,
                "from_state": instance.state,
                "to_state": step.state,
                "commands": [command["id"] for command in commands],
            }
        )
        instance.commands.extend(commands)
        instance.state, instance.data, instance.timer = step.state, step.data, step.timer

    def _command(self, instance: _Instance, place: int, command: SagaCommand) -> dict[str, Any]:
        key = (instance.tenant, self._definition.kind, instance.id, str(instance.revision))
        return {
            "id": deterministic_id("saga_command", *key, str(place)),
            "tenant": instance.tenant,
            "saga_id": instance.id,
            "kind": command.kind,
            "command_values": command.values,
        }

    async def _save(
        self,
        connection: AsyncConnection,
        instances: Sequence[_Instance],
        now: datetime,
    ) -> None:
        if not instances:
            return
        kind = self._definition.kind
        await connection.execute(
            _SAVE,
            {
                "kind": kind,
                "version": self._definition.version,
                "now": now,
                "tenants": [i.tenant for i in instances],
                "ids": [i.id for i in instances],
                "states": [i.state for i in instances],
                "revisions": [i.revision for i in instances],
                "datas": [json.dumps(i.data) for i in instances],
                "names": [i.timer.name if i.timer else None for i in instances],
                "ats": [i.timer.at if i.timer else None for i in instances],
            },
        )
        history = [row for instance in instances for row in instance.history]
        await connection.execute(_HISTORY, {"kind": kind, "now": now, "rows": json.dumps(history)})
        commands = [row for instance in instances for row in instance.commands]
        if commands:
            arguments = {"kind": kind, "now": now, "rows": json.dumps(commands)}
            await connection.execute(_COMMANDS, arguments)


def _stale(timer: SagaTimer | None, event: SagaEvent) -> bool:
    """True for the event of a timer that was cleared or put off since it was read as due."""
    if not event.name.startswith(TIMER_EVENT_PREFIX):
        return False
    name = event.name.removeprefix(TIMER_EVENT_PREFIX)
    return timer is None or timer.name != name or timer.at > event.at


def replay(definition: SagaDefinition, events: Sequence[SagaEvent]) -> list[SagaStep]:
    """Runs a stored history through a definition; for the check that new code decides as old."""
    steps: list[SagaStep] = []
    state, data = "", {}  # type: tuple[str, Values]
    for event in events:
        step = definition.decide(state, data, event)
        state, data = step.state, step.data
        steps.append(step)
    return steps
