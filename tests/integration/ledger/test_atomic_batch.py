"""Atomic batches against each other and everything else, on two workers. After each test everything is verified."""

from __future__ import annotations

import asyncio
import random
from itertools import groupby

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.test_atomic_batch import earned, item, post, reasons, spent
from tests.contract.ledger.world import TRANSFER, Shop
from tests.integration.ledger.connections import Connection, through

MEMBERS = ("ada", "ben", "cem")


def around(shop: Shop, amount: int, memo: str) -> list[pb.PostTransactionItem]:
    """Transfers once around the members, from a random one on: the sums that they leave are those they found."""
    ring = [(MEMBERS[n], MEMBERS[(n + 1) % 3]) for n in range(3)]
    random.shuffle(ring)
    return [item(shop.transaction(TRANSFER, shop.posting(*pair, amount), memo=memo)) for pair in ring]


async def test_two_over_the_same_members_never_interleave_and_each_is_whole_or_not_there(
    shop: Shop, connections: list[Connection]
) -> None:
    await shop.add_many(MEMBERS)
    for member in MEMBERS:
        await shop.earn(member, 60)
    ways = through(shop, connections)
    # Each gives back what it takes: nobody ever sees less than 50 of a member, and no transfer of one point is refused.
    asked = {f"batch {n}": around(shop, 20 + n % 50, f"batch {n}") for n in range(60)}
    results = await asyncio.gather(
        *(post(next(ways), items) for items in asked.values()),
        *(next(ways).post(TRANSFER, shop.posting("ada", "ben", 1)) for _ in range(10)),
        *(next(ways).earn("cem", 1) for _ in range(30)),
    )
    told = [reasons(one) for one in results if isinstance(one, list)]
    posted = {memo for memo, one in zip(asked, told, strict=True) if one == [""] * 3}
    assert posted
    for one in told:
        if one != [""] * 3:  # more than a member had, and none of those before it brought the rest
            first = one.index("INSUFFICIENT_POINTS")
            assert sorted(one) == [f"BATCH_NOT_POSTED {first}"] * 2 + ["INSUFFICIENT_POINTS"]
    for member in MEMBERS:
        lines = [line for line in await shop.entries(member) if line.kind == res.TRANSACTION_KIND_TRANSFER]
        runs = [(memo, len(list(run))) for memo, run in groupby(line.memo for line in lines)]
        batches = [memo for memo, _ in runs if memo]
        assert sorted(batches) == sorted(posted)  # each is one run: nothing came in between
        assert {length for memo, length in runs if memo} == {2}
    assert [(await shop.balance(member)).posted for member in MEMBERS] == [50, 70, 90]


async def test_the_same_one_through_many_connections_at_once_is_posted_once(
    shop: Shop, connections: list[Connection]
) -> None:
    await shop.add_many(["ada", "ben"])
    ways = through(shop, connections)
    items = [earned(shop, "ada", 5), earned(shop, "ben", 7), spent(shop, "ada", 3)]
    bad = [earned(shop, "ada", 5), spent(shop, "ben", 1000)]
    results = await asyncio.gather(*(post(next(ways), one) for _ in range(20) for one in (items, bad)))
    assert len({tuple(result.posted.transaction for result in one) for one in results[::2]}) == 1
    assert sum(not result.replayed for one in results[::2] for result in one) == 3
    assert {tuple(reasons(one)) for one in results[1::2]} == {("BATCH_NOT_POSTED 1", "INSUFFICIENT_POINTS")}
    assert [(await shop.balance(member)).posted for member in ("ada", "ben")] == [2, 7]
