"""What an organisation's points are paid from, and what a short budget does to whom."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import InvalidRequestError, PermissionDeniedError, RefusedError
from guerdon.recognition.v1 import allowances_pb2 as allowances
from guerdon.recognition.v1 import manager_budgets_pb2 as managers
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon_kit.testing import wait_until
from tests.contract.recognition.budgeting import PREPAID, Purse, billed
from tests.contract.recognition.world import Employer, World


async def test_a_prepaid_budget_grants_what_was_bought_and_who_it_does_not_reach_waits(world: World) -> None:
    employer = await world.employer(people=[], granted=False)
    purse = Purse(employer)
    await purse.terms(PREPAID)
    await purse.fund(500, "2026-001")
    await employer.hire("ann", "ben", "cleo")
    granted = await employer.grant()
    assert (granted.granted_count + granted.existing_count, granted.short_count) == (3, 1)
    # Whole or not at all: two have theirs, and the third has nothing of the 100 that are left.
    assert sorted([await employer.left(person) for person in ("ann", "ben", "cleo")]) == [0, 200, 200]
    budget = await purse.budget()
    assert (budget.balance, budget.available_amount, budget.funded_amount) == (100, 100, 500)
    assert (budget.granted_amount, budget.waiting_amount, budget.outstanding_amount) == (400, 200, 400)
    with pytest.raises(RefusedError) as short:
        await purse.boost("ann", "ben", amount=60)
    assert (short.value.reason, short.value.metadata) == (
        "BUDGET_SHORT",
        {"required": "120", "available": "100", "missing": "20"},
    )
    await purse.fund(100, "2026-002")

    async def all_have_theirs() -> bool:
        return [await employer.left(person) for person in ("ann", "ben", "cleo")] == [200] * 3

    async def nobody_waits() -> bool:
        return (await purse.budget()).waiting_amount == 0

    await wait_until(all_have_theirs)
    await wait_until(nobody_waits)  # which is written down once the ledger has given them


async def test_a_purchase_of_points_counts_once_whoever_enters_it(employer: Employer) -> None:
    purse = Purse(employer)
    outcomes = await asyncio.gather(*(purse.fund(1000, "2026-007") for _ in range(4)), return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, RefusedError)]
    assert {(one.reason, one.metadata["invoice"]) for one in refused} == {("ALREADY_FUNDED", "2026-007")}
    assert len(refused) == 3
    budget = await purse.budget()
    assert (budget.funded_amount, budget.balance) == (1000, 1000 - 4 * 200)


async def test_a_billed_budget_goes_below_zero_up_to_its_credit_limit(employer: Employer) -> None:
    purse = Purse(employer)
    assert not (await purse.budget()).HasField("available_amount")
    terms = await purse.terms(billed(900))
    assert terms == billed(900)
    assert (await purse.budget()).available_amount == 100
    await purse.boost("ann", amount=100)
    with pytest.raises(RefusedError) as short:
        await purse.boost("ann", amount=1)
    assert short.value.reason == "BUDGET_SHORT"
    # What was granted before stays where they allow less; nothing more goes out.
    await purse.terms(billed(0))
    assert ((await purse.budget()).available_amount, await employer.left("ann")) == (-900, 300)


async def test_of_terms_that_are_set_at_once_one_comes_last_in_both_places(employer: Employer) -> None:
    purse = Purse(employer)
    await asyncio.gather(*(purse.terms(billed(1000 + step)) for step in range(8)))
    budget = await purse.budget()
    assert budget.available_amount == budget.terms.credit_limit - 4 * 200


async def test_a_one_time_boost_is_given_last(employer: Employer) -> None:
    # Oracle: Bonusly, a one-time boost is spent after the allowance of the period, and rolls over.
    purse = Purse(employer)
    await purse.boost("ann", amount=50)
    before = await employer.allowance("ann")
    assert (before.granted_amount, before.available_amount, before.expiring_amount) == (200, 250, 200)
    await employer.give("ann", ["ben"], 200)
    after = await employer.allowance("ann")
    assert (after.available_amount, after.expiring_amount) == (50, 0)


async def test_a_persistent_boost_is_part_of_the_next_grant(world: World) -> None:
    employer = await world.employer(people=["ann"])
    await employer.admin.organisations.CreatePerson(
        orgs.CreatePersonRequest(person=employer.new_person("zoe"), request_id="zoe")
    )
    await Purse(employer).always("ann", 30)
    read = await employer.admin.allowances.GetBoost(allowances.GetBoostRequest(name=f"{employer.person('ann')}/boost"))
    assert read.boost.amount == 30
    await employer.grant()
    assert (await employer.left("ann"), await employer.left("zoe")) == (200, 200)  # theirs was granted before


async def test_overrides_say_who_gets_more_and_who_only_receives_gets_nothing(world: World) -> None:
    employer = await world.employer(people=[], granted=False)
    await employer.plan(200, overrides=[allowances.AllowanceOverride(amount=500, role=orgs.ROLE_MANAGER)])
    roles = {"ann": orgs.ROLE_MANAGER, "ben": orgs.ROLE_GIVER, "cleo": orgs.ROLE_RECEIVER_ONLY}
    for person, role in roles.items():
        message = employer.new_person(person)
        message.role = role
        await employer.admin.organisations.CreatePerson(orgs.CreatePersonRequest(person=message, request_id=person))
    await employer.grant()
    # The plan with the override holds from the next month on: in this one the first plan does.
    assert [await employer.left(person) for person in roles] == [200, 200, 0]
    plans = await employer.admin.allowances.GetAllowancePlan(
        allowances.GetAllowancePlanRequest(name=f"{employer.name}/allowancePlan")
    )
    assert (plans.current.base_amount, len(plans.current.overrides), len(plans.next.overrides)) == (200, 0, 1)
    assert plans.next.overrides[0].role == orgs.ROLE_MANAGER
    assert plans.next.from_day > plans.current.from_day


async def test_a_scheduled_plan_is_replaced_by_the_next_one(employer: Employer) -> None:
    await employer.plan(300)
    answer = await employer.plan(50, allowances.PERIOD_KIND_WEEK)
    assert (answer.current.base_amount, answer.next.base_amount) == (200, 50)
    assert answer.next.period_kind == allowances.PERIOD_KIND_WEEK


async def test_managers_give_out_what_they_were_granted_and_never_more(employer: Employer) -> None:
    purse = Purse(employer)
    await purse.manage("ann", 1000)
    await employer.grant()
    client = employer.own_client("ann", "recognition.manager_budgets.grant", "recognition.manager_budgets.read")

    async def hand_out(number: int) -> bool:
        try:
            await purse.hand_out("ann", ["ben", "cleo"], 150, client=client, request_id=f"award-{number}")
        except RefusedError as refusal:
            assert refusal.reason == "MANAGER_BUDGET_SHORT"  # noqa: PT017 - what the refusal says is the point
            return False
        return True

    outcomes = await asyncio.gather(*(hand_out(number) for number in range(6)))
    assert sum(outcomes) == 3
    assert await asyncio.gather(*(hand_out(number) for number in range(6))) == outcomes  # answered as before
    assert [await employer.earned(person) for person in ("ben", "cleo")] == [450, 450]
    budget = await purse.managed("ann", client)
    assert (budget.granted_amount, budget.available_amount) == (1000, 100)
    await purse.hand_out("ann", ["dan"], 100, use=managers.GRANT_USE_BOOST)
    assert (await employer.allowance("dan")).available_amount == 300
    assert (await purse.managed("ann")).available_amount == 0
    await employer.give("ann", ["ben"], 1)  # what ann may thank with is another account


async def test_a_managers_budget_is_for_the_manager_and_for_admins(employer: Employer) -> None:
    purse = Purse(employer)
    await purse.manage("ann", 1000)
    await employer.grant()
    scopes = ("recognition.manager_budgets.grant", "recognition.manager_budgets.read")
    other = employer.own_client("ben", *scopes)
    for call in (purse.hand_out("ann", ["cleo"], 1, client=other), purse.managed("ann", other)):
        with pytest.raises(PermissionDeniedError) as not_theirs:
            await call
        assert not_theirs.value.reason == "ROLE_REQUIRED"
    chief = employer.own_client("chief", *scopes)
    message = employer.new_person("chief")
    message.role = orgs.ROLE_ADMIN
    await employer.admin.organisations.CreatePerson(orgs.CreatePersonRequest(person=message, request_id="chief"))
    for receiver, client in (("ann", employer.admin), ("chief", chief)):  # nor by another's budget
        with pytest.raises(RefusedError) as self_giving:
            await purse.hand_out("ann", ["cleo", receiver], 1, client=client)
        assert self_giving.value.reason == "SELF_GIVING"
    assert await employer.earned("cleo") == 0
    with pytest.raises(RefusedError) as nothing:
        await purse.hand_out("dan", ["ben"], 1)
    assert nothing.value.reason == "NO_MANAGER_BUDGET"
    with pytest.raises(InvalidRequestError):
        await purse.hand_out("ann", ["ben"], 0)
    await purse.manage("ben", 5)
    first = await employer.admin.manager_budgets.ListManagerBudgets(
        managers.ListManagerBudgetsRequest(parent=employer.name, page_size=1)
    )
    second = await employer.admin.manager_budgets.ListManagerBudgets(
        managers.ListManagerBudgetsRequest(parent=employer.name, page_size=1, page_token=first.next_page_token)
    )
    assert [one.amount for page in (first, second) for one in page.manager_budgets] == [1000, 5]
    assert second.next_page_token == ""
