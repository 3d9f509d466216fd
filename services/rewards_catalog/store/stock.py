"""What is left of rewards: pieces, codes, and how often an account may still redeem one.

Locks are taken in one order everywhere: redemption, takings, stock, codes. The stock row of a sought-after reward
is what its redeemers queue for, so it is touched as late as can be, and no transaction that holds it waits for another
service.
"""

from __future__ import annotations

from collections.abc import Sequence

from guerdon_kit.postgres import Connection
from rewards_catalog.domain.codes import SealedCode
from rewards_catalog.domain.errors import AccountLimit, OutOfStock, StockLimit
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.reward import MAX_STOCK, Fulfilment, Reward
from rewards_catalog.store import queries


async def reserve(connection: Connection, redemption: Redemption) -> None:
    """Takes a piece or a code for the redemption, and counts it for its account.

    Raises:
        AccountLimit: the account has as many as it may.
        OutOfStock: nothing is left. Nothing is taken once the transaction is rolled back.
    """
    limit = redemption.limit_per_account
    if limit:
        taken = await queries.count_taking(
            connection,
            program=redemption.program,
            reward=redemption.reward,
            account=redemption.account,
            most=limit,
        )
        if taken is None:
            raise AccountLimit(reward=redemption.reward_name, limit=limit, used=limit)
    if not redemption.fulfilment.counted:
        return
    left = await queries.take_piece(connection, program=redemption.program, reward=redemption.reward)
    if left is None:
        raise OutOfStock(reward=redemption.reward_name)
    if redemption.fulfilment is Fulfilment.CODE_POOL:
        taken = await queries.take_code(
            connection, program=redemption.program, reward=redemption.reward, redemption=redemption.id
        )
        assert taken == 1, "the count of a pool says how many codes are free"


async def put_back(connection: Connection, redemption: Redemption) -> None:
    """Gives back what `reserve` took: the code unseen, and the piece not handed over."""
    if redemption.limit_per_account:
        await queries.discount_taking(
            connection, program=redemption.program, reward=redemption.reward, account=redemption.account
        )
    if not redemption.fulfilment.counted:
        return
    # A stock that was filled to its limit meanwhile takes the piece back all the same: it is there.
    await queries.add_pieces(
        connection, program=redemption.program, reward=redemption.reward, amount=1, most=MAX_STOCK * 2
    )
    if redemption.fulfilment is Fulfilment.CODE_POOL:
        await queries.put_code_back(connection, program=redemption.program, redemption=redemption.id)


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


async def code_of(connection: Connection, redemption: Redemption) -> SealedCode | None:
    """The code that the redemption has; None where it has none."""
    row = await queries.find_code(connection, program=redemption.program, redemption=redemption.id)
    return None if row is None else SealedCode(row["digest"], row["key_id"], row["sealed"])
