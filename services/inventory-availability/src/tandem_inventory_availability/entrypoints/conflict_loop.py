"""The desk of conflict cases: finds victims and steps, does what policy lets happen by itself, and
closes cases whose stock came back. Cases of shelves are opened by the change that made them, those
of groups, quotas and lost supply here.
"""

from __future__ import annotations

from typing import TypeVar

from tandem_core.clock import Clock
from tandem_core.errors import DomainError
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_inventory_availability.adapters.postgres.conflict_reads import ConflictReads
from tandem_inventory_availability.adapters.postgres.conflict_suspects import Cursors
from tandem_inventory_availability.adapters.stock_decision import Decision, carry_out
from tandem_inventory_availability.application.apply_resolution import ApplyResolution
from tandem_inventory_availability.application.close_cleared_conflicts import CloseClearedConflicts
from tandem_inventory_availability.application.propose_resolutions import ProposeResolutions
from tandem_inventory_availability.application.watch_places import WatchPlaces
from tandem_inventory_availability.domain.conflict_case import ConflictCase, ConflictPolicy
from tandem_inventory_availability.domain.conflict_desk import Decided

log = get_logger(__name__)

CASES_MAX = 50
"""Cases of one round; the next round takes the others."""
BY_POLICY = Decided("", "policy")
T = TypeVar("T")
START = ("", "", "")


class ConflictDesk:
    """Looks at cases, a transaction for each."""

    def __init__(
        self, units: UnitOfWorkFactory, reads: ConflictReads, clock: Clock, policy: ConflictPolicy
    ) -> None:
        self._units = units
        self._reads = reads
        self._clock = clock
        self._policy = policy
        self._after = START
        self._cursors = Cursors()

    async def work(self) -> int:
        """One round; how many cases it looked at."""
        await self._watch()
        cleared = await self._reads.clear(self._policy.grace, CASES_MAX)
        if cleared:
            await self._do(CloseClearedConflicts(tuple(cleared), self._policy.grace))
        unseen = await self._reads.unseen(CASES_MAX)
        for tenant, case_id in unseen:
            await self._look_at(tenant, case_id)
        return len(unseen) + len(cleared)

    async def _watch(self) -> None:
        groups, self._after = await self._reads.suspect_groups(self._after)
        others, self._cursors = await self._reads.suspects(self._cursors)
        found = tuple(dict.fromkeys([*groups, *others]))
        if found:
            await self._do(WatchPlaces(found))

    async def _look_at(self, tenant: str, case_id: str) -> None:
        case = await self._reads.case(tenant, case_id)
        if case is None or not case.open:
            return
        situation = await self._reads.situation(case)
        proposed = await self._do(ProposeResolutions(tenant, case_id, situation, self._policy))
        if proposed is not None:
            await self._apply(tenant, proposed)

    async def _apply(self, tenant: str, case: ConflictCase) -> None:
        for step in case.resolutions:
            if not step.automatic or step.needs_approval:
                continue
            await self._do(ApplyResolution(tenant, case.id, step, BY_POLICY))

    async def _do(self, command: Decision[T]) -> T | None:
        try:
            async with self._units() as uow:
                result = await carry_out(uow, self._clock, command)
                await uow.commit()
                return result
        except DomainError as error:
            # Somebody was quicker, or stock moved on: the next round looks at the case anew.
            log.info("step of a case not done", reason=error.reason)
            return None
