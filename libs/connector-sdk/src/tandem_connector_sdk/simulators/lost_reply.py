"""An answer that breaks off: the caller sees a connection that ends in the middle."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class LostReply(Response):
    """Promises a body and sends none; the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Starts an answer and leaves it there."""
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
