"""Payment commands as rows."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_connector_sdk.models import PaymentAction, PaymentCommand
from tandem_core.money import Money

from tandem_connectors.domain.outbound_command import CommandState, OutboundCommand

_ADD = text("""
    INSERT INTO outbound_command (tenant, command_id, connection_id, order_id, action,
        currency_code, minor_units, provider_ref, state, next_attempt_at, carrier, created_at)
    VALUES (:tenant, :command_id, :connection_id, :order_id, :action, :currency_code,
        :minor_units, :provider_ref, 'PENDING', :created_at, CAST(:carrier AS jsonb), :created_at)
    ON CONFLICT DO NOTHING
""")
# `was_uncertain` tells what was known before this claim; from now on the outcome is open until
# somebody writes it.
_CLAIM = text("""
    WITH due AS (
        SELECT tenant, command_id, uncertain AS was_uncertain FROM outbound_command
        WHERE state = 'PENDING' AND next_attempt_at <= :now AND claimed_until <= :now
        ORDER BY next_attempt_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE outbound_command AS command
    SET claimed_by = :owner, claimed_until = :until, attempts = attempts + 1, uncertain = true
    FROM due WHERE command.tenant = due.tenant AND command.command_id = due.command_id
    RETURNING command.*, due.was_uncertain
""")
_SAVE = text("""
    UPDATE outbound_command AS command
    SET state = new.state, uncertain = new.uncertain, last_error = new.last_error,
        next_attempt_at = new.next_attempt_at, claimed_by = '', claimed_until = '-infinity'
    FROM unnest(CAST(:tenant AS text[]), CAST(:command_id AS text[]), CAST(:state AS text[]),
                CAST(:uncertain AS boolean[]), CAST(:last_error AS text[]),
                CAST(:next_attempt_at AS timestamptz[]))
         AS new (tenant, command_id, state, uncertain, last_error, next_attempt_at)
    WHERE command.tenant = new.tenant AND command.command_id = new.command_id
      AND command.state <> 'DONE'
""")
_RELEASE = text("""
    UPDATE outbound_command SET claimed_by = '', claimed_until = '-infinity'
    WHERE state = 'PENDING' AND claimed_by = :owner
""")


class CommandRows:
    """The port `Commands` on one connection; `owner` is this replica."""

    def __init__(self, connection: AsyncConnection, owner: str) -> None:
        self._connection = connection
        self._owner = owner

    async def add(self, command: OutboundCommand) -> None:
        """Queues it; a second one with its id changes nothing."""
        asked = command.command
        await self._connection.execute(
            _ADD,
            {
                "tenant": command.tenant,
                "command_id": asked.command_id,
                "connection_id": command.connection_id,
                "order_id": asked.order_id,
                "action": asked.action.value,
                "currency_code": asked.amount.currency_code,
                "minor_units": asked.amount.minor_units,
                "provider_ref": asked.provider_ref,
                "carrier": json.dumps(dict(command.carrier)),
                "created_at": command.created_at,
            },
        )

    async def claim_due(self, now: datetime, until: datetime, limit: int) -> list[OutboundCommand]:
        """Due ones, held until `until`."""
        values = {"now": now, "until": until, "limit": limit, "owner": self._owner}
        rows = (await self._connection.execute(_CLAIM, values)).mappings()
        return [_to_command(row) for row in rows]

    async def save(self, commands: Sequence[OutboundCommand]) -> None:
        """Writes state and outcome; what is done stays done."""
        await self._connection.execute(
            _SAVE,
            {
                "tenant": [c.tenant for c in commands],
                "command_id": [c.command.command_id for c in commands],
                "state": [c.state.value for c in commands],
                "uncertain": [c.uncertain for c in commands],
                "last_error": [c.last_error for c in commands],
                "next_attempt_at": [c.next_attempt_at or c.created_at for c in commands],
            },
        )

    async def release_own(self) -> None:
        """Gives back what this replica held when it died."""
        await self._connection.execute(_RELEASE, {"owner": self._owner})


def _to_command(row: Mapping[Any, Any]) -> OutboundCommand:
    return OutboundCommand(
        command=PaymentCommand(
            command_id=row["command_id"],
            order_id=row["order_id"],
            action=PaymentAction(row["action"]),
            amount=Money(row["currency_code"], row["minor_units"]),
            provider_ref=row["provider_ref"],
        ),
        tenant=row["tenant"],
        connection_id=row["connection_id"],
        created_at=row["created_at"],
        carrier=row["carrier"],
        state=CommandState(row["state"]),
        attempts=row["attempts"],
        uncertain=row["was_uncertain"],
        next_attempt_at=row["next_attempt_at"],
        last_error=row["last_error"],
    )
