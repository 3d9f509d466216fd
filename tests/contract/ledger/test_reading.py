"""Balances and statements as they are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from guerdon.ledger.v1 import ledger_pb2 as pb
from tests.contract.ledger.world import (
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    RECOGNITION,
    Shop,
    World,
    findings,
    refused,
    time_of,
)


async def test_a_full_balance_says_what_expires_when_in_buckets(shop: Shop) -> None:
    await shop.add("ada")
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    for day in (3, 1, 3, 2):
        await shop.earn("ada", 10, expire_time=start + timedelta(days=day))
    await shop.earn("ada", 5)
    await shop.earn("ada", 7, available_time=start)
    await shop.spend("ada", 4)
    balance = await shop.balance("ada", full=True)
    buckets = [(time_of(b.expire_time) - start, b.amount) for b in balance.expiries]
    assert buckets == [(timedelta(days=1), 6), (timedelta(days=2), 10), (timedelta(days=3), 20)]
    assert (balance.posted, balance.pending, balance.available) == (48, 7, 41)
    assert time_of(balance.valid_until) == start
    basic = await shop.balance("ada")
    assert not basic.expiries
    del balance.expiries[:]
    assert basic == balance


async def test_many_full_balances_are_those_that_one_by_one_are_told(shop: Shop) -> None:
    await shop.add_many([f"m{n}" for n in range(101)])
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    await shop.earn("m1", 10, expire_time=start)
    await shop.earn("m2", 20, expire_time=start + timedelta(days=1))
    await shop.earn("m2", 5)
    ids = ["m2", "issuance.points", "m0", "m1"]
    request = pb.BatchGetBalancesRequest(parent=shop.name, names=map(shop.account, ids), view=pb.BALANCE_VIEW_FULL)
    told = (await shop.ledger.BatchGetBalances(request)).balances
    assert list(told) == [await shop.balance(id_, full=True) for id_ in ids]
    assert [len(balance.expiries) for balance in told] == [1, 0, 0, 1]
    many = [shop.account(f"m{n}") for n in range(101)]
    async with refused(INVALID, "INVALID_FIELD", violated=["names"]):
        await shop.ledger.BatchGetBalances(
            pb.BatchGetBalancesRequest(parent=shop.name, names=many, view=pb.BALANCE_VIEW_FULL)
        )


async def test_at_most_a_hundred_buckets_are_told_the_soonest_and_more_after_a_time(shop: Shop) -> None:
    await shop.add("ada")
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    items = [
        pb.PostTransactionItem(
            transaction=shop.transaction(
                1, shop.posting("issuance.points", "ada", 1, expire_time=start + timedelta(hours=n))
            ),
            request_id=f"r{n}",
        )
        for n in range(130)
    ]
    await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=items))
    expiries = (await shop.balance("ada", full=True)).expiries
    assert [time_of(b.expire_time) for b in expiries] == [start + timedelta(hours=n) for n in range(100)]
    more = pb.GetBalanceRequest(
        name=shop.account("ada"), view=pb.BALANCE_VIEW_FULL, expiries_after_time=expiries[-1].expire_time
    )
    rest = (await shop.ledger.GetBalance(more)).balance
    assert [time_of(b.expire_time) for b in rest.expiries] == [start + timedelta(hours=n) for n in range(100, 130)]
    assert rest.available == 130
    for wrong in (
        pb.GetBalanceRequest(name=more.name, expiries_after_time=more.expiries_after_time),
        pb.GetBalanceRequest(
            name=more.name,
            view=pb.BALANCE_VIEW_FULL,
            expiries_after_time=more.expiries_after_time,
            record_time=more.expiries_after_time,
        ),
    ):
        async with refused(INVALID, "INVALID_FIELD", violated=["expiries_after_time"]):
            await shop.ledger.GetBalance(wrong)


async def test_a_version_not_reached_is_refused_and_one_reached_is_answered(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 10)
    assert (await shop.balance("ada", min_version=1)).version == 1
    for full in (False, True):
        async with refused(PRECONDITION, "VERSION_NOT_REACHED", version=1, min_version=2):
            await shop.balance("ada", min_version=2, full=full)
        async with refused(PRECONDITION, "VERSION_NOT_REACHED", version=0, min_version=1):  # it has no versions
            await shop.balance("issuance.points", min_version=1, full=full)
    async with refused(INVALID, "INVALID_FIELD", violated=["min_version"]):
        await shop.balance("ada", min_version=-1)


async def test_many_balances_come_in_the_order_asked(shop: Shop, world: World) -> None:
    await shop.add_many([f"m{n}" for n in range(1001)])
    for n in range(3):
        await shop.earn(f"m{n}", n + 1)
    names = [shop.account(id_) for id_ in ("m2", "issuance.points", "m0", "m999", "m1")]

    async def read(names: list[str]) -> list[int]:
        request = pb.BatchGetBalancesRequest(parent=shop.name, names=names)
        answer = await shop.ledger.BatchGetBalances(request)
        assert [balance.account for balance in answer.balances] == names
        return [balance.posted for balance in answer.balances]

    for _ in range(2):  # from PostgreSQL, then from the cache
        assert await read(names) == [3, -6, 1, 0, 2]
    assert sum(await read([shop.account(f"m{n}") for n in range(1000)])) == 6
    async with refused(INVALID, "INVALID_FIELD", violated=["names"]):
        await read([shop.account(f"m{n}") for n in range(1001)])
    async with refused(INVALID, "INVALID_FIELD", violated=["names"]):
        await read([])
    async with refused(INVALID, "INVALID_FIELD", violated=["names"]):
        await read([names[0], names[0]])
    async with refused(NOT_FOUND, "NOT_FOUND", resource=shop.account("nobody")):
        await read([names[0], shop.account("nobody")])
    other = await world.shop(shop.client)
    await other.add("eve")
    async with refused(INVALID, "INVALID_FIELD", violated=["names[1]"]):
        await read([names[0], other.account("eve")])


async def test_a_statement_runs_without_a_gap_over_its_pages(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    for n in range(1, 24):
        await shop.earn("ada", 10 + n)
        await shop.spend("ada", n)
        await shop.post(RECOGNITION, shop.posting("ada", "ben", 1))
    hold = await shop.hold("ada", 5, datetime.now(UTC) + timedelta(days=1))
    await shop.release(hold.name)
    await shop.earn("ada", 1)
    lines, token, pages = [], "", 0
    while True:
        request = pb.ListEntriesRequest(parent=shop.account("ada"), page_size=10, page_token=token)
        answer = await shop.ledger.ListEntries(request)
        lines += answer.entries
        pages += 1
        token = answer.next_page_token
        if not token:
            break
        assert len(answer.entries) == 10
    assert (len(lines), pages) == (70, 7)
    lines.reverse()
    assert [line.version for line in lines] == [*range(1, 70), 72]
    running = 0
    for line in lines:
        running += line.amount
        assert line.posted == running
    times = [time_of(line.record_time) for line in lines]
    assert times == sorted(set(times))
    assert lines == await shop.entries("ada")
    assert (await shop.balance("ada")).posted == running
    assert len((await shop.ledger.ListEntries(pb.ListEntriesRequest(parent=shop.account("ada")))).entries) == 50
    assert await findings(world.client()) == []


async def test_a_statement_asked_for_wrongly_is_refused(shop: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    for _ in range(3):
        await shop.earn("ada", 1)
    ada = shop.account("ada")
    for size in (-1, 1001):
        async with refused(INVALID, "INVALID_FIELD", violated=["page_size"]):
            await shop.ledger.ListEntries(pb.ListEntriesRequest(parent=ada, page_size=size))
    token = (await shop.ledger.ListEntries(pb.ListEntriesRequest(parent=ada, page_size=1))).next_page_token
    for parent, given in ((ada, "nonsense"), (ada, token[:-2]), (shop.account("ben"), token)):
        async with refused(INVALID, "INVALID_FIELD", violated=["page_token"]):
            await shop.ledger.ListEntries(pb.ListEntriesRequest(parent=parent, page_token=given))
    async with refused(PRECONDITION, "NO_STATEMENT", account=shop.account("issuance.points")):
        await shop.ledger.ListEntries(pb.ListEntriesRequest(parent=shop.account("issuance.points")))
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await shop.ledger.ListEntries(pb.ListEntriesRequest(parent=shop.account("nobody")))


async def test_verification_tells_its_progress_and_ends_with_done(shop: Shop, world: World) -> None:
    await shop.add_many([f"m{n}" for n in range(2100)])
    await shop.earn("m1", 5)
    steps = [step async for step in world.client().ledger.Verify(pb.VerifyRequest())]
    assert steps[-1].done
    assert not any(step.done for step in steps[:-1])
    assert steps[-1].accounts_checked >= 2100
    assert steps[-1].postings_checked >= 1
    counts = [step.accounts_checked for step in steps]
    assert counts == sorted(counts)
    assert not steps[-1].findings
