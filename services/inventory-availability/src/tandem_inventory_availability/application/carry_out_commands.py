"""Carries out a batch of mixed commands in order of arrival, each with its own answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tandem_core.errors import DomainError

from tandem_inventory_availability.application.ports import Result, StockCommand, StockTransaction
from tandem_inventory_availability.domain.errors import InsufficientStock


async def carry_out_commands(
    transaction: StockTransaction, commands: Sequence[StockCommand], now: datetime
) -> list[Result | Exception]:
    """Results or domain errors in the order of the commands; the caller commits."""
    if not commands:
        return []
    book = await transaction.open([command.needs() for command in commands], now)
    results: list[Result | Exception] = []
    for command in commands:
        book.origin = command.origin
        try:
            results.append(command.decide(book))
        except DomainError as error:
            results.append(error)
    await transaction.store(book)
    refused = [result for result in results if isinstance(result, InsufficientStock)]
    if refused:
        await transaction.offer_alternatives(refused, now)
    return results
