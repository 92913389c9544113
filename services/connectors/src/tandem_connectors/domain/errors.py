"""What the runtime refuses.

ConnectionUnknown     CONNECTION_UNKNOWN
DocumentNotParked     DOCUMENT_NOT_PARKED
DeliveryConflict      DELIVERY_CONFLICT
FactConflict          DELIVERY_CONFLICT     the source tells the same fact differently
"""

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class ConnectionUnknown(DomainError):
    """There is no such connection, or not for this tenant."""

    reason: ClassVar[str] = "CONNECTION_UNKNOWN"
    connection_id: str


@dataclass(eq=False)
class DocumentNotParked(DomainError):
    """Only a parked document can be translated again: another one already has its effect."""

    reason: ClassVar[str] = "DOCUMENT_NOT_PARKED"
    document_id: str
    state: str


@dataclass(eq=False)
class DeliveryConflict(DomainError):
    """The source used a delivery id for two bodies; the first one stays what it was."""

    reason: ClassVar[str] = "DELIVERY_CONFLICT"
    source_id: str


@dataclass(eq=False)
class FactConflict(DomainError):
    """A fact told before is told again with other content; somebody must decide which is true."""

    reason: ClassVar[str] = "DELIVERY_CONFLICT"
    source_id: str
    field: str
