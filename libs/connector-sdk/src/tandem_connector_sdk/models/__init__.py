"""Canonical facts: what a translation emits and a payment provider is asked.

They mirror `proto/tandem/connector/v1/events.proto` without the provenance, which the runtime
adds: a connector cannot know the document's id and must not invent one.
"""

from tandem_connector_sdk.models.event import CanonicalEvent as CanonicalEvent
from tandem_connector_sdk.models.orders import Collector as Collector
from tandem_connector_sdk.models.orders import ExternalRef as ExternalRef
from tandem_connector_sdk.models.orders import OrderDraft as OrderDraft
from tandem_connector_sdk.models.orders import OrderLine as OrderLine
from tandem_connector_sdk.models.orders import OrderPlaced as OrderPlaced
from tandem_connector_sdk.models.orders import ShipTo as ShipTo
from tandem_connector_sdk.models.orders import TaxLine as TaxLine
from tandem_connector_sdk.models.payments import PaymentAction as PaymentAction
from tandem_connector_sdk.models.payments import PaymentCommand as PaymentCommand
from tandem_connector_sdk.models.payments import PaymentCompleted as PaymentCompleted
from tandem_connector_sdk.models.payments import PaymentOutcome as PaymentOutcome
from tandem_connector_sdk.models.payments import PaymentResult as PaymentResult
from tandem_connector_sdk.models.payments import (
    ProviderTransactionReported as ProviderTransactionReported,
)
from tandem_connector_sdk.models.refunds import RefundLine as RefundLine
from tandem_connector_sdk.models.refunds import RefundReported as RefundReported
from tandem_connector_sdk.models.refunds import Restock as Restock
from tandem_connector_sdk.models.sales import SaleReported as SaleReported
from tandem_connector_sdk.models.sales import Tender as Tender
from tandem_connector_sdk.models.sales import TenderType as TenderType
from tandem_connector_sdk.models.stock import GoodsReceived as GoodsReceived
from tandem_connector_sdk.models.stock import GoodsReceivedLine as GoodsReceivedLine
from tandem_connector_sdk.models.stock import MovementCause as MovementCause
from tandem_connector_sdk.models.stock import ShipmentLine as ShipmentLine
from tandem_connector_sdk.models.stock import ShipmentReported as ShipmentReported
from tandem_connector_sdk.models.stock import SnapshotLine as SnapshotLine
from tandem_connector_sdk.models.stock import StockMovementReported as StockMovementReported
from tandem_connector_sdk.models.stock import StockSnapshotReported as StockSnapshotReported

Canonical = (
    OrderPlaced
    | RefundReported
    | SaleReported
    | StockSnapshotReported
    | StockMovementReported
    | ShipmentReported
    | GoodsReceived
    | PaymentCompleted
    | ProviderTransactionReported
)
