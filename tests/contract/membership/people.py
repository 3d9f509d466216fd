"""Members with personal data, for the tests of what is done with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from guerdon import new_request_id
from guerdon.membership.v1 import ending_pb2, member_file_pb2, member_pb2, merging_pb2, profile_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from tests.contract.membership.world import Shop

ADA = profile_pb2.Profile(
    cards=["CARD-0001", "0002"],
    phone="+14155550132",
    email="Ada.Lovelace@SecretMail.example",
    external_id="crm-secret-7731",
    display_name="Ada Secretname",
    birth_date=Date(year=1990, month=2, day=28),
    sales_associate="Secretassociate",
    region_code="US",
)
SECRETS = ("4155550132", "secretmail", "crm-secret", "secretname", "secretassociate", "card-0001", "card0001")
"""What nobody but who may read a profile finds anywhere, in lower case."""


def name(shop: Shop, member_id: str) -> str:
    """A member's name."""
    return f"{shop.program}/members/{member_id}"


async def enroll(
    shop: Shop, member_id: str, profile: profile_pb2.Profile, request_id: str = ""
) -> pb.EnrollMemberResponse:
    """Enrols a person with a profile."""
    return await shop.membership.membership.EnrollMember(
        pb.EnrollMemberRequest(
            parent=shop.program, member_id=member_id, profile=profile, request_id=request_id or new_request_id()
        )
    )


async def get(shop: Shop, member_id: str) -> member_pb2.Member:
    """A member."""
    return (await shop.membership.membership.GetMember(pb.GetMemberRequest(name=name(shop, member_id)))).member


async def profile_of(shop: Shop, member_id: str) -> profile_pb2.Profile:
    """A member's profile."""
    request = profile_pb2.GetProfileRequest(name=name(shop, member_id))
    return (await shop.membership.membership.GetProfile(request)).profile


async def find(shop: Shop, **contact: str) -> str:
    """The id of the member who is found."""
    request = profile_pb2.FindMemberRequest(parent=shop.program, **contact)
    return (await shop.membership.membership.FindMember(request)).member.name.rpartition("/")[2]


def update(shop: Shop, member_id: str, request_id: str = "", **changes: Any) -> Any:
    """Changes fields of a profile; None erases one."""
    values = {key: value for key, value in changes.items() if value is not None}
    return shop.membership.membership.UpdateMember(
        profile_pb2.UpdateMemberRequest(
            name=name(shop, member_id),
            profile=profile_pb2.Profile(**values),
            update_mask=FieldMask(paths=list(changes)),
            request_id=request_id or new_request_id(),
        )
    )


def close(shop: Shop, member_id: str, request_id: str = "") -> Any:
    """Closes a membership."""
    return shop.membership.membership.CloseMember(
        ending_pb2.CloseMemberRequest(name=name(shop, member_id), request_id=request_id or new_request_id())
    )


def erase(shop: Shop, member_id: str, request_id: str = "") -> Any:
    """Erases a member."""
    return shop.membership.membership.EraseMember(
        ending_pb2.EraseMemberRequest(name=name(shop, member_id), request_id=request_id or new_request_id())
    )


def merge(shop: Shop, member_id: str, into: str, request_id: str = "") -> Any:
    """Merges a member into another."""
    return shop.membership.membership.MergeMembers(
        merging_pb2.MergeMembersRequest(
            name=name(shop, member_id), into=name(shop, into), request_id=request_id or new_request_id()
        )
    )


def file(
    shop: Shop, rows: Sequence[member_file_pb2.MemberRow], first_row: int = 1, request_id: str = "", **more: Any
) -> member_file_pb2.ImportMembersRequest:
    """A chunk of members."""
    return member_file_pb2.ImportMembersRequest(
        parent=shop.program, request_id=request_id or new_request_id(), first_row=first_row, rows=rows, **more
    )


async def import_(
    shop: Shop, chunks: Iterable[member_file_pb2.ImportMembersRequest]
) -> list[member_file_pb2.ImportMembersResponse]:
    """Imports chunks through one stream."""

    async def sent() -> AsyncIterator[member_file_pb2.ImportMembersRequest]:
        for chunk in chunks:
            yield chunk

    return [answer async for answer in shop.membership.membership.ImportMembers(sent())]


async def export(shop: Shop, page_token: str = "") -> list[member_file_pb2.ExportMembersResponse]:
    """Exports a program's members."""
    request = member_file_pb2.ExportMembersRequest(parent=shop.program, page_token=page_token)
    return [answer async for answer in shop.membership.membership.ExportMembers(request)]
