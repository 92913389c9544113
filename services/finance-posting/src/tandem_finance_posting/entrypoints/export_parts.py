"""Wires account map and export: services, the loop, the ERP that is configured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tandem_platform.background_loop import BackgroundLoop, Startable
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.process import Runtime

from tandem_finance_posting.adapters.erp.erpnext_gateway import ErpNextGateway
from tandem_finance_posting.adapters.erp.file_gateway import FileGateway
from tandem_finance_posting.adapters.postgres.export_reads import ExportReads
from tandem_finance_posting.application.export_ports import ErpGateway
from tandem_finance_posting.domain.export_batch import RetryPolicy
from tandem_finance_posting.entrypoints.export_loop import ExportLimits, ExportLoop
from tandem_finance_posting.entrypoints.grpc_account_map_service import AccountMapService
from tandem_finance_posting.entrypoints.grpc_export_service import ExportDoors, ExportService
from tandem_finance_posting.settings import FinanceSettings

CLAIM_TIMES = 6
"""Calls one document may need, and half as many again: a claim must outlive them all."""

Closer = Callable[[], Awaitable[object]]


def export_parts(
    runtime: Runtime, settings: FinanceSettings, writes: IdempotentWrites
) -> tuple[list[object], list[Startable], list[Closer]]:
    """Servicers, loops and closers. Without an ERP the loop does not run."""
    limits = limits_of(settings)
    gateway, closers = gateway_of(settings)
    work = ExportLoop(runtime.units, runtime.clock, runtime.ids, limits, gateway)
    rounds = work.work if settings.export_auto else work.deliver
    loop = BackgroundLoop("export", rounds, interval_s=settings.export_interval_s)
    doors = ExportDoors(
        writes=writes,
        reads=ExportReads(runtime.database),
        loop=work,
        limits=limits,
        gateway=gateway,
        ids=runtime.ids,
        page_tokens=runtime.page_tokens,
        poke=loop.poke,
    )
    maps = AccountMapService(runtime.database, writes, runtime.clock, runtime.page_tokens)
    return [maps, ExportService(doors)], [loop] if gateway else [], closers


def limits_of(settings: FinanceSettings) -> ExportLimits:
    """What one batch, one document and one try may take."""
    return ExportLimits(
        journals_max=settings.export_journals_max,
        lines_max=settings.export_lines_max,
        claim_s=settings.export_timeout_s * CLAIM_TIMES,
        batch_s=settings.export_batch_s,
        retry=RetryPolicy(
            attempts_max=settings.export_attempts_max,
            first_wait_ms=settings.export_first_wait_ms,
            wait_ms_max=settings.export_wait_ms_max,
        ),
    )


def gateway_of(settings: FinanceSettings) -> tuple[ErpGateway | None, list[Closer]]:
    """The ERP that is configured. Raises ValueError when its settings are not complete."""
    if settings.export_target == "erpnext":
        if not settings.export_erp_url or settings.export_erp_key_file is None:
            raise ValueError("erpnext needs TANDEM_EXPORT_ERP_URL and TANDEM_EXPORT_ERP_KEY_FILE")
        token = settings.export_erp_key_file.read_text().strip()
        erp = ErpNextGateway(settings.export_erp_url, token, settings.export_timeout_s)
        return erp, [erp.close]
    if settings.export_target == "file":
        if settings.export_folder is None:
            raise ValueError("file needs TANDEM_EXPORT_FOLDER")
        settings.export_folder.mkdir(parents=True, exist_ok=True)
        return FileGateway(settings.export_folder), []
    return None, []
