"""An error answered by a peer, rebuilt from ``google.rpc.Status``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

TDetail = TypeVar("TDetail", bound=Message)


class RemoteError(Exception):
    """What a peer answered: ``reason`` is empty when it sent no ErrorInfo (peer unreachable)."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        details: Sequence[AnyMessage] = (),
    ) -> None:
        super().__init__(f"{reason or code.name}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.details = tuple(details)

    def detail(self, message_type: type[TDetail]) -> TDetail | None:
        """The first detail of this type, or None."""
        for packed in self.details:
            detail = message_type()
            if packed.Unpack(detail):
                return detail
        return None

    @property
    def retry_after_s(self) -> float | None:
        """When the peer said to come back; None when it did not."""
        info = self.detail(error_details_pb2.RetryInfo)
        return info.retry_delay.ToTimedelta().total_seconds() if info else None

    @property
    def retryable(self) -> bool:
        """True when the same request may succeed later unchanged."""
        return self.detail(error_details_pb2.RetryInfo) is not None or self.code in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        )

    @property
    def violations(self) -> list[error_details_pb2.BadRequest.FieldViolation]:
        """The fields the peer found wrong."""
        bad = self.detail(error_details_pb2.BadRequest)
        return list(bad.field_violations) if bad else []


def from_rpc_error(error: grpc.aio.AioRpcError) -> RemoteError:
    """The typed error inside a failed call."""
    status: status_pb2.Status | None = rpc_status.from_call(error)
    if status is None:
        return RemoteError(error.code(), error.details() or error.code().name)
    info = error_details_pb2.ErrorInfo()
    for packed in status.details:
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            packed.Unpack(info)
            break
    return RemoteError(
        error.code(),
        status.message,
        reason=info.reason,
        metadata=info.metadata,
        details=status.details,
    )
