"""The partners' RPCs about linked members, and what coalitions ask of links."""

from __future__ import annotations

from datetime import timedelta

from guerdon.exchange.v1 import links_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit import pages
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import check_id, parse
from guerdon_kit.pages import END, read_place, write_place
from partner_exchange.domain.links import (
    COOLING_OFF_HOURS,
    COOLING_OFF_HOURS_MAX,
    LINKS_PER_YEAR,
    LINKS_PER_YEAR_MAX,
    Account,
    Link,
    LinkPolicy,
    Side,
)
from partner_exchange.domain.member_names import MemberName
from partner_exchange.operations.links import Links
from partner_exchange.servicer.reading import PARTNER, asking, mark

_LINK = "partners/{partner}/memberLinks/{member_link}"


def link_policy(wanted: res.LinkPolicy, field: str) -> LinkPolicy:
    """What a coalition is to ask of links; what is left out gets its default."""
    hours = wanted.cooling_off_hours if wanted.HasField("cooling_off_hours") else COOLING_OFF_HOURS
    if not 0 <= hours <= COOLING_OFF_HOURS_MAX:
        raise InvalidField.of(f"{field}.cooling_off_hours", f"must be 0 to {COOLING_OFF_HOURS_MAX}")
    if not 0 <= wanted.links_per_year <= LINKS_PER_YEAR_MAX:
        raise InvalidField.of(f"{field}.links_per_year", f"must be 0 to {LINKS_PER_YEAR_MAX}")
    return LinkPolicy(wanted.optional, timedelta(hours=hours), wanted.links_per_year or LINKS_PER_YEAR)


def policy_message(policy: LinkPolicy) -> res.LinkPolicy:
    """What a coalition asks, in full."""
    return res.LinkPolicy(
        optional=policy.optional,
        cooling_off_hours=policy.cooling_off // timedelta(hours=1),
        links_per_year=policy.links_per_year,
    )


class LinkRpcs:
    """What `guerdon.exchange.v1.CoalitionService` does with links."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def create_link_code(self, request: pb.CreateLinkCodeRequest, call: CallContext) -> pb.CreateLinkCodeResponse:
        """Makes a code for a member."""
        side, name = _side(request)
        code, ends, replayed = await self._links.create_code(asking(call, request, request.parent), side, name)
        mark(call, replayed)
        return pb.CreateLinkCodeResponse(code=code, expire_time=timestamp(ends))

    async def link_member(self, request: pb.LinkMemberRequest, call: CallContext) -> pb.LinkMemberResponse:
        """Links a member's accounts."""
        side, name = _side(request)
        made, replayed = await self._links.link(asking(call, request, request.parent), side, name, request.code)
        mark(call, replayed)
        return pb.LinkMemberResponse(member_link=_message(made, side.account.partner))

    async def get_member_link(self, request: pb.GetMemberLinkRequest, _call: CallContext) -> pb.GetMemberLinkResponse:
        """Reads a link."""
        reader, link_id = parse(request.name, _LINK)
        return pb.GetMemberLinkResponse(member_link=_message(await self._links.get(reader, link_id), reader))

    async def list_member_links(
        self, request: pb.ListMemberLinksRequest, call: CallContext
    ) -> pb.ListMemberLinksResponse:
        """Reads links, newest first."""
        (reader,) = parse(request.parent, PARTNER, "parent")
        account = check_id(request.account_id, "account_id") if request.account_id else None
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent, request.account_id)
        found = await self._links.newest(reader, account, read_place(request.page_token, query, END), size + 1)
        answer = pb.ListMemberLinksResponse(member_links=[_message(one, reader) for one in found[:size]])
        if len(found) > size:
            last = found[size - 1]
            answer.next_page_token = write_place(query, last.create_time, last.link_id)
        return answer

    async def unlink_member(self, request: pb.UnlinkMemberRequest, call: CallContext) -> pb.UnlinkMemberResponse:
        """Ends a link."""
        partner_id, link_id = parse(request.name, _LINK)
        now, replayed = await self._links.unlink(asking(call, request, f"partners/{partner_id}"), partner_id, link_id)
        mark(call, replayed)
        return pb.UnlinkMemberResponse(member_link=_message(now, partner_id))

    async def note_contact_change(
        self, request: pb.NoteContactChangeRequest, call: CallContext
    ) -> pb.NoteContactChangeResponse:
        """Has links cool off."""
        (partner_id,) = parse(request.parent, PARTNER, "parent")
        account = Account(partner_id, check_id(request.account_id, "account_id"))
        count, replayed = await self._links.note_contact_change(asking(call, request, request.parent), account)
        mark(call, replayed)
        return pb.NoteContactChangeResponse(member_link_count=count)


def _side(request: pb.CreateLinkCodeRequest | pb.LinkMemberRequest) -> tuple[Side, MemberName]:
    (partner_id,) = parse(request.parent, PARTNER, "parent")
    side = Side(Account(partner_id, request.account_id), request.consent_reference)
    return side, MemberName(request.given_names, request.family_name)


def _message(link: Link, reader: str) -> pb.MemberLink:
    """A link as one of its partners may see it."""
    mine, other = link.side_of(reader), link.other_side(reader)
    assert mine is not None, "the operation answers links of its reader only"
    return pb.MemberLink(
        name=f"partners/{reader}/memberLinks/{link.link_id}",
        account_id=mine.account.account,
        partner_id=other.account.partner,
        partner_account_id=other.account.account,
        consent_reference=mine.consent,
        create_time=timestamp(link.create_time),
        usable_time=timestamp(link.usable_time),
        unlink_time=None if link.unlink_time is None else timestamp(link.unlink_time),
    )
