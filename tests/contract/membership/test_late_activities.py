"""Activities that come late are judged in their place, and those after them anew."""

from __future__ import annotations

import time

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.membership.v1 import activity_pb2 as pb
from tests.contract.membership.doings import activity, list_all, make_type, record, simulate
from tests.contract.membership.world import Shop, World

DAY = 24 * 3600
FIRST = int(time.time()) // DAY * DAY - 10 * DAY


async def done(shop: Shop, activity_id: str, hour: int) -> pb.Activity:
    """Records a review of ada's; it is simulated the same before."""
    one = activity(shop, activity_id, "ada", "review", Timestamp(seconds=FIRST + hour * 3600))
    simulated = (await simulate(shop, one)).activity
    recorded = (await record(shop, one)).activity
    assert (simulated.points, simulated.withheld) == (recorded.points, recorded.withheld)
    assert isinstance(recorded, pb.Activity)
    return recorded


async def brought(shop: Shop) -> dict[str, int]:
    return {one.name.rpartition("/")[2]: one.points for one in await list_all(shop, "ada")}


async def test_what_no_longer_stands_is_taken_back_and_what_now_stands_is_given(world: World) -> None:
    shop = await world.shop(late_days=30, welcome_points=0)
    await shop.enroll("ada")
    await make_type(shop, "review", 10, cooldown=Duration(seconds=5 * 3600))
    for activity_id, hour in (("b", 4), ("c", 8), ("d", 12)):
        await done(shop, activity_id, hour)
    assert await brought(shop) == {"b": 10, "c": 0, "d": 10}
    assert (await done(shop, "a", 0)).points == 10
    assert await brought(shop) == {"a": 10, "b": 0, "c": 10, "d": 0}
    assert sorted(await shop.statement("ada")) == [
        (-10, "Late arrival: Activity b"),
        (-10, "Late arrival: Activity d"),
        (10, "Activity a"),
        (10, "Activity b"),
        (10, "Activity d"),
        (10, "Late arrival: activity c"),
    ]
    assert (await done(shop, "z", -3)).points == 10
    assert await brought(shop) == {"z": 10, "a": 0, "b": 10, "c": 0, "d": 10}
    states = {one.name.rpartition("/")[2]: one.state for one in await list_all(shop, "ada")}
    assert states["b"] == pb.Activity.STATE_POSTED
    assert states["a"] == pb.Activity.STATE_WITHHELD
    assert (await shop.balance("ada")).available == 30


async def test_before_the_window_an_activity_takes_nothing_from_others(world: World) -> None:
    shop = await world.shop(late_days=5, welcome_points=0)
    await shop.enroll("ada")
    await make_type(shop, "review", 10, total_cap=1)
    assert (await done(shop, "b", 24)).points == 10
    assert (await done(shop, "a", 0)).points == 0
    assert await brought(shop) == {"a": 0, "b": 10}
