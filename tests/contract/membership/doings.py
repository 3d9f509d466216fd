"""Activities and their types, for the tests of what is done with them."""

from __future__ import annotations

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import new_request_id
from guerdon.membership.v1 import activity_pb2 as pb
from tests.contract.membership.world import Shop, when


def type_name(shop: Shop, type_id: str) -> str:
    """A type's name."""
    return f"{shop.program}/activityTypes/{type_id}"


async def make_type(shop: Shop, type_id: str, points: int = 10, request_id: str = "", **more: Any) -> pb.ActivityType:
    """Makes a type."""
    one = pb.ActivityType(name=type_name(shop, type_id), display_name=type_id, points=points, **more)
    request = pb.CreateActivityTypeRequest(activity_type=one, request_id=request_id or new_request_id())
    return (await shop.membership.membership.CreateActivityType(request)).activity_type


def change_type(shop: Shop, type_id: str, request_id: str = "", **changes: Any) -> Any:
    """Changes terms of a type."""
    return shop.membership.membership.UpdateActivityType(
        pb.UpdateActivityTypeRequest(
            activity_type=pb.ActivityType(name=type_name(shop, type_id), **changes),
            update_mask=FieldMask(paths=list(changes)),
            request_id=request_id or new_request_id(),
        )
    )


def activity(
    shop: Shop, activity_id: str, member_id: str, type_id: str, event_time: Timestamp | None = None, **attributes: str
) -> pb.Activity:
    """An activity."""
    return pb.Activity(
        name=f"{shop.program}/activities/{activity_id}",
        member=f"{shop.program}/members/{member_id}",
        activity_type=type_name(shop, type_id),
        event_time=event_time or when(2026, 1, 5, 17),
        attributes=attributes,
    )


def record(shop: Shop, one: pb.Activity, request_id: str = "") -> Any:
    """Records an activity."""
    request = pb.RecordActivityRequest(activity=one, request_id=request_id or new_request_id())
    return shop.membership.membership.RecordActivity(request)


async def simulate(shop: Shop, one: pb.Activity) -> pb.SimulateActivityResponse:
    """What recording would answer."""
    return await shop.membership.membership.SimulateActivity(pb.SimulateActivityRequest(activity=one))


async def list_all(shop: Shop, member_id: str, page_size: int = 0) -> list[pb.Activity]:
    """A member's activities."""
    parent, token, found = f"{shop.program}/members/{member_id}", "", list[pb.Activity]()
    while token or not found:
        request = pb.ListActivitiesRequest(parent=parent, page_size=page_size, page_token=token)
        page = await shop.membership.membership.ListActivities(request)
        found += page.activities
        token = page.next_page_token
        if not page.activities:
            break
    return found
