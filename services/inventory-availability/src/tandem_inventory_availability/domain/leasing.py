"""Granting, reporting and returning leases, on the locked rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_core.errors import NotFound

from tandem_inventory_availability.domain.allocation_errors import ReportReused
from tandem_inventory_availability.domain.allocation_plan import AllocationPlan
from tandem_inventory_availability.domain.drawing import Drawing
from tandem_inventory_availability.domain.errors import InsufficientStock, Short
from tandem_inventory_availability.domain.quota_lease import LeaseReport, LeaseState, QuotaLease
from tandem_inventory_availability.domain.reservation_line import Draw, parted
from tandem_inventory_availability.domain.room import Demand, Room
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import Bucket, Movement

LEASE_SALE = "LEASE_SALE"


@dataclass(frozen=True)
class Reported:
    """The lease after a report, and the report as it was booked."""

    lease: QuotaLease
    report: LeaseReport


def grant(book: StockBook, wanted: QuotaLease) -> QuotaLease:
    """Keeps units back, or tops the device's live lease up to as many unused ones.

    Raises InsufficientStock, QuotaExhausted, SkuUnknown, LocationUnknown.
    """
    stock, channel = wanted.holder.stock, wanted.holder.channel
    book.position(stock, "")
    old = _live_of(book, wanted)
    more = max(0, wanted.quantity - (old.held if old else 0))
    room = Room(book, Demand()).of(stock)
    if more > room:
        short = Short(stock.sku, stock.location, more, room)
        raise InsufficientStock(stock.tenant, [short])
    draws = Drawing(book, channel).take(stock, more, Demand())
    granted = old.topped_up(wanted, draws) if old else replace(wanted, draws=draws)
    book.change(stock).leased += more
    _draw(book, granted, draws, 1)
    return book.lease_step(granted, "GRANTED", None)


def report_usage(
    book: StockBook, tenant: str, lease_id: str, report: LeaseReport, sold_at: datetime
) -> Reported:
    """Books what a device sold, once per report. The customer holds the goods, so it is booked
    whatever the lease says; the rest of the lease falls by what it covered.

    Raises NotFound, ReportReused, QuantityOutOfRange.
    """
    lease = _lease(book, tenant, lease_id)
    known = book.lease_reports.get((tenant, lease_id, report.report))
    if known is not None:
        if known.quantity != report.quantity:
            raise ReportReused(lease_id, report.report)
        return Reported(lease, known)
    stock = lease.holder.stock
    book.positions[stock].check_range(-report.quantity)
    covered = lease.within(report.quantity, sold_at)
    # A late sale still comes off what is kept back for the device: it is the same goods.
    used = min(report.quantity, lease.held)
    kept, given = parted(lease.draws, used)
    sold = lease.sold(report.quantity, kept)
    position = book.change(stock)
    position.leased += sold.held - lease.held
    _draw(book, lease, given, -1)
    reference = f"{lease_id}/{report.report}"
    ends = (Bucket.SELLABLE, Bucket.OUTSIDE)
    position.book(Movement(*ends, report.quantity, LEASE_SALE, reference, sold_at, local=True))
    told = replace(report, breached=report.quantity - covered)
    book.lease_reports[tenant, lease_id, report.report] = told
    book.new_lease_reports.append((tenant, told))
    return Reported(book.lease_step(sold, "USED", told), told)


def give_back(book: StockBook, tenant: str, lease_id: str) -> QuotaLease:
    """Ends a lease before its time; an ended one stays as it is. Raises NotFound."""
    lease = _lease(book, tenant, lease_id)
    if lease.state is not LeaseState.LIVE:
        return lease
    return _end(book, lease, LeaseState.RETURNED, "RETURNED")


def tidy(book: StockBook, lease: QuotaLease) -> QuotaLease:
    """The lease, expired if its time and grace are over: by the clock, not by the sweeper."""
    if not lease.over(book.now):
        return lease
    # What is over was not counted any more when the rows were read; now it leaves them.
    book.change(lease.holder.stock).leased_expired -= lease.held
    plan = _plan(book, lease)
    if plan is not None:
        book.put_plan(plan.lapsing(lease.holder.channel, lease.draws))
    return _end(book, replace(lease, draws=()), LeaseState.EXPIRED, "EXPIRED")


def _end(book: StockBook, lease: QuotaLease, state: LeaseState, cause: str) -> QuotaLease:
    book.change(lease.holder.stock).leased -= lease.held
    _draw(book, lease, lease.draws, -1)
    return book.lease_step(lease.ended(state), cause, None)


def _lease(book: StockBook, tenant: str, lease_id: str) -> QuotaLease:
    found = book.leases.get((tenant, lease_id))
    if found is None:
        raise NotFound("lease", lease_id)
    return tidy(book, found)


def _live_of(book: StockBook, wanted: QuotaLease) -> QuotaLease | None:
    mine = [tidy(book, lease) for lease in list(book.leases.values()) if _same(lease, wanted)]
    return next((lease for lease in mine if lease.state is LeaseState.LIVE), None)


def _same(lease: QuotaLease, wanted: QuotaLease) -> bool:
    return lease.holder == wanted.holder


def _plan(book: StockBook, lease: QuotaLease) -> AllocationPlan | None:
    return book.plan_of(lease.holder.stock) if lease.draws else None


def _draw(book: StockBook, lease: QuotaLease, draws: tuple[Draw, ...], sign: int) -> None:
    plan = book.plan_of(lease.holder.stock) if draws else None
    if plan is not None:
        moved = plan.taking if sign > 0 else plan.giving
        book.put_plan(moved(lease.holder.channel, draws))
