"""Step 2: exceptions become ``google.rpc.Status``; text from inside never leaves."""

from __future__ import annotations

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from tandem_platform.error_table import to_status
from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall, RpcFailed
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

_OUR_FAULT = {grpc.StatusCode.INTERNAL.value[0], grpc.StatusCode.UNKNOWN.value[0]}


async def map_errors(call: RpcCall, proceed: Proceed) -> Message:
    """Raises RpcFailed for every exception but a cancellation and a handler's own abort."""
    try:
        return await proceed(call)
    except grpc.aio.AbortError:
        raise
    except Exception as error:
        status = to_status(error)
        if status.code in _OUR_FAULT:
            log.exception("rpc failed", method=call.method.name)
        raise RpcFailed(status, error, reason_of(status)) from error


def reason_of(status: status_pb2.Status) -> str:
    """The reason in a status' ErrorInfo; empty without one."""
    for packed in status.details:
        info = error_details_pb2.ErrorInfo()
        if packed.Unpack(info):
            return str(info.reason)
    return ""
