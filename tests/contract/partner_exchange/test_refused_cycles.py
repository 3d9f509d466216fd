"""What a refusal shows of a book, executed: where the book holds nevertheless, the member ends with more."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

import asyncpg
import pytest

from guerdon import RefusedError
from guerdon.exchange.v1 import rates_pb2
from guerdon.exchange.v1 import resources_pb2 as res
from tests.contract.partner_exchange.test_promotions import promotion
from tests.contract.partner_exchange.world import Brand, Coalition, World, rational

STEP = re.compile(
    r"(?:(?P<times>\d+) x )?(?P<debited>\d+) (?P<sender>\S+) -> (?:\d+ x )?(?P<received>\d+) (?P<to>[^ ;]+)"
)
HELD = """
update rates set numerator = $4, denominator = $5
where coalition = $1 and version = 1 and sender = $2 and receiver = $3
"""
BONUS = rates_pb2.ThresholdBonus(threshold=60_000, points=5_000)

BOOKS: dict[str, Callable[[Brand, Brand, Brand], list[res.PairRate]]] = {
    "a hundredth too much": lambda a, b, _: [a.to(b, "1/2"), b.to(a, "201/100")],
    "a bonus for each 60,000": lambda a, b, _: [a.to(b, "1/3", minimum=3_000, bonus=BONUS), b.to(a, "5/2")],
    "three brands, steps and a fee": lambda a, b, c: [
        a.to(b, "4/5", minimum=250, increment=250),
        b.to(c, "1", points_fee=rates_pb2.Fee(fixed=7)),
        c.to(a, "13/10"),
    ],
    "a promotion": lambda a, b, _: [a.to(b, "1", promotions=[promotion(rate=rational("21/20"))]), b.to(a, "1")],
}


@pytest.mark.parametrize("book", BOOKS)
async def test_the_cycle_of_a_refused_book_gains_when_it_is_executed(
    coalition: Coalition, world: World, book: str
) -> None:
    """In the sandbox, where nothing is owed: by a book whose last rate passed its proof as next to nothing."""
    brands = {brand.id: brand for brand in [await coalition.brand(launch=False) for _ in range(3)]}
    pairs = BOOKS[book](*brands.values())
    with pytest.raises(RefusedError) as refused:
        await coalition.publish(*pairs)
    assert refused.value.reason == "ARBITRAGE"
    await hold(coalition, world, pairs)
    began, steps = int(refused.value.metadata["began"]), list(STEP.finditer(refused.value.metadata["amounts"]))
    assert len(steps) == refused.value.metadata["amounts"].count(" -> ")
    home = steps[0]["sender"]
    members = {name: await brand.member(began if name == home else 0) for name, brand in brands.items()}
    for step in steps:
        sender, receiver = brands[step["sender"]], brands[step["to"]]
        for _ in range(int(step["times"] or 1)):
            quote = await sender.quote(
                members[step["sender"]], receiver, members[step["to"]], send=int(step["debited"])
            )
            assert (await sender.execute(quote)).received_amount == int(step["received"])
    ended = {name: await brand.posted(members[name]) for name, brand in brands.items()}
    assert ended[home] == int(refused.value.metadata["ended"]) >= began
    assert sum(ended.values()) > began
    assert await coalition.net_debit(brands[home]) == 0
    await world.verify()


async def hold(coalition: Coalition, world: World, pairs: list[res.PairRate]) -> None:
    """Publishes a book whose last rate is next to nothing, and gives it its own in the database."""
    last = pairs[-1]
    kept = Fraction(last.rate.numerator, last.rate.denominator)
    last.rate.CopyFrom(rational("1/1000000"))
    await coalition.publish(*pairs)
    connection = await asyncpg.connect(world.exchange.database.owner_url)
    try:
        names = [name.partition("/")[2] for name in (coalition.name, last.sender, last.receiver)]
        assert await connection.execute(HELD, *names, kept.numerator, kept.denominator) == "UPDATE 1"
    finally:
        await connection.close()
