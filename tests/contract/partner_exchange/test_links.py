"""Linked members: by a code and one name, after a time, not too often; and an exchange that is authorized, once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import links_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory
from tests.contract.partner_exchange.hooks import events
from tests.contract.partner_exchange.test_partners import reason
from tests.contract.partner_exchange.world import Brand, Coalition, World

AT_ONCE = res.LinkPolicy(cooling_off_hours=0)
NAME = {"given_names": "Zoë Ann", "family_name": "Müller"}


@pytest.fixture
def clock(exchange_services: ServiceFactory) -> Iterator[Path]:
    yield exchange_services.clock_file
    set_offset(exchange_services.clock_file, timedelta())


def code_request(brand: Brand, account: str, request_id: str = "", **name: str) -> pb.CreateLinkCodeRequest:
    return pb.CreateLinkCodeRequest(
        parent=brand.name,
        account_id=account.rpartition("/")[2],
        consent_reference="consent-1",
        request_id=request_id or new_request_id(),
        **(NAME | name),
    )


def link_request(brand: Brand, account: str, code: str, request_id: str = "", **name: str) -> pb.LinkMemberRequest:
    return pb.LinkMemberRequest(
        parent=brand.name,
        account_id=account.rpartition("/")[2],
        consent_reference="consent-2",
        code=code,
        request_id=request_id or new_request_id(),
        **(NAME | name),
    )


async def code_of(brand: Brand, account: str, **name: str) -> str:
    return (await brand.own.coalition.CreateLinkCode(code_request(brand, account, **name))).code


async def link(one: Brand, account: str, other: Brand, their_account: str) -> pb.MemberLink:
    """Links by a code of the one, which the other is brought."""
    code = await code_of(one, account)
    return (await other.own.coalition.LinkMember(link_request(other, their_account, code))).member_link


async def unlink(brand: Brand, name: str) -> pb.MemberLink:
    request = pb.UnlinkMemberRequest(name=name, request_id=new_request_id())
    return (await brand.own.coalition.UnlinkMember(request)).member_link


async def exchanged(one: Brand, source: str, other: Brand, destination: str) -> res.Exchange:
    return await one.execute(await one.quote(source, other, destination, send=10), authorization=new_request_id())


async def test_linked_accounts_exchange_with_an_authorization_that_is_good_once(world: World) -> None:
    coalition = await world.coalition(links=AT_ONCE)
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(100), await other.member()
    assert await reason(one.quote(source, other, destination, send=10)) == "NOT_LINKED"
    made = await link(other, destination, one, source)
    quote = await one.quote(source, other, destination, send=10)
    assert await reason(one.execute(quote)) == "AUTHORIZATION_REQUIRED"
    assert (made.account_id, made.partner_id) == (source.rpartition("/")[2], other.id)
    assert made.partner_account_id == destination.rpartition("/")[2]
    done = await one.execute(quote, "first", authorization="agreed-1")
    assert done.authorization_reference == "agreed-1"
    theirs = f"{other.name}/exchanges/{done.name.rpartition('/')[2]}"
    assert (await other.exchange(theirs)).authorization_reference == ""
    assert await one.execute(quote, "first", authorization="agreed-1") == done
    again = await one.quote(source, other, destination, send=10)
    assert await reason(one.execute(again, authorization="agreed-1")) == "AUTHORIZATION_USED"
    assert await other.posted(destination) == 10
    await exchanged(other, destination, one, source)  # a link goes both ways
    assert await reason(exchanged(one, source, other, await other.member())) == "NOT_LINKED"
    # Either side ends it, at once.
    name = f"{other.name}/memberLinks/{made.name.rpartition('/')[2]}"
    assert (await unlink(other, name)).HasField("unlink_time")
    assert await reason(one.execute(again, authorization="agreed-2")) == "NOT_LINKED"
    for brand in (one, other):
        told = [event for event in await events(brand, 5) if "_linked" in event.type or "_unlinked" in event.type]
        assert len(told) == 2
        assert all(f"{brand.name}/memberLinks/".encode() in event.payload for event in told)


async def test_of_many_exchanges_at_once_one_has_the_authorization(world: World) -> None:
    coalition = await world.coalition(links=AT_ONCE)
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(100), await other.member()
    await link(one, source, other, destination)
    quotes = [await one.quote(source, other, destination, send=10) for _ in range(5)]
    answers = await asyncio.gather(
        *(one.execute(quote, authorization="once") for quote in quotes), return_exceptions=True
    )
    refused = [answer.reason for answer in answers if isinstance(answer, GuerdonError)]
    assert refused == ["AUTHORIZATION_USED"] * 4
    assert await one.posted(source) == 90


async def test_a_code_is_told_once_and_good_once_for_one_name(world: World) -> None:
    coalition = await world.coalition(links=AT_ONCE)
    one, other, third = await coalition.brand(), await coalition.brand(), await coalition.brand()
    request = code_request(one, "m-1", "code")
    code = (await one.own.coalition.CreateLinkCode(request)).code
    call = one.own.coalition.CreateLinkCode(request)
    assert (await call).code == ""
    assert await was_replayed(call)
    assert await reason(one.own.coalition.LinkMember(link_request(one, "m-2", code))) == "LINK_CODE_UNKNOWN"
    assert await reason(other.own.coalition.LinkMember(link_request(other, "m-2", "guess"))) == "LINK_CODE_UNKNOWN"
    wanted = link_request(other, "m-2", code, "link", given_names="zoe A.", family_name="MULLER")
    made = (await other.own.coalition.LinkMember(wanted)).member_link
    assert (await other.own.coalition.LinkMember(wanted)).member_link == made
    assert await reason(third.own.coalition.LinkMember(link_request(third, "m-3", code))) == "LINK_CODE_UNKNOWN"

    # A name that differs uses the code up: a brand cannot try names.
    code = await code_of(one, "m-4")
    wrong = link_request(other, "m-5", code, "wrong", family_name="Meier")
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await other.own.coalition.LinkMember(wrong)
        assert (refused.value.reason, refused.value.metadata["differs"]) == ("NAME_MISMATCH", "family_name")
    assert await reason(other.own.coalition.LinkMember(link_request(other, "m-5", code))) == "LINK_CODE_UNKNOWN"
    # A new code takes the place of the one before.
    before, now = await code_of(one, "m-4"), await code_of(one, "m-4")
    assert await reason(other.own.coalition.LinkMember(link_request(other, "m-5", before))) == "LINK_CODE_UNKNOWN"
    # And a stranger's coalition does not know it.
    elsewhere = await (await world.coalition(links=AT_ONCE)).brand()
    assert await reason(elsewhere.own.coalition.LinkMember(link_request(elsewhere, "m", now))) == "LINK_CODE_UNKNOWN"
    linked = (await other.own.coalition.LinkMember(link_request(other, "m-5", now))).member_link
    assert linked.partner_account_id == "m-4"


async def test_a_code_is_good_for_ten_minutes(world: World, clock: Path) -> None:
    coalition = await world.coalition(links=AT_ONCE)
    one, other = await coalition.brand(), await coalition.brand()
    code = await code_of(one, "m-1")
    set_offset(clock, timedelta(minutes=10))
    assert await reason(other.own.coalition.LinkMember(link_request(other, "m-2", code))) == "LINK_CODE_UNKNOWN"


async def test_a_link_cools_off_when_it_is_made_and_when_the_member_is_reached_otherwise(
    world: World, clock: Path
) -> None:
    coalition = await world.coalition(links=res.LinkPolicy())
    one, other = await coalition.pair("1", "1")
    # With nothing to send, so that the ledger, which others share, books nothing of another day.
    source, destination = await one.member(), await other.member()
    made = await link(one, source, other, destination)
    assert made.usable_time.ToDatetime() - made.create_time.ToDatetime() == timedelta(hours=24)
    assert await reason(exchanged(one, source, other, destination)) == "LINK_COOLING_OFF"
    set_offset(clock, timedelta(hours=25))
    assert await reason(exchanged(one, source, other, destination)) == "INSUFFICIENT_POINTS"
    changed = pb.NoteContactChangeRequest(
        parent=other.name, account_id=destination.rpartition("/")[2], request_id=new_request_id()
    )
    assert (await other.own.coalition.NoteContactChange(changed)).member_link_count == 1
    assert await reason(exchanged(one, source, other, destination)) == "LINK_COOLING_OFF"
    set_offset(clock, timedelta(hours=50))
    assert await reason(exchanged(one, source, other, destination)) == "INSUFFICIENT_POINTS"


async def test_what_a_coalition_asks_changes_and_a_quote_that_could_not_be_executed_is_not_made(world: World) -> None:
    coalition = await world.coalition(links=res.LinkPolicy(optional=True))
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(100), await other.member()
    before = await one.quote(source, other, destination, send=10)
    await update_policy(coalition, cooling_off_hours=1)
    assert await reason(one.quote(source, other, destination, send=10)) == "NOT_LINKED"
    assert await reason(one.execute(before, authorization="asked")) == "NOT_LINKED"
    made = await link(one, source, other, destination)
    assert made.usable_time.ToDatetime() - made.create_time.ToDatetime() == timedelta(hours=1)
    assert await reason(one.quote(source, other, destination, send=10)) == "LINK_COOLING_OFF"
    await update_policy(coalition, cooling_off_hours=0)
    assert await reason(one.quote(source, other, destination, send=10)) == "LINK_COOLING_OFF"  # as it was made
    await unlink(other, made.name)
    await link(one, source, other, destination)
    assert await reason(one.execute(before)) == "AUTHORIZATION_REQUIRED"
    await one.execute(before, authorization="asked")
    await update_policy(coalition, optional=True)
    await one.execute(await one.quote(source, other, await other.member(), send=10))
    with pytest.raises(InvalidRequestError) as refused:
        await update_policy(coalition, cooling_off_hours=721)
    assert [violation.field for violation in refused.value.violations] == ["link_policy.cooling_off_hours"]


async def update_policy(coalition: Coalition, **policy: Any) -> None:
    request = admin.UpdateLinkPolicyRequest(
        coalition=coalition.name, link_policy=res.LinkPolicy(**policy), request_id=new_request_id()
    )
    await coalition.operator.coalition_admin.UpdateLinkPolicy(request)


async def test_an_account_has_one_link_to_a_brand_at_a_time_and_not_too_many_in_a_year(world: World) -> None:
    coalition = await world.coalition(links=res.LinkPolicy(cooling_off_hours=0, links_per_year=2))
    one, other, third = await coalition.brand(), await coalition.brand(), await coalition.brand()
    first = await link(one, "m-1", other, "m-2")
    assert await reason(link(one, "m-1", other, "m-3")) == "ALREADY_LINKED"
    assert await reason(link(one, "m-9", other, "m-2")) == "ALREADY_LINKED"
    assert (await link(one, "m-1", third, "m-2")).partner_id == one.id
    await unlink(other, first.name)
    second = await link(other, "m-3", one, "m-1")
    await unlink(one, second.name)
    with pytest.raises(GuerdonError) as refused:
        await link(one, "m-1", other, "m-4")
    assert (refused.value.reason, refused.value.metadata["limit"]) == ("LINK_LIMIT", "2")
    request = pb.ListMemberLinksRequest(parent=one.name, account_id="m-1", page_size=2)
    page = await one.own.coalition.ListMemberLinks(request)
    request.page_token = page.next_page_token
    rest = await one.own.coalition.ListMemberLinks(request)
    assert [len(page.member_links), len(rest.member_links)] == [2, 1]
    assert (
        page.member_links[0]
        == (await one.own.coalition.GetMemberLink(pb.GetMemberLinkRequest(name=page.member_links[0].name))).member_link
    )


async def test_links_are_nobody_elses_and_are_asked_for_in_good_form(world: World) -> None:
    coalition = await world.coalition(links=AT_ONCE)
    one, other, stranger = await coalition.brand(), await coalition.brand(), await coalition.brand()
    made = await link(one, "m-1", other, "m-2")
    stolen = f"{stranger.name}/memberLinks/{made.name.rpartition('/')[2]}"
    for name in (made.name, stolen):
        with pytest.raises(NotFoundError):
            await stranger.own.coalition.GetMemberLink(pb.GetMemberLinkRequest(name=name))
        with pytest.raises(NotFoundError):
            await unlink(stranger, name)
    for wrong in (
        code_request(one, "m-1", family_name="?"),
        code_request(one, "m 1"),
        code_request(one, "m-1", given_names="x" * 101),
    ):
        with pytest.raises(InvalidRequestError):
            await one.own.coalition.CreateLinkCode(wrong)


async def test_where_a_coalition_leaves_it_to_its_partners_an_authorization_is_noted(coalition: Coalition) -> None:
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(100), await other.member()
    done = await one.execute(await one.quote(source, other, destination, send=10), authorization="noted")
    assert done.authorization_reference == "noted"
    assert (await one.execute(await one.quote(source, other, destination, send=10))).authorization_reference == ""
