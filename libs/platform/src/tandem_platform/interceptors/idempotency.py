"""Step 8: names the write, so that the owner of the effect can store its answer under the name.

The record itself is written in the transaction of the effect (`tandem_platform.idempotency`);
kept here it could say "done" for work a crash undid.
"""

from __future__ import annotations

from google.protobuf.message import Message

from tandem_platform import request_context
from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall

FIELD = "request_id"


async def name_write(call: RpcCall, proceed: Proceed) -> Message:
    """Puts the request id of a write into the context."""
    if call.method.mutates and FIELD in call.request.DESCRIPTOR.fields_by_name:
        request_context.set_request_id(getattr(call.request, FIELD))
    return await proceed(call)
