"""Step 4: a verified caller for every call; default deny."""

from __future__ import annotations

from google.protobuf.message import Message

from tandem_platform import request_context
from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall
from tandem_platform.internal_token import METADATA_KEY, TokenInvalid, TokenVerifier

BEARER = "Bearer "


class AuthnStep:
    """Reads the internal token. Raises TokenInvalid without a good one."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def __call__(self, call: RpcCall, proceed: Proceed) -> Message:
        """Sets the caller for all steps and code below."""
        header = call.metadata.get(METADATA_KEY, "")
        if not header.startswith(BEARER):
            raise TokenInvalid("an internal token is missing")
        request_context.set_caller(self._verifier.caller(header.removeprefix(BEARER)))
        return await proceed(call)
