"""Balances at any time are those of a replay, under load from two workers and beside moving checkpoints."""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from guerdon import RefusedError
from guerdon.ledger.v1 import books_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.testing import RunningService, wait_until
from tests.contract.ledger.world import EARN, RECOGNITION, SPEND, Shop, stamp
from tests.integration.ledger.connections import Connection, through

MEMBERS = ("ada", "ben", "cid")
SYSTEM = ("issuance.points", "redemption.points", "breakage.points")
POSTERS, EACH, QUESTIONS = 6, 40, 120


class Entry(NamedTuple):
    """A posting, by the ids of its accounts."""

    source: str
    destination: str
    amount: int
    effective_time: datetime
    record_time: datetime


async def replayed(owner: asyncpg.Connection[asyncpg.Record], shop: Shop) -> list[Entry]:
    """All postings of a program, from the rows themselves."""
    found = await owner.fetch(
        """select s.name, d.name, p.amount, t.effective_time, t.record_time
           from postings p
           join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
           join accounts s on s.shard = p.shard and s.id = p.source
           join accounts d on d.shard = p.shard and d.id = p.destination
           where t.program = (select program from programs where id = $1)""",
        shop.name.split("/")[1],
    )
    return [Entry(*row.values()) for row in found]


async def load(shop: Shop, chance: random.Random) -> None:
    """Moves points of all members: some of it is backdated, and some points expire soon."""
    for _ in range(EACH):
        member = chance.choice(MEMBERS)
        kind, source, destination = chance.choice(
            [
                (EARN, "issuance.points", member),
                (EARN, "issuance.points", member),
                (SPEND, member, "redemption.points"),
                (RECOGNITION, member, chance.choice([one for one in MEMBERS if one != member])),
            ]
        )
        fields = {}
        if chance.random() < 0.5:
            fields["effective_time"] = stamp(datetime.now(UTC) - timedelta(seconds=chance.uniform(0, 20)))
        times = {"expire_time": datetime.now(UTC) + timedelta(seconds=2)} if chance.random() < 0.1 else {}
        try:
            await shop.post(kind, shop.posting(source, destination, chance.randint(1, 50), **times), **fields)
        except RefusedError as refusal:
            if refusal.reason not in {"INSUFFICIENT_POINTS", "EXPIRY_PASSED"}:
                raise


async def test_a_balance_at_any_time_is_that_of_a_replay(
    shop: Shop, connections: list[Connection], running: RunningService
) -> None:
    seed = random.randrange(2**32)
    logging.getLogger(__name__).warning("seed %d", seed)  # shown by pytest where the test fails
    chance = random.Random(seed)
    await shop.add_many(MEMBERS)
    shops = through(shop, connections)
    began = datetime.now(UTC)
    loads = [load(next(shops), random.Random(chance.random())) for _ in range(POSTERS)]
    done = asyncio.gather(*loads)
    # A balance at a record time is what it will always be, also when it is asked for at once and under load.
    asked: list[tuple[datetime, int]] = []
    while not done.done():
        now = datetime.now(UTC)
        request = pb.GetBalanceRequest(name=shop.account("issuance.points"), record_time=stamp(now))
        asked.append((now, (await next(shops).ledger.GetBalance(request)).balance.posted))
    await done
    owner = await asyncpg.connect(running.database.owner_url)

    async def settled() -> bool:
        """Whether no expiry is left that the sweeper would book in the midst of the questions."""
        return not await owner.fetchval(
            "select exists (select from lots where expire_time < 'infinity' and not closed)"
        )

    await wait_until(settled, timeout_s=30)
    entries = await replayed(owner, shop)
    await owner.close()
    assert len(entries) > POSTERS * EACH / 2

    def expected(account: str, before: datetime, recorded: datetime) -> int:
        counted = [e for e in entries if e.effective_time < before and e.record_time <= recorded]
        return sum((e.destination == account) * e.amount - (e.source == account) * e.amount for e in counted)

    end = datetime.max.replace(tzinfo=UTC)
    assert [posted for _, posted in asked] == [expected("issuance.points", end, now) for now, _ in asked]

    span = (datetime.now(UTC) - began).total_seconds()
    exact = [time for e in entries for time in (e.effective_time, e.record_time)]

    def moment() -> datetime:
        return chance.choice(exact) if chance.random() < 0.5 else began + timedelta(seconds=chance.uniform(-20, span))

    async def ask(account: str, before: datetime | None, recorded: datetime | None) -> None:
        request = pb.GetBalanceRequest(
            name=shop.account(account),
            effective_end_time=None if before is None else stamp(before),
            record_time=None if recorded is None else stamp(recorded),
        )
        posted = (await next(shops).ledger.GetBalance(request)).balance.posted
        assert posted == expected(account, before or end, recorded or end), (account, before, recorded)

    for n in range(QUESTIONS):
        before, recorded = [(moment(), None), (None, moment()), (moment(), moment())][n % 3]
        await ask(chance.choice(MEMBERS + SYSTEM), before, recorded)
    for before, recorded in ((moment(), moment()), (moment(), moment()), (end, end)):
        wanted = books_pb2.GetTrialBalanceRequest(parent=shop.name)
        if before < end:
            wanted.effective_end_time.CopyFrom(stamp(before))
            wanted.record_time.CopyFrom(stamp(recorded))
        lines = (await next(shops).ledger.GetTrialBalance(wanted)).lines
        found = {line.account.rpartition("/")[2]: line.posted for line in lines}
        assert {one: found[one] for one in SYSTEM} == {one: expected(one, before, recorded) for one in SYSTEM}
        assert found[""] == sum(expected(one, before, recorded) for one in MEMBERS)
