"""Redemptions in the database. A state is changed by comparing it first, so two that work on one do no harm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.locked import Locked
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from rewards_catalog.domain.kinds import Cash
from rewards_catalog.domain.limits import Span
from rewards_catalog.domain.redemption import Failure, Redemption, State
from rewards_catalog.domain.reward import Fulfilment
from rewards_catalog.domain.transfers import Transfer
from rewards_catalog.store import queries

_NO_TRANSFER = Transfer("", 0)


async def insert(connection: Connection, redemption: Redemption, due_time: datetime) -> None:
    """Keeps a new redemption; the recovery loop looks at it at `due_time` if it has not come to rest."""
    await queries.insert_redemption(
        connection,
        program=redemption.program,
        id=redemption.id,
        reward=redemption.reward,
        reward_version=redemption.reward_version,
        account=redemption.account,
        title=redemption.title,
        unit=redemption.unit,
        price=redemption.price,
        cash=redemption.cash.minor_units if redemption.cash else None,
        cash_currency=redemption.cash.currency if redemption.cash else None,
        value=redemption.value.minor_units if redemption.value else None,
        value_currency=redemption.value.currency if redemption.value else None,
        payment_end_time=redemption.payment_end_time,
        fulfilment=redemption.fulfilment,
        wallet=redemption.wallet,
        actor=redemption.actor,
        request_key=redemption.request_key,
        create_time=redemption.create_time,
        hold_expire_time=redemption.hold_expire_time,
        **_locked_columns(redemption.locked),
        destination=redemption.transfer.destination if redemption.transfer else "",
        least_received=redemption.transfer.least_received if redemption.transfer else 0,
        state=redemption.state,
        update_time=redemption.update_time,
        due_time=due_time,
    )


async def get(connection: Connection, program: str, redemption: str) -> Redemption:
    """The redemption as it is now.

    Raises:
        NotFound: there is none.
    """
    return _found(await queries.find_redemption(connection, program=program, id=redemption), program, redemption)


async def lock(connection: Connection, program: str, redemption: str) -> Redemption:
    """The redemption, which nobody else moves until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    return _found(await queries.lock_redemption(connection, program=program, id=redemption), program, redemption)


async def move(connection: Connection, before: Redemption, after: Redemption, due_time: datetime | None) -> bool:
    """Moves a redemption from `before` to `after`; False, and nothing is done, where it is no longer as `before`."""
    failure = after.failure
    transfer, transfer_before = after.transfer or _NO_TRANSFER, before.transfer or _NO_TRANSFER
    moved = await queries.move_redemption(
        connection,
        program=before.program,
        id=before.id,
        from_state=before.state,
        from_refunds=before.refunds,
        from_failure_reason=before.failure.reason if before.failure else None,
        from_lapsed_quotes=transfer_before.lapsed,
        from_exchange_asks=transfer_before.asks,
        state=after.state,
        price=after.price,
        quote=transfer.quote,
        received=transfer.received,
        lapsed_quotes=transfer.lapsed,
        exchange_asks=transfer.asks,
        failure_reason=failure.reason if failure else None,
        failure_metadata=dict(failure.metadata) if failure else None,
        hold=after.hold,
        **_locked_columns(after.locked),
        from_locked_version=before.locked.account_version if before.locked else None,
        from_locked_until=before.locked.valid_until if before.locked else None,
        transaction=after.transaction,
        credit=after.credit,
        wallet=after.wallet,
        payment=after.payment,
        refund_transaction=after.refund_transaction,
        refunding=after.refunding,
        refunded=after.refunded,
        refunds=after.refunds,
        asks=after.asks,
        ask_time=after.ask_time,
        update_time=after.update_time,
        due_time=due_time,
    )
    return bool(moved)


async def newest(
    connection: Connection, program: str, account: str, before: tuple[datetime, str], most: int
) -> list[Redemption]:
    """Redemptions by creation, newest first, that come before the given time and id; of one account, or of all."""
    time, redemption = before
    if account:
        rows = queries.list_redemptions_of_account(
            connection, program=program, account=account, before_time=time, before_id=redemption, most=most
        )
    else:
        rows = queries.list_redemptions(connection, program=program, before_time=time, before_id=redemption, most=most)
    return [_redemption(row) async for row in rows]


async def count_in(connection: Connection, redemption: Redemption, span: Span, most: int) -> int:
    """How many other redemptions of the reward its account made within the span; counted up to `most`."""
    counted: int = await queries.count_redemptions_in_span(
        connection,
        program=redemption.program,
        reward=redemption.reward,
        account=redemption.account,
        except_id=redemption.id,
        start_time=span.start_time,
        end_time=span.end_time,
        most=most,
    )
    return counted


async def claim(
    connection: Connection, now: datetime, lease_end: datetime, most: int
) -> Sequence[Claim[tuple[str, str]]]:
    """Takes up to `most` redemptions that are due, until the lease ends; their ids are (program, redemption). Not those
    whose providers, or whose coalition, are to be asked again.
    """
    rows = queries.claim_redemptions(connection, now=now, lease_end=lease_end, most=most)
    return [Claim((row["program"], row["id"]), row["attempts"]) async for row in rows]


async def claim_unknown(
    connection: Connection, now: datetime, lease_end: datetime, most: int
) -> Sequence[Claim[tuple[str, str]]]:
    """The same of those whose providers, or whose coalition, are to be asked again."""
    rows = queries.claim_unknown_fulfilments(connection, now=now, lease_end=lease_end, most=most)
    return [Claim((row["program"], row["id"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, redemption: tuple[str, str], due_time: datetime) -> None:
    """Has the recovery loop take the redemption again at `due_time`, unless it has come to rest."""
    program, id_ = redemption
    await queries.put_off_redemption(connection, program=program, id=id_, due_time=due_time)


async def forget_request(connection: Connection, redemption: Redemption) -> None:
    """Lets the request that made the redemption be tried anew."""
    await queries.forget_request(connection, key=redemption.request_key)


def _found(row: asyncpg.Record | None, program: str, redemption: str) -> Redemption:
    if row is None:
        raise NotFound(f"programs/{program}/redemptions/{redemption}")
    return _redemption(row)


def _locked_columns(locked: Locked | None) -> dict[str, Any]:
    return {
        "locked_points": locked.points if locked else None,
        "locked_version": locked.account_version if locked else None,
        "locked_until": locked.valid_until if locked else None,
    }


def _redemption(row: asyncpg.Record) -> Redemption:
    fields = dict(row)
    reason, metadata = fields.pop("failure_reason"), fields.pop("failure_metadata")
    points, version, valid_until = (fields.pop(f"locked_{name}") for name in ("points", "version", "until"))
    transfer = Transfer(
        destination=fields.pop("destination"),
        least_received=fields.pop("least_received"),
        quote=fields.pop("quote"),
        received=fields.pop("received"),
        lapsed=fields.pop("lapsed_quotes"),
        asks=fields.pop("exchange_asks"),
    )
    currency, value_currency = fields.pop("cash_currency"), fields.pop("value_currency")
    return Redemption(
        **{
            **fields,
            "cash": None if currency is None else Cash(row["cash"], currency),
            "value": None if value_currency is None else Cash(row["value"], value_currency),
            "transfer": transfer if transfer.destination else None,
            "locked": None if points is None else Locked(points, version, valid_until),
            "state": State(row["state"]),
            "fulfilment": Fulfilment(row["fulfilment"]),
            "failure": None if reason is None else Failure(reason, metadata),
        }
    )
