"""Webhook endpoints, their secrets, and the deliveries to them, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from guerdon_kit.postgres import Connection, load_queries
from guerdon_kit.sealing import Sealed
from guerdon_kit.webhooks.rules import (
    OVERLAP,
    Attempt,
    Delivery,
    DeliveryState,
    DisableReason,
    Endpoint,
    EndpointState,
    Outcome,
)

_queries = load_queries("guerdon_kit.webhooks")


@dataclass(frozen=True, slots=True)
class Webhook:
    """What an attempt sends, and where to."""

    event_id: str
    payload: str
    url: str
    set_time: datetime
    """When that address was set."""
    enabled: bool


async def put(connection: Connection, owner_id: str, url: str, actor: str, now: datetime) -> bool:
    """Sets the address, ENABLED; answers whether the endpoint has no secret yet."""
    return bool(await _queries.set_endpoint(connection, owner=owner_id, url=url, actor=actor, set_time=now))


async def get(connection: Connection, owner_id: str) -> Endpoint | None:
    """The owner's endpoint; None where it never set one."""
    return _endpoint(await _queries.find_endpoint(connection, owner=owner_id))


async def lock(connection: Connection, owner_id: str) -> Endpoint | None:
    """The same, and nobody else changes it until the transaction ends."""
    return _endpoint(await _queries.lock_endpoint(connection, owner=owner_id))


async def disable(connection: Connection, owner_id: str, set_time: datetime, reason: DisableReason) -> bool:
    """Disables the endpoint, if it still has the address that was set then; whether it did."""
    return bool(await _queries.disable_endpoint(connection, owner=owner_id, set_time=set_time, reason=reason.value))


async def add_secret(connection: Connection, owner_id: str, sealed: Sealed, now: datetime) -> int:
    """Makes a secret the current one of an endpoint that is locked, and answers which version it is."""
    await _queries.end_webhook_secrets(connection, owner=owner_id, end_time=now + OVERLAP, now=now)
    version: int = await _queries.insert_webhook_secret(
        connection, owner=owner_id, key_id=sealed.key_id, sealed=sealed.sealed, create_time=now
    )
    return version


async def secrets(connection: Connection, owner_id: str, now: datetime) -> dict[int, Sealed]:
    """The secrets that sign now, by their versions, the current one first."""
    rows = _queries.list_webhook_secrets(connection, owner=owner_id, now=now)
    return {row["version"]: Sealed(row["key_id"], row["sealed"]) async for row in rows}


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int, share: int) -> Sequence[Attempt]:
    """Begins attempts of what is due, at most `share` at once of one endpoint; they count as under way until the lease
    ends.
    """
    rows = _queries.lock_ready_endpoints(connection, now=now, most=most)
    ready = [row["owner"] async for row in rows]
    if not ready:
        return []
    # A statement of its own, so that it sees what whoever held the endpoint before has claimed.
    claimed = _queries.claim_deliveries(connection, owners=ready, now=now, lease_time=lease_end, most=most, share=share)
    return [Attempt(row["owner"], row["event"], row["attempts"]) async for row in claimed]


async def webhook(connection: Connection, attempt: Attempt) -> Webhook | None:
    """What the attempt sends; None where the event's time is over."""
    row = await _queries.find_webhook(connection, owner=attempt.owner, event=attempt.event)
    if row is None:
        return None
    enabled = row["state"] == EndpointState.ENABLED.value
    return Webhook(str(row["event_id"]), row["payload"], row["url"], row["set_time"], enabled)


async def end_attempt(
    connection: Connection, attempt: Attempt, outcome: Outcome, state: DeliveryState, due_time: datetime | None
) -> None:
    """Notes what an attempt came to."""
    await _queries.end_attempt(
        connection,
        owner=attempt.owner,
        event=attempt.event,
        attempt=attempt.number,
        state=state.value,
        status=outcome.status,
        failure=None if outcome.failure is None else outcome.failure.value,
        due_time=due_time,
    )


async def give_back(connection: Connection, attempt: Attempt, due_time: datetime) -> None:
    """Undoes a claim: nothing was sent."""
    await _queries.give_back_attempt(
        connection, owner=attempt.owner, event=attempt.event, attempt=attempt.number, due_time=due_time
    )


async def deliveries(
    connection: Connection, owner_id: str, state: DeliveryState | None, before: int, most: int
) -> list[Delivery]:
    """An owner's deliveries, newest event first, from before an event on."""
    rows = _queries.list_deliveries(
        connection, owner=owner_id, state=None if state is None else state.value, before=before, most=most
    )
    return [
        Delivery(
            event=row["event"],
            event_id=str(row["event_id"]),
            type=row["type"],
            event_time=row["time"],
            state=DeliveryState(row["state"]),
            attempts=row["attempts"],
            last_time=row["last_time"],
            last_status=row["last_status"],
            last_failure=row["last_failure"],
            due_time=row["due_time"],
        )
        async for row in rows
    ]


async def events_to_replay(
    connection: Connection, owner_id: str, from_time: datetime | None, event_id: UUID | None, most: int
) -> list[int]:
    """An owner's events from a time on, or the one of an id."""
    rows = _queries.events_to_replay(connection, owner=owner_id, from_time=from_time, event_id=event_id, most=most)
    return [row["id"] async for row in rows]


async def replay(connection: Connection, owner_id: str, events: Sequence[int], now: datetime) -> None:
    """Has the events sent anew."""
    await _queries.replay_deliveries(connection, owner=owner_id, events=list(events), now=now)


def _endpoint(row: asyncpg.Record | None) -> Endpoint | None:
    if row is None:
        return None
    reason = row["disable_reason"]
    return Endpoint(
        owner=row["owner"],
        url=row["url"],
        state=EndpointState(row["state"]),
        disable_reason=None if reason is None else DisableReason(reason),
        set_time=row["set_time"],
        secret_create_time=row["secret_create_time"],
    )
