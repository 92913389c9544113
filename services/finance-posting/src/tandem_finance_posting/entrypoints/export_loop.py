"""Brings the books into the ERP beside all else: build, seal, send, ask, compare.

Each step is a transaction of its own and can be done again after a crash; the call to the ERP is
between two of them, under a claim that ends by itself.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem_core.clock import Clock
from tandem_core.ids import IdFactory
from tandem_platform.fault_points import fp
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_finance_posting.adapters.postgres import export_claims
from tandem_finance_posting.adapters.postgres.export_claims import Claim
from tandem_finance_posting.adapters.postgres.export_reads import ExportReads
from tandem_finance_posting.adapters.postgres.export_rows import PostgresExportStore
from tandem_finance_posting.application.build_export_batch import BuildExportBatch
from tandem_finance_posting.application.export_ports import ErpGateway
from tandem_finance_posting.application.probe_export import Probed, ProbeExport, to_probe
from tandem_finance_posting.application.seal_export_batch import SealExportBatch
from tandem_finance_posting.application.send_export_batch import SendExportBatch
from tandem_finance_posting.application.settle_export_group import SettleExportGroup
from tandem_finance_posting.domain.errors import ExportBatchWrongState, ExportOutcomeUnknown
from tandem_finance_posting.domain.export_batch import (
    NEVER_EXPORTED,
    WHOLE_PERMILLE,
    BatchState,
    Moment,
    RetryPolicy,
)
from tandem_finance_posting.domain.export_batch_answer import ErpAnswer, NotDone
from tandem_finance_posting.domain.export_batch_lines import LedgerKey

log = get_logger(__name__)

LEDGERS_MAX = 100
"""Ledgers of one round; the others come in the next."""
BATCHES_MAX = 20
CLAIMS_MAX = 4
"""Documents at the ERP at once: more only bring its throttle down."""
ROUNDS_MAX = 1_000
BUILDS_MAX = 1_000


@dataclass(frozen=True)
class ExportLimits:
    """What one batch, one document and one try may take."""

    journals_max: int
    lines_max: int
    claim_s: float
    batch_s: float
    """Between two rounds of building."""
    retry: RetryPolicy


class ExportLoop:
    """One round does all that is due. ``gateway`` is None where no ERP is configured."""

    def __init__(
        self,
        units: UnitOfWorkFactory,
        clock: Clock,
        ids: IdFactory,
        limits: ExportLimits,
        gateway: ErpGateway | None,
    ) -> None:
        self._units = units
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._gateway = gateway
        self._reads = ExportReads(units.database)
        self._quiet_until: datetime | None = None
        self._build_at: datetime | None = None

    def moment(self) -> Moment:
        """Now, with a chance of its own."""
        return Moment(self._clock.now(), secrets.randbelow(WHOLE_PERMILLE + 1))

    async def work(self) -> None:
        """Builds, seals and sends what is there, then delivers and compares."""
        now = self._clock.now()
        if self._build_at is None or now >= self._build_at:
            await self.prepare()
            self._build_at = now + timedelta(seconds=self._limits.batch_s)
        await self.deliver()
        await self.reconcile()

    async def prepare(self) -> None:
        """Everything that is not in a batch yet is, sealed and on its way."""
        for ledger in await self._ledgers():
            await self._build(ledger)
        for tenant, batch_id in await self._in_state(BatchState.BUILDING):
            await self._seal(tenant, batch_id)
        for tenant, batch_id in await self._in_state(BatchState.SEALED):
            await self._send(tenant, batch_id)

    async def deliver(self) -> int:
        """Sends or asks for every document that is due; how many answers were taken in."""
        if self._gateway is None:
            return 0
        answers = 0
        for _ in range(ROUNDS_MAX):
            if self._quiet_until and self._clock.now() < self._quiet_until:
                break
            claims = await self._claim()
            if not claims:
                break
            await asyncio.gather(*(self._deliver(self._gateway, claim) for claim in claims))
            answers += len(claims)
        return answers

    async def reconcile(self) -> None:
        """Reads acknowledged batches back and compares them."""
        if self._gateway is None:
            return
        for tenant, batch_id in await self._in_state(BatchState.ACKED):
            found = await self.probe(self._gateway, tenant, batch_id)
            if any(isinstance(probed.answer, NotDone) for probed in found.found):
                return
            async with self._units() as uow:
                await found.carry_out(PostgresExportStore(uow), self.moment())
                await uow.commit()

    async def probe(self, gateway: ErpGateway, tenant: str, batch_id: str) -> ProbeExport:
        """What the ERP holds of a batch, yet to be taken in.

        Raises NotFound, ExportBatchWrongState.
        """
        batch, groups, _ = await self._reads.batch(tenant, batch_id)
        found = []
        for group in to_probe(batch, groups):
            document = await self._reads.document(batch, group)
            found.append(Probed(group, await gateway.find(document)))
        return ProbeExport(batch, tuple(found), self._limits.retry)

    async def _build(self, ledger: LedgerKey) -> None:
        """Batches until nothing is left; a full one is sealed so that the next can begin."""
        for _ in range(BUILDS_MAX):
            build = BuildExportBatch(ledger, self._ids.new_id(), self._limits.journals_max)
            async with self._units() as uow:
                built = await build.carry_out(PostgresExportStore(uow), self.moment())
                await uow.commit()
            await fp("export.built")
            if built.held:
                log.warning("journals held from export", held=built.held, book=ledger.book)
            if not built.more:
                return
            if built.batch:
                await self._seal(ledger.tenant, built.batch.id)

    async def _seal(self, tenant: str, batch_id: str) -> None:
        seal = SealExportBatch(tenant, batch_id, self._limits.lines_max)
        async with self._units() as uow:
            try:
                await seal.carry_out(PostgresExportStore(uow), self.moment())
            except ExportBatchWrongState:
                return  # Another replica was faster; its seal is as good as ours.
            await uow.commit()
        await fp("export.sealed")

    async def _send(self, tenant: str, batch_id: str) -> None:
        async with self._units() as uow:
            try:
                await SendExportBatch(tenant, batch_id).carry_out(
                    PostgresExportStore(uow), self.moment()
                )
            except (ExportBatchWrongState, ExportOutcomeUnknown):
                return  # Another replica was faster.
            await uow.commit()
        await fp("export.sent")

    async def _deliver(self, gateway: ErpGateway, claim: Claim) -> None:
        await fp("export.before_call")
        call: Callable[..., object] = gateway.find if claim.asks else gateway.post
        answer: ErpAnswer = await call(claim.document)  # type: ignore[misc]  # both are coroutines
        await fp("export.after_call")
        moment = self.moment()
        if isinstance(answer, NotDone) and answer.wait_ms:
            # Asked to be left alone: the other documents would hear the same.
            self._quiet_until = moment.now + timedelta(milliseconds=answer.wait_ms)
        settle = SettleExportGroup(
            claim.batch, claim.group.number, claim.group.generation, claim.group.attempts,
            answer, self._limits.retry,
        )  # fmt: skip
        async with self._units() as uow:
            after = await settle.carry_out(PostgresExportStore(uow), moment)
            await uow.commit()
        await fp("export.settled")
        log.info(
            "export document", external_id=claim.group.external_id, state=after.state.value,
            answer=type(answer).__name__,
        )  # fmt: skip

    async def _claim(self) -> list[Claim]:
        hold = timedelta(seconds=self._limits.claim_s)
        async with self._units.database.transaction() as connection:
            return await export_claims.claim(connection, self._clock.now(), hold, CLAIMS_MAX)

    async def _ledgers(self) -> list[LedgerKey]:
        async with self._units.database.transaction() as connection:
            never = sorted(NEVER_EXPORTED)
            return await export_claims.ledgers_with_news(connection, never, LEDGERS_MAX)

    async def _in_state(self, state: BatchState) -> list[tuple[str, str]]:
        async with self._units.database.transaction() as connection:
            return await export_claims.batches_in(connection, state.value, BATCHES_MAX)
