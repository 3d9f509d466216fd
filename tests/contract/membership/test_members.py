"""Programs and members: settings made once, people enrolled once, and where they stand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.rpc import code_pb2

from guerdon import (
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    new_request_id,
    was_replayed,
)
from guerdon.membership.v1 import member_pb2, program_pb2, rule_pb2, times_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1.member_file_pb2 import MemberRow
from guerdon.type.v1 import rational_pb2
from tests.contract.membership.people import file, import_
from tests.contract.membership.world import Shop, World, row, when


async def test_settings_read_as_they_were_made_with_the_ledgers_time_zone(world: World) -> None:
    shop = await world.books()
    policy = times_pb2.ExpiryPolicy(
        months=12,
        rounded_to=times_pb2.ExpiryPolicy.PERIOD_END_MONTH,
        kind=times_pb2.ExpiryPolicy.KIND_FIXED_PERIOD,
    )
    tiers = program_pb2.TierPolicy(
        metric=program_pb2.TierPolicy.METRIC_VISITS,
        period=program_pb2.TierPolicy.PERIOD_MEMBER_YEAR,
        counted_after_days=30,
        downgrade=program_pb2.TierPolicy.DOWNGRADE_ONE_LEVEL,
        grace_days=60,
    )
    settings = shop.settings(expiry_policy=policy, tier_policy=tiers, purchase_statistics=True, late_days=14)
    call = shop.membership.membership.CreateProgram(pb.CreateProgramRequest(program=settings, request_id="make"))
    made = (await call).program
    assert made.time_zone == "America/New_York"
    read = await shop.membership.membership.GetProgram(pb.GetProgramRequest(name=shop.program))
    assert read.program == made
    settings.time_zone, settings.earning_rule.spend_increment = made.time_zone, 1
    settings.create_time.CopyFrom(made.create_time)
    settings.return_policy, settings.return_wait_days = program_pb2.RETURN_POLICY_STRICT, 30
    assert made == settings


async def test_making_settings_again_is_a_replay_or_refused(world: World) -> None:
    shop = await world.books()
    service = shop.membership.membership
    request = pb.CreateProgramRequest(program=shop.settings(), request_id="make")
    first = await service.CreateProgram(request)
    again = service.CreateProgram(request)
    assert await again == first
    assert await was_replayed(again)
    with pytest.raises(InvalidRequestError) as reused:
        await service.CreateProgram(pb.CreateProgramRequest(program=shop.settings(welcome_points=1), request_id="make"))
    assert (reused.value.reason, reused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "program")
    with pytest.raises(RefusedError) as exists:
        await service.CreateProgram(pb.CreateProgramRequest(program=shop.settings(), request_id="other"))
    assert exists.value.reason == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"unit": "programs/another/units/points"}, None),
        ({"currency_code": "dollars"}, "program.currency_code"),
        ({"welcome_points": -1}, "program.welcome_points"),
        ({"tiers": [program_pb2.Tier(tier_id="t", threshold=5)]}, "program.tiers[0].multiplier"),
        (
            {
                "earning_rule": rule_pb2.EarningRule(
                    points_per_minor_unit=rational_pb2.Rational(numerator=1, denominator=0),
                    rounding=rule_pb2.ROUNDING_DOWN,
                )
            },
            "program.earning_rule.points_per_minor_unit.denominator",
        ),
        ({"earning_rule": rule_pb2.EarningRule()}, "program.earning_rule.points_per_minor_unit"),
    ],
)
async def test_bad_settings_are_refused_by_field(world: World, changes: dict[str, Any], field: str | None) -> None:
    shop = await world.books()
    request = pb.CreateProgramRequest(program=shop.settings(**changes), request_id="make")
    with pytest.raises(InvalidRequestError) as refused:
        await shop.membership.membership.CreateProgram(request)
    assert field is None or field in [violation.field for violation in refused.value.violations]


async def test_settings_need_the_ledgers_program_and_unit(world: World) -> None:
    shop = await world.books()
    service = shop.membership.membership
    stamps = shop.settings(unit=f"{shop.program}/units/stamps")
    with pytest.raises(InvalidRequestError) as no_unit:
        await service.CreateProgram(pb.CreateProgramRequest(program=stamps, request_id="a"))
    assert [violation.field for violation in no_unit.value.violations] == ["program.unit"]
    stranger = Shop("programs/nowhere", shop.books, shop.membership)
    with pytest.raises(NotFoundError):
        await service.CreateProgram(pb.CreateProgramRequest(program=stranger.settings(), request_id="b"))


async def test_enrolling_opens_the_account_and_gives_the_welcome_bonus(shop: Shop) -> None:
    enrolled = await shop.enroll("ada")
    assert enrolled.member.state == member_pb2.Member.STATE_ACTIVE
    assert (enrolled.member.account, enrolled.already_enrolled) == (f"{shop.program}/accounts/m-ada", False)
    assert await shop.statement("ada") == [(50, "Welcome")]
    read = await shop.membership.membership.GetMember(pb.GetMemberRequest(name=enrolled.member.name))
    assert read.member == enrolled.member


async def test_two_tills_that_enrol_the_same_person_at_once_give_one_bonus(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.enroll("ada") for _ in range(8)))
    assert sorted(answer.already_enrolled for answer in answers) == [False] + [True] * 7
    assert len({answer.member.account for answer in answers}) == 1
    assert await shop.statement("ada") == [(50, "Welcome")]


async def test_the_same_enrolment_twice_at_once_and_in_a_row_is_one(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.enroll("ada", "till-1") for _ in range(4)))
    assert not any(answer.already_enrolled for answer in answers)
    again = shop.membership.membership.EnrollMember(
        pb.EnrollMemberRequest(parent=shop.program, member_id="ada", request_id="till-1")
    )
    assert not (await again).already_enrolled
    assert await was_replayed(again)
    assert await shop.statement("ada") == [(50, "Welcome")]
    with pytest.raises(InvalidRequestError) as reused:
        await shop.enroll("ben", "till-1")
    assert (reused.value.reason, reused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "member_id")


@pytest.mark.parametrize("member_id", ["", "a b", "-ada", "a" * 61, "a.b", "ada~cash"])
async def test_member_ids_have_bounds(shop: Shop, member_id: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await shop.enroll(member_id)
    assert [violation.field for violation in refused.value.violations] == ["member_id"]


async def test_ids_that_a_wallet_of_anothers_could_have_do_not_come_in_with_purchases_or_files(shop: Shop) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await shop.buy("p1", "ada~cash", 1_00)
    assert [violation.field for violation in refused.value.violations] == ["purchase.member"]
    [bought] = await shop.import_([shop.chunk(1, [row("p1", "ada~cash", 1_00), row("p2", "ada", 1_00)])])
    [filed] = await import_(shop, [file(shop, [MemberRow(member_id="ada~cash"), MemberRow(member_id="ben")])])
    for answer in (bought, filed):
        assert [(one.row, one.error.code) for one in answer.errors] == [(1, code_pb2.INVALID_ARGUMENT)]
    assert (await shop.totals()).member_count == 2


async def test_members_are_listed_in_pages_of_which_the_last_has_no_token(shop: Shop) -> None:
    for member_id in ("cleo", "ada", "dora", "ben"):
        await shop.enroll(member_id)
    service, token = shop.membership.membership, ""
    pages: list[list[str]] = []
    while token or not pages:
        page = await service.ListMembers(pb.ListMembersRequest(parent=shop.program, page_size=2, page_token=token))
        pages.append([member.name.rpartition("/")[2] for member in page.members])
        token = page.next_page_token
    assert pages == [["ada", "ben"], ["cleo", "dora"]]
    with pytest.raises(InvalidRequestError):
        await service.ListMembers(pb.ListMembersRequest(parent=shop.program, page_token="next"))


async def test_progress_answers_everything_in_one_call(world: World) -> None:
    shop = await world.shop(
        expiry_policy=times_pb2.ExpiryPolicy(months=24, rounded_to=times_pb2.ExpiryPolicy.PERIOD_END_MONTH)
    )
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 120_00, when(2026, 1, 5, 12))
    standing = await shop.progress("ada", when(2026, 2, 1))
    progress = standing.progress
    assert (progress.counted, progress.tier_id, progress.next_tier_id) == (120, "silver", "gold")
    assert progress.missing_to_next_tier == 380
    assert progress.multiplier == rational_pb2.Rational(numerator=5, denominator=4)
    assert progress.tier_end_time == when(2028, 1, 1, 5)
    assert (standing.available_points, standing.next_expiring_points) == (170, 120)
    assert standing.next_expire_time == when(2028, 2, 1, 5)
    assert (await shop.progress("ada", when(2028, 3, 1))).progress.tier_id == ""


async def test_another_programs_token_learns_nothing(world: World, shop: Shop) -> None:
    await shop.enroll("ada")
    other = world.client(world.membership, world.identity.token(tenants=["programs/other"])).membership
    for name in (f"{shop.program}/members/ada", f"{shop.program}/members/nobody"):
        with pytest.raises(NotFoundError) as hidden:
            await other.GetMember(pb.GetMemberRequest(name=name))
        assert hidden.value.message == f"{name} does not exist, or is not yours to see."
    request = pb.EnrollMemberRequest(parent=shop.program, member_id="eve", request_id=new_request_id())
    with pytest.raises(NotFoundError):
        await other.EnrollMember(request)


async def test_a_missing_scope_is_named(world: World, shop: Shop) -> None:
    reader = world.client(world.membership, world.identity.token(scopes=["membership.members.read"])).membership
    with pytest.raises(PermissionDeniedError) as refused:
        await reader.EnrollMember(pb.EnrollMemberRequest(parent=shop.program, member_id="eve", request_id="a"))
    assert refused.value.metadata == {"scope": "membership.members.write"}
