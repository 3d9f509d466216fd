"""Organisations and people, through the whole way of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from guerdon import (
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    new_request_id,
    was_replayed,
)
from guerdon.ledger.v1 import limits_pb2
from guerdon.recognition.v1 import allowances_pb2 as allowances
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon_kit.testing import wait_until
from tests.contract.recognition.world import PEOPLE, Employer, World


async def test_an_organisation_is_read_as_it_was_made(employer: Employer) -> None:
    request = orgs.GetOrganisationRequest(name=employer.name)
    organisation = (await employer.admin.organisations.GetOrganisation(request)).organisation
    assert organisation.unit == f"{employer.program}/units/points"
    assert list(organisation.values) == ["#teamwork", "#care"]
    assert organisation.time_zone == "Europe/London"
    budget = await employer.balance(organisation.budget_account)
    assert budget.posted == -800  # what its four people were granted


async def test_an_organisation_is_made_once_and_answered_again(world: World, employer: Employer) -> None:
    other = Employer(world, f"{employer.name}-b", employer.program, employer.bank, employer.admin)
    request = other.creation(request_id="make-it")
    made = await other.admin.organisations.CreateOrganisation(request)
    again = other.admin.organisations.CreateOrganisation(request)
    assert await again == made
    assert await was_replayed(again)
    request.organisation.display_name = "Another"
    with pytest.raises(InvalidRequestError) as refusal:
        await other.admin.organisations.CreateOrganisation(request)
    assert (refusal.value.reason, refusal.value.metadata) == ("REQUEST_ID_REUSED", {"fields": "organisation"})
    with pytest.raises(RefusedError) as taken:
        await other.admin.organisations.CreateOrganisation(other.creation())
    assert taken.value.reason == "ALREADY_EXISTS"


async def test_an_organisation_needs_a_unit_of_the_ledger(world: World, employer: Employer) -> None:
    lost = Employer(world, "organisations/lost", "programs/nowhere", employer.bank, employer.admin)
    with pytest.raises(NotFoundError) as refusal:
        await lost.admin.organisations.CreateOrganisation(lost.creation())
    assert refusal.value.metadata == {"resource": "programs/nowhere/units/points"}
    with pytest.raises(NotFoundError):
        await lost.admin.organisations.GetOrganisation(orgs.GetOrganisationRequest(name=lost.name))
    request = lost.creation()
    request.organisation.unit = f"{employer.program}/units/{'p' * 63}"
    with pytest.raises(NotFoundError) as refusal:
        await lost.admin.organisations.CreateOrganisation(request)
    assert refusal.value.metadata == {"resource": request.organisation.unit}


async def test_a_malformed_organisation_names_its_fields(employer: Employer) -> None:
    request = employer.creation()
    request.organisation.name = "organisations/Employer"
    request.organisation.values.append("teamwork")
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.organisations.CreateOrganisation(request)
    assert [violation.field for violation in refusal.value.violations] == [
        "organisation.name",
        "organisation.values[2]",
    ]
    request = employer.creation(time_zone="Mars/Olympus")
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.organisations.CreateOrganisation(request)
    assert [violation.field for violation in refusal.value.violations] == ["organisation.time_zone"]


async def test_a_strangers_organisation_is_one_that_does_not_exist(world: World, employer: Employer) -> None:
    stranger = world.client(world.recognition, world.identity.token(tenants=["organisations/other", "programs/other"]))
    reads: list[Awaitable[object]] = [
        stranger.organisations.GetOrganisation(orgs.GetOrganisationRequest(name=employer.name)),
        stranger.organisations.ListPeople(orgs.ListPeopleRequest(parent=employer.name)),
        stranger.recognition.ListRecognitions(recs.ListRecognitionsRequest(parent=employer.name)),
        stranger.recognition.CreateRecognition(employer.thanks("ann", ["ben"], 1)),
    ]
    for read in reads:
        with pytest.raises(NotFoundError):
            await read
    # Nor can an organisation be put on somebody else's program.
    theirs = employer.creation()
    theirs.organisation.name = "organisations/other"
    with pytest.raises(NotFoundError):
        await stranger.organisations.CreateOrganisation(theirs)


async def test_each_method_wants_its_scope(world: World, employer: Employer) -> None:
    reader = world.client(world.recognition, world.identity.token(scopes=["recognition.people.read"]))
    with pytest.raises(PermissionDeniedError) as refusal:
        await reader.allowances.GrantAllowances(
            allowances.GrantAllowancesRequest(parent=employer.name, request_id="grant")
        )
    assert refusal.value.metadata == {"scope": "recognition.allowances.write"}


async def test_a_person_has_two_accounts_in_the_ledger(employer: Employer) -> None:
    person = await employer.read_person("ann")
    assert person.state == orgs.PERSON_STATE_ACTIVE
    assert (await employer.balance(person.allowance_account)).available == 200
    assert (await employer.balance(person.rewards_account)).available == 0


async def test_the_same_person_sent_twice_at_once_is_added_once(employer: Employer) -> None:
    request = orgs.CreatePersonRequest(person=employer.new_person("eve"), request_id="hire-eve")
    calls = [employer.admin.organisations.CreatePerson(request) for _ in range(8)]
    answers = await asyncio.gather(*calls)
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert sorted([await was_replayed(call) for call in calls]) == [False] + [True] * 7
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.organisations.CreatePerson(
            orgs.CreatePersonRequest(person=employer.new_person("eve"), request_id="hire-eve-again")
        )
    assert refusal.value.reason == "ALREADY_EXISTS"


async def test_people_are_added_all_together_or_not_at_all(employer: Employer) -> None:
    async def hire(*people: orgs.Person) -> None:
        await employer.admin.organisations.BatchCreatePeople(
            orgs.BatchCreatePeopleRequest(
                parent=employer.name, people=people, request_id=f"hire-{people[-1].name[-20:]}"
            )
        )

    with pytest.raises(RefusedError) as taken:
        await hire(employer.new_person("eve"), employer.new_person("ben"))
    assert taken.value.metadata == {"resource": employer.person("ben")}
    imposter = employer.new_person("fay")
    imposter.identity = employer.new_person("ann").identity
    with pytest.raises(RefusedError) as refusal:
        await hire(employer.new_person("eve"), imposter)
    assert (refusal.value.reason, refusal.value.metadata) == ("IDENTITY_TAKEN", {"person": employer.person("fay")})
    with pytest.raises(NotFoundError):
        await employer.read_person("eve")
    await hire(employer.new_person("eve"), employer.new_person("fay"))
    assert (await employer.read_person("eve")).display_name == "Eve"


async def test_people_of_another_organisation_cannot_be_added(employer: Employer) -> None:
    elsewhere = employer.new_person("eve")
    elsewhere.name = "organisations/elsewhere/people/eve"
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.organisations.BatchCreatePeople(
            orgs.BatchCreatePeopleRequest(
                parent=employer.name, people=[employer.new_person("fay"), elsewhere], request_id="hire"
            )
        )
    assert [violation.field for violation in refusal.value.violations] == ["people[1].name"]


async def test_people_are_listed_page_by_page(employer: Employer) -> None:
    seen: list[str] = []
    token = ""
    while True:
        page = await employer.admin.organisations.ListPeople(
            orgs.ListPeopleRequest(parent=employer.name, page_size=3, page_token=token)
        )
        seen += [person.name for person in page.people]
        token = page.next_page_token
        if not token:
            break
    assert seen == [employer.person(name) for name in ("ann", "ben", "cleo", "dan")]
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.organisations.ListPeople(
            orgs.ListPeopleRequest(parent=employer.name, page_token="not a token")
        )
    assert [violation.field for violation in refusal.value.violations] == ["page_token"]


async def test_who_is_deactivated_neither_gives_nor_receives_and_keeps_what_was_earned(employer: Employer) -> None:
    await employer.give("ann", ["ben"], 30)
    request = orgs.DeactivatePersonRequest(name=employer.person("ben"), request_id="leave")
    left = (await employer.admin.organisations.DeactivatePerson(request)).person
    assert left.state == orgs.PERSON_STATE_DEACTIVATED
    again = employer.admin.organisations.DeactivatePerson(request)
    assert (await again).person == left
    assert await was_replayed(again)
    request.request_id = "leave-again"
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.organisations.DeactivatePerson(request)
    assert refusal.value.reason == "PERSON_DEACTIVATED"
    for giver, receiver in [("ben", "ann"), ("ann", "ben")]:
        with pytest.raises(RefusedError) as refusal:
            await employer.give(giver, [receiver], 1)
        assert refusal.value.metadata == {"person": employer.person("ben")}
    assert await employer.earned("ben") == 30


async def test_who_joins_within_the_month_is_granted_by_the_service_itself(employer: Employer) -> None:
    await employer.hire("eve")
    assert await wait_until(lambda: employer.left("eve")) == 200
    statement = await employer.balance((await employer.read_person("eve")).allowance_account)
    assert [bucket.amount for bucket in statement.expiries] == [200]
    assert statement.expiries[0].expire_time == (await employer.allowance("eve")).expire_time


async def test_a_limited_budget_grants_as_far_as_it_goes_and_the_rest_once_the_limit_is_raised(world: World) -> None:
    employer = await world.employer(people=(), granted=False)
    budget = f"{employer.program}/accounts/budget.points.{employer.name.removeprefix('organisations/')}"

    async def limit(credit_limit: int) -> None:
        await employer.bank.ledger.SetCreditLimit(
            limits_pb2.SetCreditLimitRequest(
                name=budget, credit_limit=credit_limit, reason="This year's budget", request_id=new_request_id()
            )
        )

    await limit(500)
    await employer.hire(*PEOPLE)
    await employer.grant()
    assert (await employer.balance(budget)).available == 500 - 2 * 200
    await limit(800)
    await employer.grant()
    assert [await employer.left(person) for person in PEOPLE] == [200] * 4
    assert (await employer.balance(budget)).available == 0
