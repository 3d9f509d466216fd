"""What is left of rewards: pieces, codes, and how often an account may still redeem one.

Locks are taken in one order everywhere: redemption, takings, stock, codes. The stock row of a sought-after reward
is what its redeemers queue for, so it is touched as late as can be, and no transaction that holds it waits for another
service.
"""

from __future__ import annotations

from collections.abc import Sequence

from guerdon_kit.postgres import Connection
from rewards_catalog.domain.codes import SealedCode
from rewards_catalog.domain.errors import (
    AccountLimit,
    AccountPeriodLimit,
    CodeTaken,
    OutOfStock,
    RewardLimit,
    StockLimit,
)
from rewards_catalog.domain.limits import span_of
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.reward import MAX_STOCK, Fulfilment, Reward
from rewards_catalog.store import queries, redemptions


async def reserve(connection: Connection, redemption: Redemption, terms: Reward) -> None:
    """Takes a piece or a code for the redemption, and counts it, within the limits of the version it was made under.

    Raises:
        AccountLimit, AccountPeriodLimit: the account has as many as it may.
        RewardLimit: all accounts together have.
        OutOfStock: nothing is left. Nothing is taken once the transaction is rolled back.
    """
    await _count(connection, redemption, terms.limits.per_account)
    await _check_period(connection, redemption, terms)
    if not redemption.fulfilment.counted:
        return
    await _take_piece(connection, redemption, terms.limits.in_all)
    if redemption.fulfilment is Fulfilment.CODE_POOL:
        taken = await queries.take_code(
            connection, program=redemption.program, reward=redemption.reward, redemption=redemption.id
        )
        assert taken == 1, "the count of a pool says how many codes are free"


async def put_back(connection: Connection, redemption: Redemption) -> None:
    """Gives back what `reserve` took: the code unseen, and the piece not handed over."""
    await discount(connection, redemption)
    if not redemption.fulfilment.counted:
        return
    await queries.put_piece_back(connection, program=redemption.program, reward=redemption.reward)
    if redemption.fulfilment is Fulfilment.CODE_POOL:
        await queries.put_code_back(connection, program=redemption.program, redemption=redemption.id)


async def discount(connection: Connection, redemption: Redemption) -> None:
    """Counts the redemption no more for the limits. What was handed over does not come back by that."""
    await queries.discount_taking(
        connection, program=redemption.program, reward=redemption.reward, account=redemption.account
    )
    if redemption.fulfilment.counted:
        await queries.discount_redeemed(connection, program=redemption.program, reward=redemption.reward)


async def _count(connection: Connection, redemption: Redemption, limit: int) -> None:
    key = {"program": redemption.program, "reward": redemption.reward, "account": redemption.account}
    if await queries.count_taking(connection, **key, most=limit) is None:
        used = await queries.find_taking(connection, **key)
        raise AccountLimit(reward=redemption.reward_name, limit=limit, used=used)


async def _check_period(connection: Connection, redemption: Redemption, terms: Reward) -> None:
    """Whoever else redeems for the account waits until this transaction ends, so what is counted stays so."""
    limits = terms.limits
    if limits.period is None:
        return
    span = span_of(limits.period, redemption.create_time, terms.time_zone)
    used = await redemptions.count_in(connection, redemption, span, limits.per_period)
    if used >= limits.per_period:
        raise AccountPeriodLimit(
            reward=redemption.reward_name,
            limit=limits.per_period,
            used=used,
            period=limits.period,
            reset_time=span.end_time.isoformat(),
        )


async def _take_piece(connection: Connection, redemption: Redemption, limit: int) -> None:
    key = {"program": redemption.program, "reward": redemption.reward}
    # Locked only where it was refused: what the refusal says is then so, or there is a piece after all.
    if await queries.take_piece(connection, **key, most=limit) is not None:
        return
    row = await queries.lock_stock(connection, **key)
    if limit and row["redeemed"] >= limit:
        raise RewardLimit(reward=redemption.reward_name, limit=limit, used=row["redeemed"])
    if not row["available"]:
        raise OutOfStock(reward=redemption.reward_name)
    left = await queries.take_piece(connection, **key, most=limit)
    assert left is not None, "it is locked, and there is one"


async def add(connection: Connection, reward: Reward, amount: int) -> None:
    """Adds pieces or codes to what is left.

    Raises:
        StockLimit: they would be too many.
    """
    now = await queries.add_pieces(connection, program=reward.program, reward=reward.id, amount=amount, most=MAX_STOCK)
    if now is None:
        raise StockLimit(maximum=MAX_STOCK, available=reward.available)


async def insert_codes(connection: Connection, reward: Reward, codes: Sequence[SealedCode]) -> set[bytes]:
    """Keeps the codes that the program does not have, and answers their digests. `add` then counts them."""
    rows = queries.insert_codes(
        connection,
        program=reward.program,
        reward=reward.id,
        digests=[code.digest for code in codes],
        key_ids=[code.key_id for code in codes],
        sealed=[code.sealed for code in codes],
    )
    return {row["digest"] async for row in rows}


async def give_code(connection: Connection, redemption: Redemption, code: SealedCode) -> None:
    """Keeps a code that came from elsewhere for this redemption alone.

    Raises:
        CodeTaken: the program has it already.
    """
    given = await queries.give_code(
        connection,
        program=redemption.program,
        reward=redemption.reward,
        digest=code.digest,
        key_id=code.key_id,
        sealed=code.sealed,
        redemption=redemption.id,
    )
    if not given:
        raise CodeTaken(redemption=redemption.name)


async def code_of(connection: Connection, redemption: Redemption) -> SealedCode | None:
    """The code that the redemption has; None where it has none."""
    row = await queries.find_code(connection, program=redemption.program, redemption=redemption.id)
    return None if row is None else SealedCode(row["digest"], row["key_id"], row["sealed"])
