"""Activities: what they bring, once, as far as caps and the cooldown allow."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from google.protobuf.duration_pb2 import Duration

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.membership.v1 import activity_pb2 as pb
from guerdon.membership.v1 import times_pb2
from tests.contract.membership.doings import activity, change_type, list_all, make_type, record, simulate, type_name
from tests.contract.membership.people import close, erase
from tests.contract.membership.world import Shop, World, when

POSTED, WITHHELD = pb.Activity.STATE_POSTED, pb.Activity.STATE_WITHHELD


async def test_a_type_is_read_as_it_was_made_and_changes_by_versions(shop: Shop) -> None:
    service = shop.membership.membership
    policy = times_pb2.ExpiryPolicy(
        months=3,
        rounded_to=times_pb2.ExpiryPolicy.PERIOD_END_MONTH,
        kind=times_pb2.ExpiryPolicy.KIND_FIXED_PERIOD,
    )
    made = await make_type(
        shop, "review", 20, day_cap=2, week_cap=3, month_cap=4, total_cap=5, cooldown=Duration(seconds=60),
        expiry_policy=policy,
    )  # fmt: skip
    assert (made.points, made.day_cap, made.week_cap, made.month_cap, made.total_cap) == (20, 2, 3, 4, 5)
    assert (made.cooldown.seconds, made.expiry_policy, made.version, made.archived) == (60, policy, 1, False)
    read = await service.GetActivityType(pb.GetActivityTypeRequest(name=made.name))
    assert read.activity_type == made
    call = change_type(shop, "review", "change", points=30, day_cap=0, cooldown=None, expiry_policy=None)
    changed = (await call).activity_type
    assert (changed.version, changed.points, changed.day_cap, changed.week_cap) == (2, 30, 0, 3)
    assert not changed.HasField("cooldown")
    assert not changed.HasField("expiry_policy")
    again = change_type(shop, "review", "change", points=30, day_cap=0, cooldown=None, expiry_policy=None)
    assert (await again).activity_type == changed
    assert await was_replayed(again)
    assert (await change_type(shop, "review", points=30)).activity_type.version == 2, "nothing changed"
    await make_type(shop, "survey")
    await make_type(shop, "visit")
    pages = [await service.ListActivityTypes(pb.ListActivityTypesRequest(parent=shop.program, page_size=2))]
    token = pages[0].next_page_token
    pages.append(
        await service.ListActivityTypes(pb.ListActivityTypesRequest(parent=shop.program, page_size=2, page_token=token))
    )
    assert [[one.display_name for one in page.activity_types] for page in pages] == [["review", "survey"], ["visit"]]
    assert not pages[1].next_page_token


async def test_types_are_refused_by_field_and_made_once(shop: Shop) -> None:
    with pytest.raises(InvalidRequestError) as bounds:
        await make_type(shop, "review", 0, day_cap=-1)
    assert {one.field for one in bounds.value.violations} == {"activity_type.points", "activity_type.day_cap"}
    await make_type(shop, "review", request_id="make")
    await make_type(shop, "review", request_id="make")
    with pytest.raises(RefusedError) as exists:
        await make_type(shop, "review")
    assert exists.value.reason == "ALREADY_EXISTS"
    await make_type(shop, "birthday", occasion=pb.OCCASION_BIRTHDAY)
    with pytest.raises(RefusedError) as taken:
        await make_type(shop, "birthday-2", occasion=pb.OCCASION_BIRTHDAY)
    assert (taken.value.reason, taken.value.metadata["activity_type"]) == (
        "OCCASION_TAKEN",
        type_name(shop, "birthday"),
    )
    with pytest.raises(NotFoundError):
        await change_type(shop, "nothing", points=1)
    with pytest.raises(InvalidRequestError):
        await change_type(shop, "review", version=7)


async def test_an_activity_brings_its_points_into_the_ledger_as_of_its_time(world: World) -> None:
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=24))
    await shop.enroll("ada")
    await make_type(shop, "review", 20)
    await make_type(shop, "flash", 5, expiry_policy=times_pb2.ExpiryPolicy(months=1))
    answer = await record(shop, activity(shop, "rev-1", "ada", "review", product="mug"))
    one = answer.activity
    assert (one.state, one.points, one.activity_type_version, answer.already_recorded) == (POSTED, 20, 1, False)
    assert one.expire_time == when(2028, 1, 5, 17)
    assert dict(one.attributes) == {"product": "mug"}
    assert one.explanation == "20 points for review"
    assert await shop.statement("ada") == [(20, "Activity rev-1")]
    old = (await record(shop, activity(shop, "old", "ada", "flash"))).activity
    assert (old.state, old.points) == (pb.Activity.STATE_LAPSED, 5), "it expired before it was recorded"
    assert (await shop.balance("ada")).posted == 20
    assert (await shop.progress("ada", when(2026, 2, 1))).progress.counted == 0, "activities count for no tier"


async def test_the_same_activity_from_several_tills_at_once_counts_once(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.enroll("ben")
    await make_type(shop, "review", 20)
    one = activity(shop, "rev-1", "ada", "review")
    answers = await asyncio.gather(
        *(record(shop, one) for _ in range(6)), *(record(shop, one, "same") for _ in range(3))
    )
    assert all((answer.activity.points, answer.activity.member) == (20, one.member) for answer in answers)
    assert (await shop.balance("ada")).posted == 50 + 20
    with pytest.raises(RefusedError) as differs:
        await record(shop, activity(shop, "rev-1", "ben", "review", when(2026, 1, 6), product="mug"))
    assert differs.value.reason == "ACTIVITY_DIFFERS"
    assert differs.value.metadata["fields"] == "member,event_time,attributes"
    both = [record(shop, activity(shop, "rev-2", who, "review")) for who in ("ada", "ben") for _ in range(3)]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sum(isinstance(one, RefusedError) for one in outcomes) == 3
    assert sum([(await shop.balance(who)).posted for who in ("ada", "ben")]) == 100 + 20 + 20


async def test_caps_and_the_cooldown_hold_however_many_come_at_once(shop: Shop) -> None:
    await shop.enroll("ada")
    await make_type(shop, "share", 10, day_cap=2, total_cap=3)
    await make_type(shop, "visit", 1, cooldown=Duration(seconds=3600))
    monday, tuesday = when(2026, 1, 5, 17), when(2026, 1, 6, 17)
    shares = [activity(shop, f"s{n}", "ada", "share", monday if n % 2 else tuesday) for n in range(12)]
    visits = [activity(shop, f"v{n}", "ada", "visit", when(2026, 1, 5, 17, n)) for n in range(8)]
    answers = [answer.activity for answer in await asyncio.gather(*(record(shop, one) for one in shares + visits))]
    assert sum(one.points for one in answers) == 30 + 1
    assert {one.withheld for one in answers if one.points == 0} <= {
        pb.Activity.WITHHELD_DAY_CAP,
        pb.Activity.WITHHELD_TOTAL_CAP,
        pb.Activity.WITHHELD_COOLDOWN,
    }
    assert (await shop.balance("ada")).posted == 50 + 31
    last = (await record(shop, activity(shop, "s-last", "ada", "share", when(2026, 1, 7)))).activity
    assert (last.state, last.withheld) == (WITHHELD, pb.Activity.WITHHELD_TOTAL_CAP)
    assert last.explanation == "0 points: 3 in all are awarded already"
    assert not last.HasField("again_time")


async def test_a_day_is_the_programs_day_and_the_answer_says_when_the_next_one_counts(shop: Shop) -> None:
    await shop.enroll("ada")
    await make_type(shop, "visit", 1, day_cap=1)
    for name, time, points in (("a", (2026, 1, 6, 4, 59), 1), ("b", (2026, 1, 5, 5), 0), ("c", (2026, 1, 6, 5), 1)):
        one = (await record(shop, activity(shop, name, "ada", "visit", when(*time)))).activity
        assert one.points == points
        if not points:
            assert one.again_time == when(2026, 1, 6, 5), "midnight in New York"


async def test_a_simulation_answers_as_recording_does_and_writes_nothing(shop: Shop) -> None:
    await shop.enroll("ada")
    await make_type(shop, "visit", 1, day_cap=1)
    for name in ("a", "b"):
        one = activity(shop, name, "ada", "visit")
        before = await simulate(shop, one)
        assert await list_all(shop, "ada") == ([] if name == "a" else await list_all(shop, "ada"))
        recorded = (await record(shop, one)).activity
        for told in (before.activity, recorded):
            told.ClearField("record_time")
            told.ClearField("state")
        assert before.activity == recorded
        assert not before.already_recorded
        assert (await simulate(shop, one)).already_recorded
    assert len(await list_all(shop, "ada")) == 2
    assert (await shop.balance("ada")).posted == 51


async def test_a_new_version_is_for_what_arrives_from_then_on(shop: Shop) -> None:
    await shop.enroll("ada")
    await make_type(shop, "review", 20)
    await record(shop, activity(shop, "one", "ada", "review"))
    await change_type(shop, "review", points=7)
    two = (await record(shop, activity(shop, "two", "ada", "review", when(2026, 1, 4)))).activity
    assert (two.points, two.activity_type_version) == (7, 2)
    listed = await list_all(shop, "ada", page_size=1)
    assert [(one.points, one.activity_type_version) for one in listed] == [(20, 1), (7, 2)], "the latest first"


async def test_an_archived_type_records_nothing_new_and_answers_for_what_was(shop: Shop) -> None:
    await shop.enroll("ada")
    await make_type(shop, "review", 20)
    one = activity(shop, "one", "ada", "review")
    await record(shop, one)
    request = pb.ArchiveActivityTypeRequest(name=type_name(shop, "review"), request_id="archive")
    archived = (await shop.membership.membership.ArchiveActivityType(request)).activity_type
    assert archived.archived
    again = shop.membership.membership.ArchiveActivityType(request)
    assert (await again).activity_type == archived
    assert await was_replayed(again)
    assert (await record(shop, one)).already_recorded
    for call in (record(shop, activity(shop, "two", "ada", "review")), change_type(shop, "review", points=1)):
        with pytest.raises(RefusedError) as refused:
            await call
        assert refused.value.reason == "ACTIVITY_TYPE_ARCHIVED"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "{}/activities/birthday.2026.1"}, "activity.name"),
        ({"member": "programs/other/members/ada"}, None),
        ({"activity_type": "{}/activityTypes/birthday"}, "activity.activity_type"),
        ({"event_time": when(2100, 1, 1)}, "activity.event_time"),
        ({"attributes": {"Not a key": "v"}}, "activity.attributes"),
    ],
)
async def test_activities_are_refused_by_field(shop: Shop, changes: dict[str, Any], field: str | None) -> None:
    await shop.enroll("ada")
    await make_type(shop, "birthday", occasion=pb.OCCASION_BIRTHDAY)
    await make_type(shop, "review")
    one = activity(shop, "one", "ada", "review")
    values: dict[str, Any] = {
        key: value.format(shop.program) if isinstance(value, str) else value for key, value in changes.items()
    }
    one.MergeFrom(pb.Activity(**values))
    with pytest.raises(InvalidRequestError) as refused:
        await record(shop, one)
    assert field is None or [violation.field for violation in refused.value.violations] == [field]


async def test_what_is_unknown_is_not_found_and_those_who_left_record_nothing(world: World) -> None:
    shop = await world.shop(welcome_points=0)
    await shop.enroll("ada")
    await make_type(shop, "review")
    for member_id, type_id in (("nobody", "review"), ("ada", "nothing")):
        with pytest.raises(NotFoundError):
            await record(shop, activity(shop, "one", member_id, type_id))
    with pytest.raises(NotFoundError):
        await list_all(shop, "nobody")
    await close(shop, "ada")
    with pytest.raises(RefusedError) as closed:
        await record(shop, activity(shop, "one", "ada", "review"))
    assert closed.value.reason == "MEMBER_CLOSED"


async def test_erasing_a_member_erases_what_its_activities_tell(shop: Shop, world: World) -> None:
    await shop.enroll("ada")
    await make_type(shop, "review", 20)
    one = activity(shop, "one", "ada", "review", wrote="Grace Hopper was here")
    await record(shop, one, "till-1")
    await erase(shop, "ada")
    [left] = await list_all(shop, "ada")
    assert (dict(left.attributes), left.points) == ({}, 20)
    for request_id in ("till-1", new_request_id()):
        with pytest.raises(RefusedError) as erased:
            await record(shop, one, request_id)
        assert erased.value.reason == "MEMBER_ERASED"
    database = await asyncpg.connect(world.membership.database.owner_url)
    found = await database.fetch("select 1 from activities where attributes::text like '%Hopper%'")
    await database.close()
    assert found == []
