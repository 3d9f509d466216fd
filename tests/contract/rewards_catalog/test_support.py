"""Goodwill is one adjustment each, alone within an agent's day, and above that with a second person."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from guerdon import GuerdonError, RefusedError, new_request_id, was_replayed
from guerdon.ledger.v1 import adjustments_pb2 as adjustments
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.rewards.v1 import support_pb2 as pb
from tests.contract.rewards_catalog.desk import (
    cases,
    give,
    goodwill_request,
    limit_adjustments,
    open_case,
    read_case,
    set_goodwill_limit,
)
from tests.contract.rewards_catalog.world import Shop, World

GIVEN, PROPOSED = pb.GOODWILL_STATE_GIVEN, pb.GOODWILL_STATE_PROPOSED


async def adjusted(shop: Shop, account: str) -> list[ledger_res.Transaction]:
    """The transactions of an account, all of which have to be adjustments."""
    entries = await shop.books.ledger.ListEntries(ledger.ListEntriesRequest(parent=account))
    assert {entry.kind for entry in entries.entries} <= {ledger_res.TRANSACTION_KIND_ADJUSTMENT}
    return [
        (await shop.books.ledger.GetTransaction(ledger.GetTransactionRequest(name=entry.transaction))).transaction
        for entry in entries.entries
    ]


async def test_an_agent_gives_within_its_day_at_once_and_beyond_it_proposes(shop: Shop, world: World) -> None:
    assert await set_goodwill_limit(shop, 500) == 500
    case, member = await open_case(shop), await shop.member()
    first = await give(shop, case, member, 300)
    assert (first.state, first.agent) == (GIVEN, case.opener)
    beyond = await give(shop, case, member, 201)
    assert (beyond.state, beyond.transaction) == (PROPOSED, "")
    assert (await give(shop, case, member, 200)).state == GIVEN
    assert (await shop.balance(member)).available == 500
    posted = await adjusted(shop, member)
    assert {one.memo for one in posted} == {case.name}
    assert {one.actor for one in posted} == {f"service:rewards_catalog for {case.opener}"}

    approve = adjustments.ApproveAdjustmentRequest(name=beyond.adjustment, request_id=new_request_id())
    with pytest.raises(RefusedError) as alone:
        await shop.books.ledger.ApproveAdjustment(approve)
    assert alone.value.reason == "SECOND_PERSON_REQUIRED"
    second = world.client(world.ledger, world.identity.token("controller"))
    await second.ledger.ApproveAdjustment(approve)
    _, given = await read_case(shop, case)
    assert [(one.points, one.state) for one in given] == [(300, GIVEN), (201, GIVEN), (200, GIVEN)]
    assert given[1].transaction
    assert (await shop.balance(member)).available == 701

    colleague = Shop(shop.program, shop.books, world.client(world.catalog, world.identity.token("colleague")))
    assert (await give(colleague, case, member, 500)).state == GIVEN  # a limit is each agent's own
    assert await shop.verified() == []


async def test_what_is_proposed_and_rejected_moves_nothing(shop: Shop) -> None:
    case, member = await open_case(shop), await shop.member()
    proposed = await give(shop, case, member, 1)  # without a limit nothing is given alone
    assert proposed.state == PROPOSED
    await shop.books.ledger.RejectAdjustment(
        adjustments.RejectAdjustmentRequest(name=proposed.adjustment, reason="no", request_id=new_request_id())
    )
    _, [given] = await read_case(shop, case)
    assert given.state == pb.GOODWILL_STATE_REJECTED
    assert (await shop.balance(member)).available == 0


async def test_the_programs_own_limit_in_the_ledger_holds_too(shop: Shop) -> None:
    await set_goodwill_limit(shop, 500)
    await limit_adjustments(shop, 100)
    case, member = await open_case(shop), await shop.member()
    assert (await give(shop, case, member, 101)).state == PROPOSED
    assert (await give(shop, case, member, 100)).state == GIVEN


async def test_the_same_request_gives_once_and_many_at_once_stay_within_the_day(shop: Shop) -> None:
    await set_goodwill_limit(shop, 100)
    case, member = await open_case(shop), await shop.member()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    request = goodwill_request(case, member, 10, expire_time=tomorrow)
    first = (await shop.catalog.support.GiveGoodwill(request)).goodwill
    again = shop.catalog.support.GiveGoodwill(request)
    assert (await again).goodwill == first
    assert await was_replayed(again)
    given = await asyncio.gather(*[give(shop, case, member, 15) for _ in range(10)])
    assert sorted(one.state for one in given) == [GIVEN] * 6 + [PROPOSED] * 4
    balance = await shop.balance(member)
    assert balance.available == 100
    assert balance.valid_until == request.goodwill.expire_time


async def test_what_the_ledger_refuses_is_refused_and_counts_for_nothing(shop: Shop) -> None:
    await set_goodwill_limit(shop, 100)
    case, member, gone = await open_case(shop), await shop.member(), await shop.member()
    await shop.close_account(gone)
    request = goodwill_request(case, gone, 100)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await shop.catalog.support.GiveGoodwill(request)
        assert refused.value.reason == "GOODWILL_REFUSED"
        assert refused.value.metadata["ledger_reason"] == "ACCOUNT_CLOSED"
    assert (await give(shop, case, member, 100)).state == GIVEN


async def test_a_case_is_a_members_until_it_is_closed(shop: Shop) -> None:
    await set_goodwill_limit(shop, 100)
    opened = [await open_case(shop, member) for member in ("ada", "ben", "ada", "ada")]
    names = [case.name for case in reversed(opened)]
    assert await cases(shop) == names
    assert await cases(shop, "ada") == [name for name in names if name != opened[1].name]
    case, member = opened[0], await shop.member()
    close = pb.CloseCaseRequest(name=case.name, request_id=new_request_id())
    closed = (await shop.catalog.support.CloseCase(close)).case
    assert (closed.state, closed.closer) == (pb.CASE_STATE_CLOSED, case.opener)
    close.request_id = new_request_id()
    assert (await shop.catalog.support.CloseCase(close)).case == closed
    with pytest.raises(RefusedError) as refused:
        await give(shop, case, member, 1)
    assert refused.value.reason == "CASE_CLOSED"


async def test_what_is_out_of_bounds_or_not_there_is_named(shop: Shop) -> None:
    case, member = await open_case(shop), await shop.member()
    for wrong in (
        goodwill_request(case, member, -1),
        goodwill_request(case, member, 2**53 + 1),
        goodwill_request(case, member, 1, expire_time=datetime.now(UTC) - timedelta(days=1)),
        goodwill_request(case, "programs/other/accounts/ada", 1),
    ):
        with pytest.raises(GuerdonError) as refused:
            await shop.catalog.support.GiveGoodwill(wrong)
        assert refused.value.reason == "INVALID_FIELD"
    for missing in (
        goodwill_request(pb.Case(name=f"{shop.program}/cases/none"), member, 1),
        goodwill_request(case, f"{shop.program}/accounts/nobody", 1),
    ):
        with pytest.raises(GuerdonError) as refused:
            await shop.catalog.support.GiveGoodwill(missing)
        assert refused.value.reason == "NOT_FOUND"
    for limit in ((-1, "points"), (1, "none")):
        with pytest.raises(GuerdonError):
            await set_goodwill_limit(shop, *limit)
    read = await shop.catalog.support.GetGoodwillLimit(pb.GetGoodwillLimitRequest(unit=f"{shop.program}/units/points"))
    assert read.daily_points == 0
