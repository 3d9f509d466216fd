"""Awards: nomination, approval and payment, through the whole way of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from guerdon import (
    GuerdonError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    new_request_id,
    was_replayed,
)
from guerdon.recognition.v1 import approvals_pb2 as approvals
from guerdon.recognition.v1 import award_programs_pb2 as programs
from guerdon.recognition.v1 import awards_pb2 as pb
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon_kit.testing import wait_until
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.world import World


@pytest.fixture
async def awarding(world: World) -> Awarding:
    """Cleo and Dan report to Ben, Ben to Ann; Eve is an admin."""
    employer = await world.employer(people=("ann", "ben", "cleo", "dan", "eve"), granted=False)
    made = await Awarding.of(employer, 1000)
    await made.appoint("ann", role=orgs.ROLE_MANAGER)
    await made.appoint("ben", role=orgs.ROLE_MANAGER, manager="ann")
    await made.appoint("cleo", manager="ben")
    await made.appoint("dan", manager="ben")
    await made.appoint("eve", role=orgs.ROLE_ADMIN)
    return made


async def refused(call: Awaitable[object]) -> str:
    """The reason of a refusal."""
    with pytest.raises(GuerdonError) as refusal:
        await call
    return refusal.value.reason


async def test_up_to_five_hundred_the_manager_suffices_and_above_it_an_admin_is_asked_too(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager(500), awarding.admins()])
    small = await awarding.nominate(program, "dan", "cleo", 500)
    assert (small.state, small.level, small.approver) == (
        pb.AWARD_STATE_IN_APPROVAL,
        1,
        awarding.employer.person("ben"),
    )
    given = await awarding.approve(small.name, "ben")
    assert (given.state, await awarding.employer.earned("cleo")) == (pb.AWARD_STATE_GIVEN, 500)
    assert given.payout.transaction.startswith(awarding.employer.program)
    large = await awarding.approve((await awarding.nominate(program, "dan", "cleo", 501)).name, "ben")
    assert (large.state, large.level, large.approver) == (pb.AWARD_STATE_IN_APPROVAL, 2, "")
    assert await refused(awarding.approve(large.name, "ben")) == "ALREADY_DECIDED"
    waiting = await awarding.approve(large.name, "eve")
    assert waiting.state == pb.AWARD_STATE_WAITING_FOR_BUDGET
    assert [(step.level, step.action, step.person) for step in waiting.steps] == [
        (0, approvals.APPROVAL_ACTION_NOMINATED, awarding.employer.person("dan")),
        (1, approvals.APPROVAL_ACTION_APPROVED, awarding.employer.person("ben")),
        (2, approvals.APPROVAL_ACTION_APPROVED, awarding.employer.person("eve")),
    ]
    assert await awarding.standing() == (500, 501)
    await awarding.fund(1)

    async def given_at_last() -> bool:
        return (await awarding.read(large.name)).state == pb.AWARD_STATE_GIVEN

    await wait_until(given_at_last)
    assert await awarding.employer.earned("cleo") == 1001


async def test_concurrent_approvals_give_away_what_the_budget_has_and_no_more(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager()])
    nominated = await asyncio.gather(*(awarding.nominate(program, "dan", "cleo", 150) for _ in range(10)))
    decided = await asyncio.gather(*(awarding.approve(one.name, "ben") for one in nominated))
    states = sorted(one.state for one in decided)
    assert states == [pb.AWARD_STATE_WAITING_FOR_BUDGET] * 4 + [pb.AWARD_STATE_GIVEN] * 6
    assert await awarding.standing() == (100, 600)
    assert await awarding.employer.earned("cleo") == 900


async def test_an_award_is_approved_once_however_often_that_is_asked(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager()])
    award = (await awarding.nominate(program, "dan", "cleo", 100)).name
    same = await asyncio.gather(*(awarding.approve(award, "ben", request_id="yes") for _ in range(5)))
    assert {one.state for one in same} <= {pb.AWARD_STATE_GIVEN, pb.AWARD_STATE_APPROVED}
    assert await refused(awarding.approve(award, "ben")) == "AWARD_NOT_IN_APPROVAL"
    assert await awarding.employer.earned("cleo") == 100
    request = awarding.nomination(program, "dan", "cleo", 100, request_id="nominate")
    first = await awarding.employer.admin.awards.CreateAward(request)
    again = awarding.employer.admin.awards.CreateAward(request)
    assert (await again).award.name == first.award.name
    assert await was_replayed(again)


async def test_nobody_decides_about_their_own_nor_out_of_turn(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager()])
    award = (await awarding.nominate(program, "ben", "cleo", 100)).name
    assert (await awarding.read(award)).approver == awarding.employer.person("ann")  # Ben nominated
    await awarding.delegate("ann", "ben", 3)
    await awarding.delegate("ann", "cleo", 3)
    for own in ("ben", "cleo"):
        assert await refused(awarding.approve(award, own)) == "OWN_AWARD"
    assert await refused(awarding.approve(award, "eve")) == "NOT_APPROVER"
    assert await refused(awarding.reject(award, "dan")) == "NOT_APPROVER"
    assert await refused(awarding.nominate(program, "cleo", "cleo", 10)) == "SELF_GIVING"


async def test_a_delegate_decides_in_the_approvers_stead_as_long_as_they_are_named(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager()])
    first, second = [(await awarding.nominate(program, "dan", "cleo", 100)).name for _ in range(2)]
    delegation = await awarding.delegate("ben", "eve", 3)
    assert set(await awarding.listed(pb.AWARD_LIST_TO_DECIDE, "eve")) == {first, second}
    given = await awarding.approve(first, "eve")
    last = given.steps[-1]
    assert (last.person, last.on_behalf_of) == (awarding.employer.person("eve"), awarding.employer.person("ben"))
    await awarding.employer.admin.delegations.EndDelegation(
        approvals.EndDelegationRequest(
            name=delegation, approver=awarding.employer.person("ben"), request_id=new_request_id()
        )
    )
    assert await refused(awarding.approve(second, "eve")) == "NOT_APPROVER"
    assert await awarding.listed(pb.AWARD_LIST_TO_DECIDE, "eve") == []
    assert await awarding.listed(pb.AWARD_LIST_TO_DECIDE, "ben") == [second]


async def test_a_delegate_is_shown_nothing_that_who_named_them_could_not_decide(awarding: Awarding) -> None:
    await awarding.appoint("cleo", role=orgs.ROLE_ADMIN, manager="ben")
    program = await awarding.program("spot", [awarding.manager(50), awarding.admins()])
    hers = (await awarding.nominate(await awarding.program("top", [awarding.admins()]), "dan", "eve", 10)).name
    await awarding.delegate("eve", "ann", 3)
    await awarding.delegate("ben", "ann", 3)
    assert await awarding.listed(pb.AWARD_LIST_TO_DECIDE, "cleo") == [hers]
    assert await awarding.listed(pb.AWARD_LIST_TO_DECIDE, "ann") == [], "eve would get it"
    assert await refused(awarding.approve(hers, "ann")) == "NOT_APPROVER"
    dans = (await awarding.nominate(program, "cleo", "dan", 100)).name
    assert await awarding.listed(pb.AWARD_LIST_TO_DECIDE, "ann") == [dans], "as ben"
    await awarding.approve(dans, "ben")
    assert await awarding.listed(pb.AWARD_LIST_TO_DECIDE, "ann") == [dans], "as eve"
    await awarding.approve(dans, "ann")
    assert await awarding.listed(pb.AWARD_LIST_TO_DECIDE, "eve") == []


async def test_what_is_rejected_or_withdrawn_says_why_and_by_whom_and_costs_nothing(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager()])
    rejected = await awarding.reject((await awarding.nominate(program, "dan", "cleo", 100)).name, "ben", "Too early")
    assert (rejected.state, rejected.steps[-1].comment) == (pb.AWARD_STATE_REJECTED, "Too early")
    award = (await awarding.nominate(program, "dan", "cleo", 100)).name
    assert await refused(awarding.withdraw(award, "ben")) == "NOT_APPROVER"
    assert (await awarding.withdraw(award, "dan")).state == pb.AWARD_STATE_WITHDRAWN
    assert await refused(awarding.approve(award, "ben")) == "AWARD_NOT_IN_APPROVAL"
    assert await awarding.standing() == (1000, 0)


async def test_who_may_nominate_is_the_programs_to_say(awarding: Awarding) -> None:
    direct = await awarding.program("thanks", nominators=[orgs.ROLE_MANAGER], own_reports_only=True, amounts=(50, 50))
    given = await awarding.nominate(direct, "ann", "cleo", 0)
    assert (given.state, given.amount) == (pb.AWARD_STATE_GIVEN, 50)
    assert await refused(awarding.nominate(direct, "dan", "cleo", 50)) == "NOMINATION_NOT_ALLOWED"
    assert await refused(awarding.nominate(direct, "ben", "eve", 50)) == "NOMINATION_NOT_ALLOWED"
    with pytest.raises(InvalidRequestError) as amount:
        await awarding.nominate(direct, "ben", "cleo", 51)
    assert [violation.field for violation in amount.value.violations] == ["award.amount"]
    await awarding.employer.admin.award_programs.CloseAwardProgram(
        programs.CloseAwardProgramRequest(name=direct, request_id=new_request_id())
    )
    assert await refused(awarding.nominate(direct, "ben", "cleo", 50)) == "AWARD_PROGRAM_CLOSED"


async def test_a_nominee_learns_what_they_got_and_others_what_is_public(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager()])
    award = (await awarding.nominate(program, "dan", "cleo", 100, private=True)).name
    for insider in ("dan", "ben", "eve"):
        assert (await awarding.read(award, insider)).steps
    with pytest.raises(NotFoundError):
        await awarding.read(award, "cleo")
    await awarding.approve(award, "ben")
    seen = await awarding.read(award, "cleo")
    assert (seen.state, len(seen.steps)) == (pb.AWARD_STATE_GIVEN, 0)
    with pytest.raises(NotFoundError):
        await awarding.read(award, "ann")
    public = (await awarding.approve((await awarding.nominate(program, "dan", "cleo", 10)).name, "ben")).name
    assert await awarding.listed(pb.AWARD_LIST_GIVEN, "ann") == [public]
    assert await awarding.listed(pb.AWARD_LIST_GIVEN, "cleo") == [public, award]
    assert await awarding.listed(pb.AWARD_LIST_ALL) == [public, award]


async def test_an_admin_learns_of_what_they_would_get_once_it_is_given(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.person("ben")])
    award = (await awarding.nominate(program, "dan", "eve", 100)).name
    own = awarding.employer.own_client("eve", "recognition.awards.read")

    async def listed() -> list[str]:
        """The names of all that the admin sees."""
        request = pb.ListAwardsRequest(parent=awarding.employer.name, list=pb.AWARD_LIST_ALL)
        return [one.name for one in (await own.awards.ListAwards(request)).awards]

    assert await listed() == []
    await awarding.approve(award, "ben")
    assert await listed() == [award]


async def test_people_act_by_their_own_token_and_their_role(awarding: Awarding) -> None:
    employer = awarding.employer
    program = await awarding.program("spot", [awarding.manager()])
    scopes = ("recognition.awards.write", "recognition.awards.read", "recognition.award_programs.write")
    dan, ben, eve = (employer.own_client(person, *scopes) for person in ("dan", "ben", "eve"))
    award = (await dan.awards.CreateAward(awarding.nomination(program, "", "cleo", 100))).award
    assert award.nominator == employer.person("dan")
    with pytest.raises(PermissionDeniedError):
        await dan.awards.CreateAward(awarding.nomination(program, "ben", "cleo", 100))
    given = await ben.awards.ApproveAward(pb.ApproveAwardRequest(name=award.name, request_id=new_request_id()))
    assert given.award.state == pb.AWARD_STATE_GIVEN
    closing = programs.CloseAwardProgramRequest(name=program, request_id=new_request_id())
    assert await refused(ben.award_programs.CloseAwardProgram(closing)) == "ROLE_REQUIRED"
    assert (await eve.award_programs.CloseAwardProgram(closing)).award_program.closed


async def test_what_is_approved_is_owed_and_a_nominee_who_may_not_receive_is_not_approved(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager()], amounts=(1, 2000))
    owed, asked = [(await awarding.nominate(program, "dan", "cleo", amount)).name for amount in (1001, 100)]
    assert (await awarding.approve(owed, "ben")).state == pb.AWARD_STATE_WAITING_FOR_BUDGET
    await awarding.appoint("cleo", role=orgs.ROLE_OBSERVER, manager="ben")
    assert await refused(awarding.approve(asked, "ben")) == "RECEIVING_NOT_ALLOWED"
    assert (await awarding.read(asked)).state == pb.AWARD_STATE_IN_APPROVAL
    await awarding.fund(1)

    async def given() -> bool:
        return (await awarding.read(owed)).state == pb.AWARD_STATE_GIVEN

    await wait_until(given)
    assert await awarding.employer.earned("cleo") == 1001
    await awarding.appoint("cleo", role=orgs.ROLE_RECEIVER_ONLY, manager="ben")
    assert (await awarding.approve(asked, "ben")).state == pb.AWARD_STATE_WAITING_FOR_BUDGET


async def test_a_deactivated_nominee_is_not_awarded(awarding: Awarding) -> None:
    program = await awarding.program("spot", [awarding.manager()])
    award = (await awarding.nominate(program, "dan", "cleo", 100)).name
    await awarding.employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=awarding.employer.person("cleo"), request_id=new_request_id())
    )
    with pytest.raises(RefusedError) as refusal:
        await awarding.approve(award, "ben")
    assert refusal.value.reason == "PERSON_DEACTIVATED"
    assert (await awarding.read(award)).state == pb.AWARD_STATE_IN_APPROVAL
