"""Reads bodies: never more than allowed, never in an encoding nobody asked for."""

from __future__ import annotations

from starlette.requests import Request

from tandem_gateway.domain.errors import BodyTooLarge, MediaTypeUnsupported

JSON_TYPES = ("application/json",)


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The body. Raises BodyTooLarge as soon as that is known, MediaTypeUnsupported if encoded.

    Compressed bodies are refused: a few kilobytes could unpack to gigabytes.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise MediaTypeUnsupported("identity")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > bytes_max:
        raise BodyTooLarge(bytes_max)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise BodyTooLarge(bytes_max)
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json_body(request: Request, bytes_max: int) -> bytes:
    """As `read_body`; a body must call itself JSON. Raises MediaTypeUnsupported."""
    body = await read_body(request, bytes_max)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type not in JSON_TYPES:
        raise MediaTypeUnsupported(", ".join(JSON_TYPES))
    return body
