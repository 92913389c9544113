"""A write repeated with the same ``request_id`` gets the first answer, not a second effect.

The record is in the transaction of the effect: either both are there or neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, TypeVar, cast

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.clock import Clock
from tandem_core.errors import DomainError, FieldViolation, ValidationFailed

from tandem_platform.request_context import (
    add_trailing_metadata,
    current_caller,
    current_method,
)
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

TResponse = TypeVar("TResponse", bound=Message)

REPLAYED = "tandem-replayed"
RETENTION_DAYS = 14
PURGE_ROWS_MAX = 5_000


@dataclass(eq=False)
class RequestIdReused(DomainError):
    """The same request id came before with another body."""

    reason: ClassVar[str] = "REQUEST_ID_REUSED"
    request_id: str
    method: str


@dataclass(frozen=True, order=True)
class IdempotencyKey:
    """One write of one caller; ``principal`` holds tenant and subject."""

    principal: str
    method: str
    request_id: str


@dataclass(frozen=True)
class Claimed:
    """This request is new: do it, and store its response."""


@dataclass(frozen=True)
class Replayed:
    """This request was done before; ``response`` is what it answered."""

    response: bytes


@dataclass(frozen=True)
class SameAs:
    """The same request stands at ``index`` of this batch: it gets that one's answer."""

    index: int


Claim = Claimed | Replayed | SameAs | RequestIdReused


def request_key(request: Message) -> IdempotencyKey:
    """Key of a write, from the request context. Raises ValidationFailed without a request id."""
    request_id: str = getattr(request, "request_id", "")
    if not request_id:
        raise ValidationFailed([FieldViolation("request_id", "is required", "required")])
    return IdempotencyKey(current_caller().principal, current_method(), request_id)


def request_hash(request: Message) -> bytes:
    """Hash of the whole request."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


_CLAIM = text("""
    INSERT INTO idempotency_record (principal, method, request_id, request_hash, created_at)
    VALUES (:principal, :method, :request_id, :hash, :now)
    ON CONFLICT DO NOTHING
""")
_FIND = text("""
    SELECT request_hash, response, response_type FROM idempotency_record
    WHERE principal = :principal AND method = :method AND request_id = :request_id
""")
_STORE = text("""
    UPDATE idempotency_record SET response = :response, response_type = :type
    WHERE principal = :principal AND method = :method AND request_id = :request_id
""")


class IdempotentWrites:
    """Runs writes of rpcs once per request id."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def run(
        self,
        request: Message,
        effect: Callable[[UnitOfWork], Awaitable[TResponse]],
    ) -> TResponse:
        """The response of ``effect``, or the stored one of the first time.

        ``effect`` must not commit. When it raises, nothing is stored and the id stays free.
        Two calls at once with one id wait for each other. Raises RequestIdReused.
        """
        key, digest = request_key(request), request_hash(request)
        async with self._units() as uow:
            stored = await self._claim(uow.connection, key, digest)
            if stored is not None:
                add_trailing_metadata(REPLAYED, "true")
                return cast(TResponse, stored)
            response = await effect(uow)
            await uow.connection.execute(
                _STORE,
                {
                    **vars(key),
                    "type": response.DESCRIPTOR.full_name,
                    "response": response.SerializeToString(),
                },
            )
            await uow.commit()
        return response

    async def purge(self) -> int:
        """Removes records older than RETENTION_DAYS, at most PURGE_ROWS_MAX; how many."""
        before = self._clock.now() - timedelta(days=RETENTION_DAYS)
        async with self._units.database.transaction() as connection:
            result = await connection.execute(_PURGE, {"before": before, "rows": PURGE_ROWS_MAX})
        return result.rowcount

    async def _claim(
        self, connection: AsyncConnection, key: IdempotencyKey, digest: bytes
    ) -> Message | None:
        parameters = {**vars(key), "hash": digest, "now": self._clock.now()}
        # Waits here while another transaction holds the same key, and sees what it left.
        if (await connection.execute(_CLAIM, parameters)).rowcount == 1:
            return None
        row = (await connection.execute(_FIND, vars(key))).one()
        if bytes(row.request_hash) != digest:
            raise RequestIdReused(key.request_id, key.method)
        descriptor = descriptor_pool.Default().FindMessageTypeByName(row.response_type)
        return message_factory.GetMessageClass(descriptor).FromString(bytes(row.response))


