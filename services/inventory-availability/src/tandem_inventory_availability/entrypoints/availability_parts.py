"""What the rpcs of the availability service are made of; one value for all of its parts."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_core.clock import Clock
from tandem_core.ids import IdFactory
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens

from tandem_inventory_availability.adapters.availability_batches import AvailabilityBatches
from tandem_inventory_availability.adapters.postgres.availability_reads import AvailabilityReads
from tandem_inventory_availability.adapters.postgres.stock_read_models import StockReadModels


@dataclass(frozen=True)
class AvailabilityParts:
    """Reads, writes and what they need."""

    database: Database
    clock: Clock
    ids: IdFactory
    reads: AvailabilityReads
    read_models: StockReadModels
    writes: IdempotentWrites
    page_tokens: PageTokens
    batches: AvailabilityBatches
