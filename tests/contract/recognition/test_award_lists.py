"""Lists of what is paid from award budgets, and of who decides: whole, in pages, and to those who may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, new_request_id
from guerdon.recognition.v1 import achievements_pb2 as achievements
from guerdon.recognition.v1 import approvals_pb2 as approvals
from guerdon.recognition.v1 import award_budgets_pb2 as budgets
from guerdon.recognition.v1 import incentives_pb2 as incentives
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import payouts_pb2 as payouts
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.test_incentives import approve, claim, offer, reject
from tests.contract.recognition.world import Employer

ADMINS = approvals.Approver(role=orgs.ROLE_ADMIN)


async def paged(call: Callable[[Any], Awaitable[Any]], request: Any, field: str) -> list[Any]:
    """All of a list, in pages of two; and the whole of it is the same."""
    request.page_size = 2
    found: list[Any] = []
    while True:
        answer = await call(request)
        page = list(getattr(answer, field))
        assert len(page) == 2 or (len(page) < 2 and not answer.next_page_token)
        found += page
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    request.page_size, request.page_token = 1000, ""
    assert list(getattr(await call(request), field)) == found
    return found


async def listed(employer: Employer, viewer: str = "", **asked: Any) -> list[str]:
    """The names of the claims of a list, in pages."""
    request = incentives.ListClaimsRequest(
        parent=employer.name, viewer=employer.person(viewer) if viewer else "", **asked
    )
    return [one.name for one in await paged(employer.admin.incentives.ListClaims, request, "claims")]


async def leave(employer: Employer, person: str) -> None:
    """Deactivates a person."""
    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=employer.person(person), request_id=new_request_id())
    )


def newest(claims: Sequence[incentives.Claim], *places: int) -> list[str]:
    """The names of some claims that were made in this order, as a list has them."""
    return [claims[place].name for place in sorted(places, reverse=True)]


@pytest.fixture
async def awarding(employer: Employer) -> Awarding:
    """Cleo is an admin, and dan the manager of ann and ben."""
    made = await Awarding.of(employer, 1000)
    await made.appoint("cleo", role=orgs.ROLE_ADMIN)
    await made.appoint("dan", role=orgs.ROLE_MANAGER)
    for person in ("ann", "ben"):
        await made.appoint(person, manager="dan")
    return made


@pytest.fixture
async def claims(awarding: Awarding) -> list[incentives.Claim]:
    """Made in this order: ann's and ben's for an admin to decide, ann's for dan, cleo's for another admin, and ben's
    that nobody reviews.
    """
    employer = awarding.employer
    training = await offer(awarding, "training", reviewer=ADMINS)
    sale = await offer(awarding, "sale", reviewer=approvals.Approver(manager=True))
    gift = await offer(awarding, "gift")
    await employer.hire("eve")
    await awarding.appoint("eve", role=orgs.ROLE_ADMIN)
    return [
        await claim(employer, incentive, person, f"{number}")
        for number, (incentive, person) in enumerate(
            [(training, "ann"), (training, "ben"), (sale, "ann"), (training, "cleo"), (gift, "ben")]
        )
    ]


async def test_claims_are_listed_to_who_made_them_who_decides_and_admins(
    awarding: Awarding, claims: list[incentives.Claim]
) -> None:
    employer = awarding.employer
    to_decide, everything = incentives.CLAIM_LIST_TO_DECIDE, incentives.CLAIM_LIST_ALL
    assert await listed(employer, "ann") == newest(claims, 0, 2)
    assert await listed(employer, "ann", person=employer.person("ben")) == []
    assert await listed(employer, "cleo", list=to_decide) == newest(claims, 0, 1)
    assert await listed(employer, "eve", list=to_decide) == newest(claims, 0, 1, 3)
    assert await listed(employer, "dan", list=to_decide) == newest(claims, 2)
    assert await listed(employer, "ann", list=to_decide) == []
    assert await listed(employer, "eve", list=to_decide, person=employer.person("ann")) == newest(claims, 0)
    for viewer in ("", "cleo"):
        assert await listed(employer, viewer, list=everything) == newest(claims, *range(5))
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"state": incentives.CLAIM_STATE_APPROVED}, [4]),
        ({"state": incentives.CLAIM_STATE_IN_REVIEW}, [0, 1, 2, 3]),
        ({"person": employer.person("ben")}, [1, 4]),
        ({"incentive": f"{employer.name}/incentives/training"}, [0, 1, 3]),
        ({"incentive": f"{employer.name}/incentives/training", "person": employer.person("ann")}, [0]),
    ]
    for asked, places in cases:
        assert await listed(employer, list=everything, **asked) == newest(claims, *places), asked
    for viewer in ("ann", "dan"):
        with pytest.raises(GuerdonError) as refusal:
            await listed(employer, viewer, list=everything)
        assert refusal.value.reason == "ROLE_REQUIRED"
    with pytest.raises(InvalidRequestError):
        await listed(employer, list=to_decide)
    with pytest.raises(InvalidRequestError):
        await listed(employer, "ann", incentive="organisations/other/incentives/sale")


async def test_what_is_listed_to_decide_is_what_can_be_decided(
    awarding: Awarding, claims: list[incentives.Claim]
) -> None:
    employer = awarding.employer
    to_decide = incentives.CLAIM_LIST_TO_DECIDE
    await awarding.delegate("dan", "ben", 3)
    await awarding.delegate("cleo", "ann", 3)  # of what admins decide, but neither cleo's nor her own
    assert await listed(employer, "ben", list=to_decide) == newest(claims, 2)
    assert await listed(employer, "ann", list=to_decide) == newest(claims, 1)
    await leave(employer, "dan")
    assert await listed(employer, "ben", list=to_decide) == []
    assert await listed(employer, "cleo", list=to_decide) == newest(claims, 0, 1, 2)
    for viewer in ("ann", "ben", "cleo", "eve"):
        can = set(await listed(employer, viewer, list=to_decide))
        for one in claims[:4]:
            if one.name not in can:
                with pytest.raises(GuerdonError) as refusal:
                    await approve(employer, one.name, viewer)
                assert refusal.value.reason in {"NOT_APPROVER", "OWN_AWARD"}
    await approve(employer, claims[1].name, "ann")
    await reject(employer, claims[2].name, "cleo")
    decided = incentives.CLAIM_LIST_DECIDED
    assert await listed(employer, "ann", list=decided) == newest(claims, 1)
    assert await listed(employer, "cleo", list=decided) == newest(claims, 1, 2)
    assert await listed(employer, "cleo", list=decided, state=incentives.CLAIM_STATE_REJECTED) == newest(claims, 2)
    assert await listed(employer, "eve", list=decided) == []


async def test_incentives_and_sources_are_listed_by_id(awarding: Awarding) -> None:
    employer = awarding.employer
    over = incentives.Incentive()
    over.end_time.FromJsonString("2020-02-01T00:00:00Z")
    names = [await offer(awarding, one) for one in ("c", "a")]
    past = await offer(awarding, "b", end_time=over.end_time)
    later = incentives.Incentive()
    later.start_time.FromJsonString("2120-02-01T00:00:00Z")
    coming = await offer(awarding, "d", start_time=later.start_time)

    async def offered(*, open_only: bool = False) -> list[str]:
        request = incentives.ListIncentivesRequest(parent=employer.name, open_only=open_only)
        return [one.name for one in await paged(employer.admin.incentives.ListIncentives, request, "incentives")]

    assert await offered() == sorted([*names, past, coming])
    assert await offered(open_only=True) == sorted(names)
    sources = [await awarding.source(one) for one in ("learning", "safety", "crm")]
    request = achievements.ListAchievementSourcesRequest(parent=employer.name)
    answer = await paged(employer.admin.achievements.ListAchievementSources, request, "achievement_sources")
    assert [one.name for one in answer] == sorted(sources)


async def test_achievements_are_listed_of_a_source_and_a_person(awarding: Awarding) -> None:
    employer = awarding.employer
    learning, safety = [await awarding.source(one) for one in ("learning", "safety")]
    await awarding.record_many(
        learning, [awarding.report(learning, f"c{number}", "ann", 1, request_id=f"r{number}") for number in range(5)]
    )
    last = (await awarding.record(learning, "c9", "ben", 1)).achievement
    other = (await awarding.record(safety, "s1", "ann", 1)).achievement

    async def told(source: str = "", person: str = "") -> list[achievements.Achievement]:
        request = achievements.ListAchievementsRequest(
            parent=employer.name, achievement_source=source, person=employer.person(person) if person else ""
        )
        return await paged(employer.admin.achievements.ListAchievements, request, "achievements")

    found = await told()
    assert (found[0], found[1], len(found)) == (other, last, 7)
    assert {one.name for one in await told(learning)} == {one.name for one in found} - {other.name}
    assert await told(safety) == [other]
    assert await told(learning, "ben") == [last]
    assert len(await told(person="ann")) == 6
    assert await told(safety, "ben") == []


async def test_delegations_are_listed_to_both_of_them_and_to_admins(awarding: Awarding) -> None:
    employer = awarding.employer
    made = [
        await awarding.delegate(*pair, 3) for pair in [("dan", "ann"), ("cleo", "dan"), ("ann", "ben"), ("dan", "ben")]
    ]
    await employer.admin.delegations.EndDelegation(
        approvals.EndDelegationRequest(name=made[3], approver=employer.person("dan"), request_id=new_request_id())
    )

    async def told(viewer: str = "", **asked: Any) -> list[int]:
        request = approvals.ListDelegationsRequest(
            parent=employer.name, viewer=employer.person(viewer) if viewer else "", **asked
        )
        found = await paged(employer.admin.delegations.ListDelegations, request, "delegations")
        return [made.index(one.name) for one in found]

    assert await told("dan") == [1, 0]
    assert await told("dan", include_ended=True) == [3, 1, 0]
    assert await told("ben", include_ended=True) == [3, 2]
    for admin in ("", "cleo"):
        assert await told(admin) == [2, 1, 0]
    assert await told(approver=employer.person("dan"), include_ended=True) == [3, 0]
    assert await told(delegate=employer.person("dan")) == [1]
    assert await told("ann", approver=employer.person("cleo")) == []
    stranger = employer.own_client("stranger", "recognition.awards.read")
    with pytest.raises(GuerdonError) as refusal:
        await stranger.delegations.ListDelegations(approvals.ListDelegationsRequest(parent=employer.name))
    assert refusal.value.reason == "ROLE_REQUIRED"


async def test_what_waits_for_a_budget_is_listed_to_admins(awarding: Awarding) -> None:
    employer = awarding.employer
    source = await awarding.source("learning")
    poor = await Awarding.of(employer, 0, budget="poor")
    program = await poor.program("spot")
    paid = (await awarding.record(source, "c1", "ann", 10)).achievement
    waiting = [await poor.nominate(program, "dan", person, 10) for person in ("ann", "cleo", "ben")]

    async def told(viewer: str = "", **asked: Any) -> list[budgets.BudgetPayout]:
        request = budgets.ListPayoutsRequest(
            parent=employer.name, viewer=employer.person(viewer) if viewer else "", **asked
        )
        return await paged(employer.admin.award_budgets.ListPayouts, request, "payouts")

    def subjects(found: Iterable[budgets.BudgetPayout]) -> list[str]:
        return [one.subject for one in found]

    found = await told()
    assert subjects(found) == [*(one.name for one in reversed(waiting)), paid.name]
    last = found[-1]
    assert (last.person, last.award_budget, last.amount, last.payout) == (
        employer.person("ann"),
        awarding.budget,
        10,
        paid.payout,
    )
    assert [one.HasField("settle_time") for one in found] == [False, False, False, True]
    assert subjects(await told(state=payouts.PAYOUT_STATE_WAITING_FOR_BUDGET)) == subjects(found[:3])
    assert subjects(await told(award_budget=awarding.budget)) == [paid.name]
    assert subjects(await told(award_budget=poor.budget, person=employer.person("ann"))) == [waiting[0].name]
    # Cleo does not learn of what she would get, before she has it.
    assert subjects(await told("cleo")) == [waiting[2].name, waiting[0].name, paid.name]
    for viewer in ("dan", "ann"):
        with pytest.raises(GuerdonError) as refusal:
            await told(viewer)
        assert refusal.value.reason == "ROLE_REQUIRED"


async def test_a_page_is_of_its_list_alone(awarding: Awarding, claims: list[incentives.Claim]) -> None:
    employer = awarding.employer
    request = incentives.ListClaimsRequest(parent=employer.name, list=incentives.CLAIM_LIST_ALL, page_size=2)
    request.page_token = (await employer.admin.incentives.ListClaims(request)).next_page_token
    request.person = employer.person("ben")
    with pytest.raises(InvalidRequestError) as invalid:
        await employer.admin.incentives.ListClaims(request)
    assert [one.field for one in invalid.value.violations] == ["page_token"]
    for asked in ({"viewer": employer.person("nobody")}, {"parent": "organisations/none"}):
        with pytest.raises(NotFoundError):
            await employer.admin.incentives.ListClaims(
                incentives.ListClaimsRequest(**{"parent": employer.name, **asked})  # type: ignore[arg-type]  # words
            )
