"""Holds and reversals over the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guerdon import GuerdonError, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    DENIED,
    EARN,
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    RECOGNITION,
    SPEND,
    Shop,
    World,
    findings,
    refused,
    stamp,
)

TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
async def ada(shop: Shop) -> Shop:
    """A shop in which ada has 100 points."""
    await shop.add("ada")
    await shop.earn("ada", 100)
    return shop


async def test_a_hold_is_placed_read_and_captured_in_part(ada: Shop) -> None:
    request = pb.PlaceHoldRequest(
        parent=ada.name,
        hold=res.Hold(account=ada.account("ada"), amount=40, expire_time=stamp(TOMORROW), purpose="Cinema"),
        request_id=new_request_id(),
    )
    placed = await ada.ledger.PlaceHold(request)
    hold = placed.hold
    assert (hold.account, hold.amount, hold.purpose) == (ada.account("ada"), 40, "Cinema")
    assert (hold.state, hold.captured_amount) == (res.HOLD_STATE_ACTIVE, 0)
    assert (placed.balance.posted, placed.balance.held, placed.balance.available) == (100, 40, 60)
    assert (await ada.ledger.GetHold(pb.GetHoldRequest(name=hold.name))).hold == hold
    taken = await ada.capture(hold.name, 25, request_id="c")
    assert (taken.hold.state, taken.hold.captured_amount) == (res.HOLD_STATE_CAPTURED, 25)
    assert (taken.balance.posted, taken.balance.held, taken.balance.available) == (75, 0, 75)
    assert taken.balance == await ada.balance("ada")
    found = (await ada.ledger.GetTransaction(pb.GetTransactionRequest(name=taken.transaction))).transaction
    assert (found.kind, found.postings[0].destination) == (SPEND, ada.account("redemption.points"))
    assert (await ada.ledger.GetHold(pb.GetHoldRequest(name=hold.name))).hold == taken.hold
    again = ada.ledger.CaptureHold(pb.CaptureHoldRequest(name=hold.name, amount=25, request_id="c"))
    assert await again == taken
    assert await was_replayed(again)
    first = ada.ledger.PlaceHold(request)
    assert await first == placed  # as it was answered then, whatever has become of the hold
    assert await was_replayed(first)


async def test_each_way_a_hold_was_resolved_has_its_own_reason(ada: Shop) -> None:
    taken, free, small = [(await ada.hold("ada", 10, TOMORROW)).name for _ in range(3)]
    await ada.capture(taken, 4)
    await ada.release(free, request_id="r")
    async with refused(PRECONDITION, "HOLD_ALREADY_CAPTURED", hold=taken, captured=4):
        await ada.capture(taken)
    async with refused(PRECONDITION, "HOLD_ALREADY_CAPTURED"):
        await ada.release(taken)
    async with refused(PRECONDITION, "HOLD_ALREADY_RELEASED", hold=free):
        await ada.capture(free)
    async with refused(PRECONDITION, "HOLD_ALREADY_RELEASED"):
        await ada.release(free)
    async with refused(PRECONDITION, "CAPTURE_EXCEEDS_HOLD", hold=small, held=10, requested=11):
        await ada.capture(small, 11)
    assert (await ada.release(free, request_id="r")).hold.state == res.HOLD_STATE_RELEASED
    assert (await ada.capture(small)).hold.captured_amount == 10
    assert (await ada.balance("ada")).posted == 86


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "hold.amount"),
        ({"amount": -5}, "hold.amount"),
        ({"amount": 2**53 + 1}, "hold.amount"),
        ({"expire_time": None}, "hold.expire_time"),
        ({"expire_time": stamp(datetime.now(UTC) + timedelta(days=91))}, "hold.expire_time"),
        ({"purpose": "x" * 201}, "hold.purpose"),
        ({"purpose": "\0"}, "hold.purpose"),
        ({"account": ""}, "hold.account"),
        ({"account": "issuance.points"}, "hold.account"),
    ],
)
async def test_a_hold_outside_its_bounds_is_refused_by_field(ada: Shop, changes: dict[str, Any], field: str) -> None:
    values: dict[str, Any] = {"account": "ada", "amount": 1, "expire_time": stamp(TOMORROW)} | changes
    values["account"] = values["account"] and ada.account(values["account"])
    request = pb.PlaceHoldRequest(parent=ada.name, hold=res.Hold(**values), request_id=new_request_id())
    async with refused(INVALID, "INVALID_FIELD", violated=[field]):
        await ada.ledger.PlaceHold(request)


async def test_a_hold_that_has_lapsed_already_or_is_not_covered_is_not_placed(ada: Shop) -> None:
    async with refused(PRECONDITION, "EXPIRY_PASSED"):
        await ada.hold("ada", 1, datetime.now(UTC) - timedelta(seconds=1))
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", required=101, available=100, missing=1):
        await ada.hold("ada", 101, TOMORROW)
    assert (await ada.balance("ada")).version == 1


async def test_a_capture_goes_to_a_redemption_account_of_the_same_unit_only(ada: Shop, world: World) -> None:
    hold = (await ada.hold("ada", 10, TOMORROW)).name
    other = await world.shop(ada.client)
    stamps = res.Unit(name=f"{ada.name}/units/stamps")
    await ada.ledger.CreateUnit(pb.CreateUnitRequest(unit=stamps, request_id=new_request_id()))
    for destination in (
        ada.account("issuance.points"),
        ada.account("redemption.stamps"),
        other.account("redemption.points"),
    ):
        async with refused(INVALID, "INVALID_FIELD", violated=["destination"]):
            await ada.ledger.CaptureHold(
                pb.CaptureHoldRequest(name=hold, destination=destination, request_id=new_request_id())
            )
    for amount in (-1, 2**53 + 1):
        async with refused(INVALID, "INVALID_FIELD", violated=["amount"]):
            await ada.capture(hold, amount)
    await ada.ledger.CaptureHold(
        pb.CaptureHoldRequest(name=hold, destination=ada.account("redemption.points"), request_id=new_request_id())
    )


async def test_a_hold_of_another_program_is_not_found_under_this_one(ada: Shop, world: World) -> None:
    hold = (await ada.hold("ada", 10, TOMORROW)).name
    others = [await world.shop(ada.client) for _ in range(8)]  # some of them in the same shard
    for other in others:
        name = f"{other.name}/holds/{hold.rpartition('/')[2]}"
        for call in (ada.capture(name), ada.release(name), ada.ledger.GetHold(pb.GetHoldRequest(name=name))):
            async with refused(NOT_FOUND, "NOT_FOUND", resource=name):
                await call
    for id_ in ("x", "9" * 40):
        async with refused(NOT_FOUND, "NOT_FOUND"):
            await ada.ledger.GetHold(pb.GetHoldRequest(name=f"{ada.name}/holds/{id_}"))


async def test_a_program_whose_first_known_account_is_breakage_captures_as_any_other(ada: Shop) -> None:
    # Only some of the unit's system accounts are in the ledger's memory then.
    hold = (await ada.hold("ada", 10, TOMORROW)).name
    await ada.balance("breakage.points")
    assert (await ada.capture(hold)).balance.posted == 90


async def test_reversals_take_at_most_the_original_and_say_what_is_left(ada: Shop, world: World) -> None:
    spent = await ada.spend("ada", 50)
    answer = await ada.reverse(spent, 20, request_id="r1")
    assert (answer.reversed_amount, answer.balances[0].posted, answer.balances[0].lifetime_spent) == (20, 70, 30)
    found = (await ada.ledger.GetTransaction(pb.GetTransactionRequest(name=answer.transaction))).transaction
    assert (found.kind, found.reverses) == (res.TRANSACTION_KIND_REVERSAL, spent)
    async with refused(PRECONDITION, "OVER_REVERSAL", transaction=spent, requested=31, remaining=30):
        await ada.reverse(spent, 31)
    assert await ada.reverse(spent, 20, request_id="r1") == answer
    assert (await ada.reverse(spent)).reversed_amount == 30
    async with refused(PRECONDITION, "OVER_REVERSAL", remaining=0):
        await ada.reverse(spent)
    async with refused(PRECONDITION, "NOT_REVERSIBLE", kind="REVERSAL"):
        await ada.reverse(answer.transaction)
    assert await findings(world.client()) == []


@pytest.mark.parametrize(
    ("policy", "taken", "posted"),
    [
        (pb.CLAWBACK_POLICY_ONLY_UNSPENT, 0, 20),
        (pb.CLAWBACK_POLICY_WITHIN_BALANCE, 20, 0),
        (pb.CLAWBACK_POLICY_ALLOW_NEGATIVE, 100, -80),
        (pb.CLAWBACK_POLICY_UNSPECIFIED, 100, -80),
    ],
)
async def test_a_policy_says_what_a_reversal_may_take(shop: Shop, policy: int, taken: int, posted: int) -> None:
    await shop.add("ada")
    earned = await shop.earn("ada", 100, expire_time=TOMORROW)
    await shop.spend("ada", 100)
    await shop.earn("ada", 20)
    answer = await shop.reverse(earned, policy=policy)
    balance = await shop.balance("ada")
    assert (answer.reversed_amount, balance.posted, balance.debt) == (taken, posted, max(-posted, 0))
    assert bool(answer.transaction) == (taken > 0)
    assert answer.balances[0] == balance


async def test_debt_blocks_spending_until_credits_have_paid_it(shop: Shop, world: World) -> None:
    await shop.add("ada")
    earned = await shop.earn("ada", 50)
    await shop.spend("ada", 50)
    await shop.reverse(earned)
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", available=-50, required=1, missing=51):
        await shop.spend("ada", 1)
    await shop.earn("ada", 60)
    balance = await shop.balance("ada")
    assert (balance.posted, balance.debt, balance.available) == (10, 0, 10)
    assert await findings(world.client()) == []


async def test_a_gift_that_paid_a_debt_is_reversed_like_any_other(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    earned = await shop.earn("ada", 50)
    await shop.spend("ada", 50)
    await shop.reverse(earned)
    await shop.earn("ben", 80)
    gift = await shop.post(RECOGNITION, shop.posting("ben", "ada", 70))
    assert (await shop.reverse(gift.transaction)).reversed_amount == 70
    assert [(await shop.balance(id_)).posted for id_ in ("ada", "ben")] == [-50, 80]
    assert await findings(world.client()) == []


async def test_a_transaction_of_several_postings_is_reversed_as_a_whole(shop: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    postings = [shop.posting("issuance.points", id_, 10) for id_ in ("ada", "ben")]
    both = (await shop.post(EARN, *postings)).transaction
    async with refused(PRECONDITION, "PARTIAL_REVERSAL_NOT_POSSIBLE", postings=2):
        await shop.reverse(both, 10)
    answer = await shop.reverse(both)
    assert (answer.reversed_amount, [balance.posted for balance in answer.balances]) == (20, [0, 0])


async def test_a_reversal_outside_its_bounds_is_refused(ada: Shop, world: World) -> None:
    spent = await ada.spend("ada", 10)
    for amount in (-1, 2**53 + 1):
        async with refused(INVALID, "INVALID_FIELD", violated=["amount"]):
            await ada.reverse(spent, amount)
    async with refused(INVALID, "INVALID_FIELD", violated=["policy"]):
        await ada.reverse(spent, policy=9)
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await ada.reverse(f"{ada.name}/transactions/12345")
    async with refused(INVALID, "INVALID_FIELD", violated=["name"]):
        await ada.reverse(f"{ada.name}/holds/1")
    with pytest.raises(GuerdonError):
        await ada.reverse("nonsense")
    earner = Shop(ada.name, world.service("membership", ada.name))
    async with refused(DENIED, "KIND_NOT_ALLOWED", kind="SPEND"):
        await earner.reverse(spent)
