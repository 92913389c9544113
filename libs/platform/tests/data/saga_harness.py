"""A small process, and a database with the tables of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from tandem_platform import saga_tables
from tandem_platform.database import Database
from tandem_platform.saga import (
    SagaCommand,
    SagaEngine,
    SagaEvent,
    SagaInput,
    SagaStep,
    SagaTimer,
    Values,
)

TENANT, KIND = "acme", "errand"


class Errand:
    """Each `asked` makes a command; `remind` sets a timer; a timer is counted."""

    kind, version = KIND, 1

    def decide(self, state: str, data: Values, event: SagaEvent) -> SagaStep:
        seen = int(data.get("seen", 0)) + 1
        after = {**data, "seen": seen}
        if event.name == "asked":
            return SagaStep("ASKED", after, (SagaCommand("fetch", {"n": seen}),), _timer(after))
        if event.name == "remind":
            after["remind_at"] = event.values["at"]
            return SagaStep(state or "WAITING", after, (), _timer(after))
        if event.name == "timer:remind":
            if data.get("broken"):
                raise ValueError("this definition has a fault")
            rung = int(data.get("rung", 0)) + 1
            return SagaStep("RUNG", {"seen": seen, "rung": rung})
        if event.name == "break":
            return SagaStep(state, {**after, "broken": True}, (), _timer(after))
        return SagaStep(state, after, (), _timer(after))


def _timer(data: Values) -> SagaTimer | None:
    at = data.get("remind_at")
    return SagaTimer("remind", datetime.fromisoformat(at)) if at else None


class SagaDatabase:
    """What the tests ask of the tables."""

    def __init__(self, url: str) -> None:
        self.database = Database(url, pool_size=20)
        self.engine = SagaEngine(Errand())

    async def create(self) -> None:
        async with self.database.transaction() as connection:
            for statement in saga_tables.DDL:
                await connection.execute(text(statement))

    async def advance(self, now: datetime, *events: SagaEvent, saga_id: str = "s-1") -> None:
        inputs = [SagaInput(TENANT, saga_id, event, {"traceparent": "t"}) for event in events]
        async with self.database.transaction() as connection:
            await self.engine.advance(connection, inputs, now)

    async def rows(self, statement: str, **arguments: Any) -> Sequence[Any]:
        async with self.database.transaction() as connection:
            return list(await connection.execute(text(statement), arguments))

    async def one(self, statement: str, **arguments: Any) -> Any:
        return (await self.rows(statement, **arguments))[0][0]


def asked(now: datetime) -> SagaEvent:
    return SagaEvent("asked", {}, now)


def remind(now: datetime, minutes: int) -> SagaEvent:
    return SagaEvent("remind", {"at": (now + timedelta(minutes=minutes)).isoformat()}, now)
