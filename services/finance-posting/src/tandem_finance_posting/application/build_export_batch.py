"""Takes journals into the batch that is being built, each once; holds those without account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem_finance_posting.application.export_ports import ExportStore, LedgerPosition
from tandem_finance_posting.domain.account_map import AccountMap, Unmapped
from tandem_finance_posting.domain.errors import ExportBookRefused
from tandem_finance_posting.domain.export_batch import (
    NEVER_EXPORTED,
    BatchState,
    ExportBatch,
    ExportHold,
    Moment,
)
from tandem_finance_posting.domain.export_batch_lines import BookJournal, LedgerKey, map_journal

UNMAPPED_CODE = "UNMAPPED"
UNBALANCED_CODE = "UNBALANCED"


@dataclass(frozen=True)
class Built:
    """What a call took in. ``batch`` is None when there is none and nothing could be taken."""

    batch: ExportBatch | None
    added: int
    held: int
    more: bool


@dataclass(frozen=True)
class BuildExportBatch:
    """Looks at up to ``journals_max`` journals of a ledger; ``batch_id`` names a new batch."""

    ledger: LedgerKey
    batch_id: str
    journals_max: int

    async def carry_out(self, store: ExportStore, moment: Moment) -> Built:
        """Raises ExportBookRefused."""
        if self.ledger.book in NEVER_EXPORTED:
            raise ExportBookRefused(self.ledger.book)
        # The ledger's row makes builders queue: no journal is looked at by two of them.
        position = await store.lock_ledger(self.ledger)
        batch = await store.building(self.ledger)
        version = batch.map_version if batch else None
        account_map = await store.account_map(self.ledger.tenant, version)
        free = await store.free_holds(self.ledger, account_map.version, self.journals_max)
        fresh = await store.journals_after(
            self.ledger, position.last_sequence, self.journals_max - len(free)
        )
        fit, holds = self._judged([*free, *fresh], account_map)
        if fit and batch is None:
            batch = self._new(position, account_map.version, moment)
        await self._write(store, batch, fit, holds, moment)
        if fit and batch:
            batch = replace(batch, journal_count=batch.journal_count + len(fit))
            await store.save_batch(batch)
        last = fresh[-1].sequence if fresh else position.last_sequence
        number = batch.number if batch else position.last_batch
        await store.move_ledger(self.ledger, LedgerPosition(last, number))
        more = len(free) + len(fresh) == self.journals_max
        return Built(batch, len(fit), len(holds), more)

    async def _write(
        self,
        store: ExportStore,
        batch: ExportBatch | None,
        fit: Sequence[BookJournal],
        holds: Sequence[ExportHold],
        moment: Moment,
    ) -> None:
        if holds:
            await store.hold(self.ledger, holds, moment)
        if batch and fit:
            await store.save_batch(batch)
            await store.add_members(batch, fit)
            await store.end_holds(self.ledger.tenant, [journal.id for journal in fit])

    def _new(self, position: LedgerPosition, map_version: int, moment: Moment) -> ExportBatch:
        return ExportBatch(
            id=self.batch_id,
            ledger=self.ledger,
            number=position.last_batch + 1,
            state=BatchState.BUILDING,
            map_version=map_version,
            built_at=moment.now,
        )

    def _judged(
        self, journals: Sequence[BookJournal], account_map: AccountMap
    ) -> tuple[list[BookJournal], list[ExportHold]]:
        fit, holds = [], []
        for journal in journals:
            found = map_journal(journal, account_map, self.ledger)
            if isinstance(found, Unmapped):
                told = f"role {found.role} has no account"
                code, hint = UNMAPPED_CODE, found.hint
                holds.append(_hold(journal, account_map.version, (code, found.role, told, hint)))
            elif not journal.balances:
                # It would spoil the whole document it is in: an ERP takes balanced ones only.
                told, hint = "debits and credits differ", "reverse the journal"
                holds.append(_hold(journal, account_map.version, (UNBALANCED_CODE, "", told, hint)))
            else:
                fit.append(journal)
        return fit, holds


def _hold(journal: BookJournal, map_version: int, why: tuple[str, str, str, str]) -> ExportHold:
    code, role, detail, hint = why
    return ExportHold(
        journal.id, journal.sequence, journal.accounting_date, code, role, detail, hint, map_version
    )
