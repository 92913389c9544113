"""One command in a transaction of its own, for writes too rare to be worth a queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from google.protobuf.message import Message
from tandem_core.clock import Clock
from tandem_platform.fault_points import fp
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres.stock_transaction import (
    PostgresStockTransaction,
)
from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.stock_book import Origin, StockBook

TResult = TypeVar("TResult", covariant=True)
TAnswer = TypeVar("TAnswer", bound=Message)


class Decision(Protocol[TResult]):
    """A write on locked rows. `decide` is pure and changes nothing when it raises."""

    @property
    def origin(self) -> Origin:
        """Trace headers of the caller."""
        ...

    def needs(self) -> Needs:
        """The rows to lock before it is decided."""
        ...

    def decide(self, book: StockBook) -> TResult:
        """Changes the book. Raises a DomainError when a rule forbids it."""
        ...


async def carry_out(uow: UnitOfWork, clock: Clock, command: Decision[TResult]) -> TResult:
    """The result; the caller commits. Raises what the command met."""
    transaction = PostgresStockTransaction(uow)
    book = await transaction.open([command.needs()], clock.now())
    book.origin = command.origin
    result = command.decide(book)
    await transaction.store(book)
    await fp("inventory.after_decision")
    return result


def effect(
    clock: Clock, command: Decision[TResult], answer: Callable[[TResult], TAnswer]
) -> Callable[[UnitOfWork], Awaitable[TAnswer]]:
    """The command as the effect of an idempotent write."""

    async def run(uow: UnitOfWork) -> TAnswer:
        return answer(await carry_out(uow, clock, command))

    return run