_PURGE = text("""
    DELETE FROM idempotency_record
    WHERE (principal, method, request_id) IN (
        SELECT principal, method, request_id FROM idempotency_record
        WHERE created_at < :before ORDER BY created_at LIMIT :rows)
""")


@dataclass(frozen=True)
class BatchRequest:
    """One command of a group commit, with the key and hash taken where its rpc came in."""

    key: IdempotencyKey
    digest: bytes


# Locks by key, in a fixed order, until the transaction ends: a replica that has the same key in
# its batch waits here and then finds the record. Cheaper than claim rows that are updated later.
_LOCK_KEYS = text("""
    SELECT pg_advisory_xact_lock(hash) FROM (
        SELECT DISTINCT hashtextextended(principal || chr(31) || method || chr(31) || request_id, 0)
               AS hash
        FROM unnest(CAST(:principals AS text[]), CAST(:methods AS text[]), CAST(:ids AS text[]))
             AS wanted (principal, method, request_id) ORDER BY 1) AS keys
""")
_FIND_BATCH = text("""
    SELECT principal, method, request_id, request_hash, response FROM idempotency_record
    JOIN unnest(CAST(:principals AS text[]), CAST(:methods AS text[]), CAST(:ids AS text[]))
         AS wanted (principal, method, request_id) USING (principal, method, request_id)
""")
_STORE_BATCH = text("""
    INSERT INTO idempotency_record (principal, method, request_id, request_hash, response)
    SELECT * FROM unnest(CAST(:principals AS text[]), CAST(:methods AS text[]),
                         CAST(:ids AS text[]), CAST(:hashes AS bytea[]),
                         CAST(:responses AS bytea[]))
""")


async def claim_batch(connection: AsyncConnection, requests: Sequence[BatchRequest]) -> list[Claim]:
    """What to do with each request of a batch, in two statements; call it first.

    The same key twice in one batch: the second gets `SameAs`, or RequestIdReused when its body
    differs. Errors are returned, not raised: neighbours go on.
    """
    columns = _key_columns([request.key for request in requests])
    await connection.execute(_LOCK_KEYS, columns)
    found = {
        IdempotencyKey(row.principal, row.method, row.request_id): (
            bytes(row.request_hash),
            bytes(row.response),
        )
        for row in await connection.execute(_FIND_BATCH, columns)
    }
    first: dict[IdempotencyKey, int] = {}
    return [_claim_of(index, requests, found, first) for index in range(len(requests))]


def _claim_of(
    index: int,
    requests: Sequence[BatchRequest],
    found: dict[IdempotencyKey, tuple[bytes, bytes]],
    first: dict[IdempotencyKey, int],
) -> Claim:
    key, digest = requests[index].key, requests[index].digest
    if key in found:
        known, response = found[key]
        same: Claim = Replayed(response)
    elif key in first:
        known = requests[first[key]].digest
        same = SameAs(first[key])
    else:
        first[key] = index
        return Claimed()
    return same if known == digest else RequestIdReused(key.request_id, key.method)


async def store_batch(
    connection: AsyncConnection, done: Sequence[tuple[BatchRequest, bytes]]
) -> None:
    """Stores the responses of the commands that took effect, in the same transaction.

    Leave out the ones that failed: their ids stay free for another try.
    """
    if not done:
        return
    columns: dict[str, list[str] | list[bytes]] = {
        **_key_columns([request.key for request, _ in done]),
        "hashes": [request.digest for request, _ in done],
        "responses": [response for _, response in done],
    }
    await connection.execute(_STORE_BATCH, columns)


def _key_columns(keys: Sequence[IdempotencyKey]) -> dict[str, list[str]]:
    return {
        "principals": [key.principal for key in keys],
        "methods": [key.method for key in keys],
        "ids": [key.request_id for key in keys],
    }
