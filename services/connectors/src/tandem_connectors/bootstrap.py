"""The composition root: the only module that knows every layer."""

from collections.abc import Mapping
from dataclasses import dataclass

from tandem_connector_sdk.plugin import Client, Link, Plugin
from tandem_connector_sdk.ports import PaymentPusher, Poller
from tandem_connector_sdk.registry import load_connectors
from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.fault_points import fp
from tandem_platform.group_commit import GroupCommit
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.process import Runtime, ServiceParts
from tandem_platform.service_wiring import consumer_runners, platform_servicers, purge_loop

from tandem_connectors.adapters.beside_the_loop import beside_the_loop
from tandem_connectors.adapters.connection_file import load_connections
from tandem_connectors.adapters.postgres.connection_rows import PendingCommands
from tandem_connectors.adapters.postgres.transaction import PostgresTransactions
from tandem_connectors.adapters.trace_context import TelemetryTraces
from tandem_connectors.adapters.wire.event_mapping import ContractEncoder
from tandem_connectors.application.carry_out_payments import (
    CarryOutPayments,
    PaymentClient,
    PaymentParts,
)
from tandem_connectors.application.connection_book import ConnectionBook
from tandem_connectors.application.poll_provider import PollParts, PollProvider
from tandem_connectors.application.queue_payment import QueuePayment
from tandem_connectors.application.receive_payload import ReceivePayload
from tandem_connectors.application.retry_inbound_document import RetryInboundDocumentHandler
from tandem_connectors.application.settle_commands import SettleCommands, Settlement
from tandem_connectors.application.store_documents import (
    BATCH_DOCUMENTS_MAX,
    BATCHED_BYTES_MAX,
    StoreDocuments,
)
from tandem_connectors.application.translate_documents import TranslateDocuments
from tandem_connectors.application.translate_received import TranslateReceived
from tandem_connectors.domain.inbound_document import InboundDocument
from tandem_connectors.entrypoints.consumer_order_events import OrderEvents
from tandem_connectors.entrypoints.grpc_connection_service import ConnectionService
from tandem_connectors.entrypoints.grpc_inbound_document_service import InboundDocumentService
from tandem_connectors.entrypoints.grpc_ingress_service import IngressService
from tandem_connectors.entrypoints.payments_loop import PaymentsLoop
from tandem_connectors.entrypoints.poll_loops import poll_loop
from tandem_connectors.entrypoints.translation_loop import translation_loop
from tandem_connectors.settings import Settings

ORDERS = "order-orchestrator"

DocumentCommits = GroupCommit[InboundDocument, InboundDocument | None]
SettlementCommits = GroupCommit[Settlement, None]


@dataclass(frozen=True)
class _Common:
    """What all parts share."""

    runtime: Runtime
    settings: Settings
    book: ConnectionBook
    transactions: PostgresTransactions
    translate: TranslateDocuments
    clients: Mapping[str, Client]


async def build(runtime: Runtime) -> ServiceParts:
    """All parts of the service, wired; nothing is started yet."""
    common = _common(runtime)
    await common.transactions.release_own_claims()
    received = TranslateReceived(common.transactions, common.translate, runtime.clock, fp)
    translation = translation_loop(received, common.settings.translate_interval_ms)
    documents = _document_commits(common)
    settlements = _settlement_commits(common)
    payments = _payments_loop(common, settlements)
    events = OrderEvents(
        QueuePayment(common.book), runtime.clock, common.settings.replica, payments.poke
    )
    runners = consumer_runners(runtime, {ORDERS: events.consumer()})
    writes = IdempotentWrites(runtime.units, runtime.clock)
    figures = PendingCommands(runtime.database)
    return ServiceParts(
        servicers=[
            *_servicers(common, writes, documents, translation),
            *platform_servicers(runtime, runners, writes, pending_commands=figures.count),
        ],
        consumers=runners,
        loops=[
            documents,
            settlements,
            translation,
            payments,
            *_poll_loops(common),
            purge_loop(writes),
        ],
        closers=[client.close for client in common.clients.values()],
    )


def _common(runtime: Runtime) -> _Common:
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError("the connector runtime needs its own settings")
    book = _book(settings, load_connectors())
    encoder, traces = ContractEncoder(), TelemetryTraces()
    return _Common(
        runtime=runtime,
        settings=settings,
        book=book,
        transactions=PostgresTransactions(runtime.units, settings.replica),
        translate=TranslateDocuments(book, encoder, traces, runtime.clock, beside_the_loop),
        clients=_open_clients(book),
    )


def _book(settings: Settings, plugins: Mapping[str, Plugin]) -> ConnectionBook:
    if settings.connections_file is None:
        return ConnectionBook([])
    return load_connections(settings.connections_file, plugins)


def _open_clients(book: ConnectionBook) -> dict[str, Client]:
    return {
        item.connection.id: item.plugin.open_client(
            Link(item.connection.id, item.connection.settings, item.secrets)
        )
        for item in book.all()
        if item.plugin.open_client is not None
    }


def _document_commits(common: _Common) -> DocumentCommits:
    store = StoreDocuments(common.transactions)
    return DocumentCommits(store.process, batch_max=BATCH_DOCUMENTS_MAX, name="documents")


def _settlement_commits(common: _Common) -> SettlementCommits:
    return SettlementCommits(SettleCommands(common.transactions, fp).process, name="payments")


def _servicers(
    common: _Common,
    writes: IdempotentWrites,
    documents: DocumentCommits,
    translation: BackgroundLoop,
) -> list[object]:
    runtime = common.runtime
    alone = StoreDocuments(common.transactions).alone

    async def store(document: InboundDocument) -> InboundDocument | None:
        small = document.size_bytes <= BATCHED_BYTES_MAX
        return await (documents.submit(document) if small else alone(document))

    receive = ReceivePayload(store, common.book, TelemetryTraces(), runtime.clock, runtime.ids)
    return [
        IngressService(receive, translation.poke),
        InboundDocumentService(
            common.transactions,
            RetryInboundDocumentHandler(common.translate),
            writes,
            runtime.page_tokens,
        ),
        ConnectionService(common.book, runtime.database, runtime.page_tokens),
    ]


def _payments_loop(common: _Common, settlements: SettlementCommits) -> PaymentsLoop:
    clients: dict[str, PaymentClient] = {
        key: client  # type: ignore[misc]  # the check below is for one of the two protocols
        for key, client in common.clients.items()
        if isinstance(client, PaymentPusher)
    }
    parts = PaymentParts(
        book=common.book,
        clients=clients,
        encoder=ContractEncoder(),
        traces=TelemetryTraces(),
        clock=common.runtime.clock,
        fault_point=fp,
    )
    return PaymentsLoop(
        CarryOutPayments(common.transactions, parts, settlements.submit),
        in_flight_max=common.settings.payments_in_flight_max,
        interval_ms=common.settings.outbound_interval_ms,
    )


def _poll_loops(common: _Common) -> list[BackgroundLoop]:
    parts = PollParts(common.translate, TelemetryTraces(), common.runtime.clock, fp)
    loops: list[BackgroundLoop] = []
    for item in common.book.all():
        client = common.clients.get(item.connection.id)
        if not isinstance(client, Poller):
            continue
        for stream in item.plugin.manifest.ingress.poll:
            poll = PollProvider(common.transactions, parts, item, client, stream)
            name = f"{item.connection.id} {stream}"
            loops.append(poll_loop(name, poll, item.connection.poll_interval_s))
    return loops
