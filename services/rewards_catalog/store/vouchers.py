"""Vouchers in the database: their terms, what is left of them, and what tills did with them.

A voucher's row is locked by whoever uses it, undoes that, or calls its redemption off; the latter has locked the
redemption before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from guerdon_kit.postgres.failures import Rerun
from rewards_catalog.domain.kinds import Cash
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.reward import Reward
from rewards_catalog.domain.vouchers import (
    NO_TERMS,
    Till,
    Undoing,
    Use,
    Voucher,
    VoucherState,
    VoucherTerms,
    value_of,
)
from rewards_catalog.store import queries, rewards


async def set_terms(connection: Connection, reward: Reward, terms: VoucherTerms, *, actor: str, time: datetime) -> None:
    """Puts the terms in force for redemptions that are made from `time` on.

    Raises:
        Rerun: somebody else set terms at the same time.
    """
    written = await queries.insert_terms(
        connection,
        program=reward.program,
        reward=reward.id,
        start_time=terms.start_time,
        end_time=terms.end_time,
        valid_for=terms.valid_for,
        cancellable=terms.cancellable,
        actor=actor,
        create_time=time,
    )
    if not written:
        raise Rerun


async def terms_at(connection: Connection, program: str, reward: str, time: datetime) -> VoucherTerms:
    """The terms that were in force then."""
    row = await queries.find_terms(connection, program=program, reward=reward, at=time)
    if row is None:
        return NO_TERMS
    return VoucherTerms(row["start_time"], row["end_time"], row["valid_for"], row["cancellable"])


async def issue(connection: Connection, redemption: Redemption, now: datetime) -> None:
    """Makes the redemption's code a voucher, worth what the reward was then, and under the terms of then."""
    value = value_of(await rewards.get(connection, redemption.program, redemption.reward, redemption.reward_version))
    terms = await terms_at(connection, redemption.program, redemption.reward, redemption.create_time)
    await queries.insert_voucher(
        connection,
        program=redemption.program,
        id=redemption.id,
        currency=value.currency if value else None,
        value=value.minor_units if value else None,
        cancellable=terms.cancellable,
        start_time=terms.start_time or now,
        end_time=terms.end_of(now),
        create_time=now,
    )


async def id_of(connection: Connection, program: str, digest: bytes) -> str | None:
    """The id of the voucher whose code has the digest; None where there is none."""
    found: str | None = await queries.find_voucher_by_digest(connection, program=program, digest=digest)
    return found


async def get(connection: Connection, program: str, voucher: str) -> Voucher:
    """The voucher as it is now.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_voucher(connection, program=program, id=voucher)
    if row is None:
        raise NotFound(f"programs/{program}/vouchers/{voucher}")
    fields = {name: value for name, value in row.items() if name != "currency"}
    return Voucher(**{**fields, "value": _cash(row), "state": VoucherState(row["state"])})


async def lock(connection: Connection, program: str, voucher: str) -> Voucher:
    """The voucher, which nobody else changes until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    await queries.lock_voucher(connection, program=program, id=voucher)
    return await get(connection, program, voucher)


async def keep(connection: Connection, voucher: Voucher) -> None:
    """Writes the state and the balance of a voucher that is locked."""
    await queries.set_voucher(
        connection, program=voucher.program, id=voucher.id, balance=voucher.balance, state=voucher.state
    )


async def insert_use(connection: Connection, use: Use) -> None:
    """Keeps a new use."""
    await queries.insert_use(
        connection,
        program=use.voucher.program,
        voucher=use.voucher.id,
        id=use.id,
        amount=use.amount,
        balance=use.balance,
        store=use.till.store,
        terminal=use.till.terminal,
        cashier=use.till.cashier,
        actor=use.actor,
        create_time=use.create_time,
        undo_end_time=use.undo_end_time,
    )


async def use_of(connection: Connection, voucher: Voucher, use: str) -> Use:
    """A use of the voucher.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_use(connection, program=voucher.program, voucher=voucher.id, id=use)
    if row is None:
        raise NotFound(f"{voucher.name}/uses/{use}")
    return _use(row, voucher)


async def last_use(connection: Connection, voucher: Voucher) -> Use | None:
    """The latest use of the voucher that was not undone."""
    row = await queries.find_last_use(connection, program=voucher.program, voucher=voucher.id)
    return None if row is None else _use(row, voucher)


async def newest_uses(
    connection: Connection, voucher: Voucher, before: tuple[datetime, str], most: int
) -> Sequence[Use]:
    """Uses of the voucher, newest first, that come before the given time and id."""
    rows = queries.list_uses(
        connection,
        program=voucher.program,
        voucher=voucher.id,
        before_time=before[0],
        before_id=before[1],
        most=most,
    )
    return [_use(row, voucher) async for row in rows]


async def undo(connection: Connection, use: Use, undoing: Undoing) -> None:
    """Notes that a use of a voucher that is locked is undone."""
    await queries.undo_use(
        connection,
        program=use.voucher.program,
        voucher=use.voucher.id,
        id=use.id,
        undo_time=undoing.time,
        undo_store=undoing.till.store,
        undo_terminal=undoing.till.terminal,
        undo_cashier=undoing.till.cashier,
        undo_actor=undoing.actor,
    )


async def count_lookup(connection: Connection, program: str, caller: str, minute: datetime, most: int) -> bool:
    """Counts that the caller looks for a code; False, and nothing is counted, where it did so `most` times."""
    counted = await queries.count_lookup(connection, program=program, caller=caller, minute=minute, most=most)
    return counted is not None


async def lookups(connection: Connection, program: str, caller: str, minute: datetime) -> int:
    """How many codes the caller has looked for in the minute."""
    return await queries.find_lookups(connection, program=program, caller=caller, minute=minute) or 0


def _cash(row: asyncpg.Record) -> Cash | None:
    return None if row["value"] is None else Cash(row["value"], row["currency"])


def _use(row: asyncpg.Record, voucher: Voucher) -> Use:
    undoing = None
    if row["undo_time"] is not None:
        till = Till(row["undo_store"], row["undo_terminal"], row["undo_cashier"])
        undoing = Undoing(row["undo_time"], till, row["undo_actor"])
    return Use(
        voucher=voucher,
        id=row["id"],
        amount=row["amount"],
        balance=row["balance"],
        till=Till(row["store"], row["terminal"], row["cashier"]),
        actor=row["actor"],
        create_time=row["create_time"],
        undo_end_time=row["undo_end_time"],
        undoing=undoing,
    )
