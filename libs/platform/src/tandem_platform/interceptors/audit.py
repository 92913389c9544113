"""Step 9: one log line per write: who, what, under which id, with which outcome."""

from __future__ import annotations

from google.protobuf.message import Message

from tandem_platform import request_context
from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall
from tandem_platform.structured_logs import get_logger

log = get_logger("tandem.audit")


async def audit_write(call: RpcCall, proceed: Proceed) -> Message:
    """Logs ids and outcome, never the content."""
    if not call.method.mutates:
        return await proceed(call)
    outcome = "ok"
    try:
        return await proceed(call)
    except BaseException as error:
        outcome = str(getattr(error, "reason", "")) or type(error).__qualname__
        raise
    finally:
        caller = request_context.current_caller()
        log.info("write", outcome=outcome, channel=caller.channel)
