"""What becomes of what people earned who leave."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from guerdon import InvalidRequestError, PermissionDeniedError, RefusedError, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as books
from guerdon.recognition.v1 import leavers_pb2 as pb
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.testing import wait_until
from tests.contract.recognition.budgeting import Purse, billed
from tests.contract.recognition.parting import KEEP, PAY_OUT, Parting
from tests.contract.recognition.scim import connect
from tests.contract.recognition.world import Employer

READ = "recognition.leavers.read"
WRITE = "recognition.leaver_policies.write"


@pytest.fixture
def parting(employer: Employer) -> Parting:
    return Parting(employer)


async def test_a_policy_is_said_once_and_read_and_without_one_all_is_kept(parting: Parting) -> None:
    kept = pb.LeaverPolicy(name=parting.policy_name, mode=KEEP)
    assert await parting.policy() == kept
    request_id = new_request_id()
    said = [await parting.say(KEEP, 90, request_id=request_id) for _ in range(2)]
    assert said == [await parting.policy()] * 2 == [pb.LeaverPolicy(name=parting.policy_name, mode=KEEP, days=90)] * 2
    assert (await parting.say(PAY_OUT, 0)).HasField("days")
    assert await parting.say(KEEP) == await parting.policy() == kept
    again = pb.SetLeaverPolicyRequest(
        leaver_policy=pb.LeaverPolicy(name=parting.policy_name, mode=KEEP, days=90), request_id=request_id
    )
    call = parting.employer.admin.leavers.SetLeaverPolicy(again)
    await call
    assert await was_replayed(call)
    assert await parting.policy() == kept


async def test_a_policy_that_there_cannot_be_changes_nothing(parting: Parting) -> None:
    for mode, days, field in (
        (pb.LEAVER_MODE_UNSPECIFIED, None, "mode"),
        (KEEP, 0, "days"),
        (KEEP, 3661, "days"),
        (PAY_OUT, None, "days"),
        (PAY_OUT, -1, "days"),
    ):
        with pytest.raises(InvalidRequestError) as refusal:
            await parting.say(mode, days)
        assert [violation.field for violation in refusal.value.violations] == [f"leaver_policy.{field}"]
    assert (await parting.policy()).mode == KEEP


async def test_leavers_are_for_admins(parting: Parting) -> None:
    employer = parting.employer
    await parting.change("ben", role=orgs.ROLE_MANAGER)
    await parting.change("cleo", role=orgs.ROLE_ADMIN)
    await parting.leave("dan")
    for person in ("ann", "ben"):
        client = employer.own_client(person, READ, WRITE)
        for refused in (parting.page(client=client), parting.say(KEEP, 1, client=client)):
            with pytest.raises(PermissionDeniedError) as refusal:
                await refused
            assert refusal.value.reason == "ROLE_REQUIRED"
    with pytest.raises(PermissionDeniedError) as refusal:
        await parting.page(client=employer.own_client("cleo"))
    assert refusal.value.reason == "SCOPE_REQUIRED"
    admin = employer.own_client("cleo", READ, WRITE)
    await parting.say(KEEP, 1, client=admin)
    assert [one.person for one in (await parting.page(client=admin)).leavers] == [employer.person("dan")]


async def test_what_is_paid_out_is_told_with_its_worth_and_the_budget_has_the_points_again(parting: Parting) -> None:
    employer, purse = parting.employer, Purse(parting.employer)
    await purse.terms(billed(1000))
    await parting.worth(cents=Rational(numerator=17, denominator=2))
    await parting.change("ben", country="IE")
    await parting.say(PAY_OUT, 0)
    await employer.give("ann", ["ben"], 30)
    await employer.give("cleo", ["ben"], 7)
    await employer.redeem("ben", 4)
    before = datetime.now(UTC)
    await parting.leave("ben")
    leaver = await parting.until_settled("ben", 33)
    [settlement] = leaver.settlements
    assert (leaver.person, leaver.display_name, leaver.mode) == (employer.person("ben"), "Ben", PAY_OUT)
    assert (leaver.available_amount, leaver.HasField("return_time")) == (0, False)
    assert leaver.keep_end_time == leaver.leave_time
    assert before <= leaver.leave_time.ToDatetime(UTC) <= settlement.settle_time.ToDatetime(UTC)
    assert (settlement.mode, settlement.country) == (PAY_OUT, "IE")
    assert settlement.minor_units_per_point == Rational(numerator=17, denominator=2)
    assert (settlement.minor_units, settlement.currency_code) == (281, "EUR")  # 280.5
    [entry, *_] = await parting.entries("ben")
    assert (entry.transaction, entry.amount, entry.posted) == (settlement.transaction, -33, 0)
    assert (entry.kind, entry.memo) == (books.TRANSACTION_KIND_FUND, "Paid out after leaving")
    assert await parting.budget() == 33 - 4 * 200
    # What the employer pays by itself is not billed: of 37 points 4 were redeemed.
    assert (await purse.statement(f"{datetime.now(UTC):%Y-%m}")).redeemed_points == 4


async def test_where_nobody_said_what_a_point_is_worth_no_money_is_told(parting: Parting) -> None:
    await parting.worth(cents=Rational(numerator=1, denominator=1))
    await parting.change("ben", country="FR")
    await parting.say(PAY_OUT, 0)
    await parting.employer.give("ann", ["ben", "cleo"], 5)
    await parting.leave("ben", "cleo")
    for person, country in (("ben", "FR"), ("cleo", "")):
        [settlement] = (await parting.until_settled(person, 5)).settlements
        assert (settlement.country, settlement.currency_code) == (country, "")
        assert not settlement.HasField("minor_units")
        assert not settlement.HasField("minor_units_per_point")


async def test_who_is_back_in_time_has_everything_and_what_holds_is_what_held_when_they_left(parting: Parting) -> None:
    employer = parting.employer
    await employer.give("ann", ["ben", "cleo", "dan"], 10)
    await parting.leave("ben")  # nothing was said
    await parting.say(KEEP, 1)
    await parting.leave("cleo")
    await parting.say(PAY_OUT, 0)
    await parting.leave("dan")
    await parting.until_settled("dan", 10)
    [ben], [cleo] = await parting.of("ben"), await parting.of("cleo")
    assert (ben.mode, ben.HasField("keep_end_time"), ben.available_amount) == (KEEP, False, 10)
    until = cleo.leave_time.ToDatetime(UTC) + timedelta(days=1)
    assert (cleo.mode, cleo.available_amount) == (KEEP, 10)
    assert abs(cleo.keep_end_time.ToDatetime(UTC) - until) <= timedelta(hours=1)  # clocks may be changed that night
    for person in ("ben", "cleo"):
        await parting.come_back(person)
        [leaver] = await parting.of(person)
        assert leaver.HasField("return_time")
        assert (await employer.earned(person), list(leaver.settlements)) == (10, [])


async def test_by_scim_people_leave_and_who_comes_back_later_begins_at_zero_on_the_same_account(
    parting: Parting,
) -> None:
    employer = parting.employer
    await parting.say(PAY_OUT, 0)
    provider = await connect(employer)
    eve = (await provider.user("eve@example.com"))["id"]
    await employer.give("ann", [eve], 30)
    account = (await employer.read_person(eve)).rewards_account
    gone, back = ({"op": "replace", "value": {"active": active}} for active in (False, True))
    await provider.patch(f"/Users/{eve}", gone)
    await parting.until_settled(eve, 30)
    await provider.patch(f"/Users/{eve}", back)
    assert await employer.earned(eve) == 0
    await employer.give("ann", [eve], 12)
    assert (await employer.read_person(eve)).rewards_account == account
    assert await employer.earned(eve) == 12
    await provider.http.delete(f"/Users/{eve}")
    await provider.http.aclose()
    await parting.until_settled(eve, 12)
    # Both times are there, for who pays: also the one that they came back from.
    [second, first] = await parting.of(eve)
    assert [[one.amount for one in leaving.settlements] for leaving in (first, second)] == [[30], [12]]
    assert (first.HasField("return_time"), second.HasField("return_time")) == (True, False)


async def test_what_comes_in_later_is_settled_later(parting: Parting) -> None:
    employer = parting.employer
    await employer.give("ann", ["ben"], 50)
    account = (await employer.read_person("ben")).rewards_account
    spent = await employer.spend(account, 15)
    expire_time = datetime.now(UTC) + timedelta(days=1)
    hold = books.Hold(account=account, amount=20, expire_time=timestamp(expire_time))
    held = (
        await employer.bank.ledger.PlaceHold(
            ledger.PlaceHoldRequest(parent=employer.program, hold=hold, request_id=new_request_id())
        )
    ).hold
    await parting.say(PAY_OUT, 0)
    await parting.leave("ben")
    await parting.until_settled("ben", 15)  # 15 are spent, and 20 held
    await employer.bank.ledger.ReverseTransaction(
        ledger.ReverseTransactionRequest(name=spent, request_id=new_request_id())
    )
    await parting.until_settled("ben", 15, 15)
    await employer.bank.ledger.CaptureHold(
        ledger.CaptureHoldRequest(name=held.name, amount=12, request_id=new_request_id())
    )
    leaver = await parting.until_settled("ben", 15, 15, 8)
    assert len({settlement.transaction for settlement in leaver.settlements}) == 3
    assert (await employer.balance(account)).posted == 0


async def test_a_frozen_account_is_left_alone_until_it_is_not(parting: Parting) -> None:
    employer = parting.employer
    await parting.say(PAY_OUT, 0)
    await employer.give("ann", ["ben", "cleo"], 10)
    account = (await employer.read_person("ben")).rewards_account
    await employer.bank.ledger.FreezeAccount(ledger.FreezeAccountRequest(name=account, request_id=new_request_id()))
    await parting.leave("ben", "cleo")
    await parting.until_settled("cleo", 10)
    assert (await parting.settled("ben"), await employer.earned("ben")) == ([], 10)
    await employer.bank.ledger.UnfreezeAccount(ledger.UnfreezeAccountRequest(name=account, request_id=new_request_id()))
    await parting.until_settled("ben", 10)


async def test_what_was_settled_is_not_there_to_take_back_and_goes_to_nobody_twice(parting: Parting) -> None:
    employer = parting.employer
    await parting.say(PAY_OUT, 0)
    given = await employer.give("ann", ["ben"], 30)
    await parting.leave("ben")
    await parting.until_settled("ben", 30)
    deleted = await employer.admin.recognition.DeleteRecognition(
        recs.DeleteRecognitionRequest(
            name=given.name, taking_policy=recs.TAKING_POLICY_WITHIN_BALANCE, request_id=new_request_id()
        )
    )
    assert [(one.amount, one.recovered_amount) for one in deleted.recoveries] == [(30, 0)]
    assert (await employer.left("ann"), await parting.budget()) == (170, 30 - 4 * 200)


async def test_leavers_are_listed_latest_first_by_pages_and_since_when_something_was_settled(parting: Parting) -> None:
    employer = parting.employer
    await employer.give("ann", ["ben", "dan"], 5)
    await parting.leave("ben")
    await parting.say(PAY_OUT, 0)
    await parting.leave("cleo", "dan")
    settled = (await parting.until_settled("dan", 5)).settlements[0].settle_time
    names: list[str] = []
    token = ""
    while True:
        page = await parting.page(page_size=1, page_token=token)
        names += [leaver.person for leaver in page.leavers]
        token = page.next_page_token
        if not token:
            break
    assert names == [employer.person(person) for person in ("dan", "cleo", "ben")]
    since = await parting.page(settled_since_time=settled)
    assert [leaver.person for leaver in since.leavers] == [employer.person("dan")]
    later = settled.ToDatetime(UTC) + timedelta(microseconds=1)
    assert not (await parting.page(settled_since_time=later)).leavers
    first = await parting.page(page_size=1)
    with pytest.raises(InvalidRequestError):
        await parting.page(page_token=first.next_page_token, person="ben")
    with pytest.raises(InvalidRequestError):
        await parting.page(page_size=1001)


async def test_of_what_is_redeemed_at_the_same_moment_nothing_is_settled_too(parting: Parting) -> None:
    """Whoever is first has the points; all of them are with one or the other in the end."""
    employer = parting.employer
    people = [f"p{number}" for number in range(8)]
    await employer.hire(*people)
    await employer.grant()
    for _ in range(4):
        await employer.give("ann", people, 5)
    await parting.say(PAY_OUT, 0)
    redeemed = dict.fromkeys(people, 0)

    async def redeem(person: str, points: int) -> None:
        with suppress(RefusedError):  # they are with the leaver no more
            await employer.redeem(person, points)
            redeemed[person] += points

    async def part(person: str) -> None:
        redeeming = asyncio.gather(*(redeem(person, points) for points in (7, 3, 2)))
        await parting.leave(person)
        await redeeming

    await asyncio.gather(*map(part, people))
    for person in people:

        async def all_gone(person: str = person) -> bool:
            return sum(await parting.settled(person)) == 20 - redeemed[person]

        await wait_until(all_gone)
        assert await employer.earned(person) == 0
    assert await parting.budget() == 8 * 20 - sum(redeemed.values()) - 12 * 200
