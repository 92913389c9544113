"""Writes what came of payment commands, many in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem_connectors.application.ports import Fact, FaultPoint, Transactions
from tandem_connectors.domain.outbound_command import OutboundCommand


@dataclass(frozen=True, slots=True)
class Settlement:
    """A command afterwards, the fact that tells its answer (None when there is none yet), and how
    the call went (empty when it worked)."""

    command: OutboundCommand
    fact: Fact | None = None
    failure: str = ""


class SettleCommands:
    """The process of a group commit; also called with a single settlement."""

    def __init__(self, transactions: Transactions, fault_point: FaultPoint) -> None:
        self._transactions = transactions
        self._fault_point = fault_point

    async def process(self, settlements: Sequence[Settlement]) -> Sequence[None]:
        """Raises FactsToldMeanwhile when another replica answered one of them since."""
        facts = {item.fact.key: item.fact for item in settlements if item.fact}
        health = {item.command.connection_id: item.failure for item in settlements}
        async with self._transactions() as transaction:
            known = await transaction.facts.known(sorted(facts))
            new = [fact for key, fact in facts.items() if key not in known]
            await transaction.facts.record(new)
            await transaction.commands.save([item.command for item in settlements])
            for connection_id in sorted(health):
                await transaction.health.note(connection_id, health[connection_id])
            await self._fault_point("connectors.payment_before_commit")
            await transaction.commit()
        return [None] * len(settlements)

    async def alone(self, settlement: Settlement) -> None:
        """Settles one in its own transaction."""
        await self.process([settlement])
