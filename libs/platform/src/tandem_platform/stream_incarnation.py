"""Notices that a stream lost messages, and marks what it may have lost to be published again.

The stream is a copy; the journal is the truth. A stream deleted and made anew has another creation
time; one restored from an older state has a lower last sequence than was acknowledged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_platform.jetstream import STREAM_AGE_S_MAX, StreamState
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

_KNOWN = text("SELECT created, last_seq FROM stream_incarnation WHERE stream = :stream FOR UPDATE")
_REMEMBER = text("""
    INSERT INTO stream_incarnation (stream, created, last_seq) VALUES (:stream, :created, :seq)
    ON CONFLICT (stream) DO UPDATE
    SET created = EXCLUDED.created, last_seq = EXCLUDED.last_seq, checked_at = clock_timestamp()
""")
# A higher publication number gives a new message id: the server may remember the old ones.
_PUBLISH_ALL_AGAIN = text("""
    UPDATE event_journal SET published_at = NULL, publication = publication + 1
    WHERE published_at IS NOT NULL
      AND recorded_at > clock_timestamp() - make_interval(secs => :window)
""")
_PUBLISH_LOST_AGAIN = text("""
    UPDATE event_journal SET published_at = NULL, publication = publication + 1
    WHERE published_at IS NOT NULL AND stream_seq > :seq
      AND recorded_at > clock_timestamp() - make_interval(secs => :window)
""")
_ADVANCE = text("""
    UPDATE stream_incarnation SET last_seq = greatest(last_seq, :seq)
    WHERE stream = :stream AND created = :created
""")


async def reconcile(
    connection: AsyncConnection, stream: str, read_state: Callable[[], Awaitable[StreamState]]
) -> tuple[StreamState, int]:
    """Compares a stream with what is remembered; its state, and how many rows go round again.

    The state is read while the remembered row is locked: read before, it would look older than
    what the relay had acknowledged in between, and every busy moment would look like a loss.
    """
    known = (await connection.execute(_KNOWN, {"stream": stream})).first()
    state = await read_state()
    again = 0
    if known is not None and known.created != state.created:
        result = await connection.execute(_PUBLISH_ALL_AGAIN, {"window": STREAM_AGE_S_MAX})
        again = result.rowcount
    elif known is not None and state.last_seq < known.last_seq:
        lost = {"seq": state.last_seq, "window": STREAM_AGE_S_MAX}
        again = (await connection.execute(_PUBLISH_LOST_AGAIN, lost)).rowcount
    elif known is not None:
        return state, 0
    remembered = {"stream": stream, "created": state.created, "seq": state.last_seq}
    await connection.execute(_REMEMBER, remembered)
    if again:
        log.warning("the stream lost messages, publishing again", stream=stream, events=again)
    return state, again


async def advance(connection: AsyncConnection, stream: str, created: str, last_seq: int) -> bool:
    """Remembers an acknowledged sequence; False when the stream has another life by now.

    Locks the row: `reconcile` waits for the rows marked published in this transaction.
    """
    parameters = {"stream": stream, "created": created, "seq": last_seq}
    return (await connection.execute(_ADVANCE, parameters)).rowcount == 1
