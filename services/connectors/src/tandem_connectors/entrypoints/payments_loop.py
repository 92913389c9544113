"""The loop that asks the providers: a bounded number of commands in flight, each on its own, so
that one slow answer holds up nobody else's."""

import asyncio

from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.structured_logs import get_logger

from tandem_connectors.application.carry_out_payments import CLAIM_SECONDS, CarryOutPayments
from tandem_connectors.domain.outbound_command import OutboundCommand

log = get_logger(__name__)


class PaymentsLoop:
    """Claims as many due commands as there are free places."""

    def __init__(self, payments: CarryOutPayments, *, in_flight_max: int, interval_ms: int) -> None:
        self._payments = payments
        self._in_flight_max = in_flight_max
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = BackgroundLoop("payments", self._round, interval_s=interval_ms / 1000)

    async def start(self) -> None:
        """Begins."""
        await self._loop.start()

    async def stop(self) -> None:
        """Claims nothing more and waits for what is asked, as long as a claim lasts."""
        await self._loop.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLAIM_SECONDS)

    def poke(self) -> None:
        """Looks for due commands now."""
        self._loop.poke()

    async def _round(self) -> None:
        free = self._in_flight_max - len(self._tasks)
        if free <= 0:
            return
        for command in await self._payments.claim(free):
            task = asyncio.create_task(self._carry_out(command))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    async def _carry_out(self, command: OutboundCommand) -> None:
        try:
            await self._payments.carry_out(command)
        except Exception:
            # The claim runs out and the command is looked up: nothing is lost but time.
            log.exception("payment command failed", command_id=command.command.command_id)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._loop.poke()
