"""Exchanges with partners whose points live in ledgers of their own: the sandbox partner's amounts, from all sides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon import InvalidRequestError, RefusedError, UnavailableError, new_request_id
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.partner_exchange.world import Brand, Coalition

COMMITTED, ABORTED = res.EXCHANGE_STATE_COMMITTED, res.EXCHANGE_STATE_ABORTED
REFUSED, ANSWERS_LATER, REFUSES_LATER, NEVER = 1, 2, 3, 5
"""What the last two digits of an amount have the sandbox do."""


async def pair(coalition: Coalition) -> tuple[Brand, Brand]:
    """A hosted brand and a remote one, whose points are worth the same."""
    hosted, remote = await coalition.brand(), await coalition.remote_brand()
    await coalition.publish(hosted.to(remote, "1"), remote.to(hosted, "1"))
    return hosted, remote


def member(brand: Brand) -> str:
    """A member of a remote brand."""
    return f"{brand.name}/members/ada"


async def started(sender: Brand, source: str, receiver: Brand, destination: str, points: int) -> str:
    """The name of an exchange that was begun, whatever has become of it."""
    quote = await sender.quote(source, receiver, destination, send=points)
    try:
        return (await sender.execute(quote)).name
    except (RefusedError, UnavailableError):
        return quote.name.replace("/quotes/", "/exchanges/")


async def ended(brand: Brand, name: str) -> res.Exchange:
    """The exchange at its end, as the brand sees it."""
    name = f"{brand.name}/exchanges/{name.rpartition('/')[2]}"

    async def final() -> bool:
        return (await brand.exchange(name)).state in {COMMITTED, ABORTED}

    await wait_until(final)
    return await brand.exchange(name)


async def test_points_sent_to_a_remote_partner_leave_the_ledger_and_arrive_there(coalition: Coalition) -> None:
    hosted, remote = await pair(coalition)
    source = await hosted.member(1_000)
    done = await hosted.execute(await hosted.quote(source, remote, member(remote), send=100))
    assert (done.state, done.debited_amount, done.received_amount) == (COMMITTED, 100, 100)
    assert (done.source_account, done.destination_account) == (source, member(remote))
    assert done.transaction.startswith(f"{hosted.program}/transactions/")
    assert (await hosted.posted(source), await hosted.exchanged_with(remote)) == (900, 100)
    [position] = await coalition.positions()
    assert (position.sender, position.receiver, position.received_amount) == (hosted.name, remote.name, 100)


async def test_points_sent_by_a_remote_partner_arrive_in_the_ledger(coalition: Coalition) -> None:
    hosted, remote = await pair(coalition)
    destination = await hosted.member()
    done = await remote.execute(await remote.quote(member(remote), hosted, destination, send=100))
    assert (done.state, done.source_account, done.transaction) == (COMMITTED, member(remote), "")
    assert (await hosted.posted(destination), await hosted.exchanged_with(remote)) == (100, -100)


async def test_two_remote_partners_exchange_beside_the_ledger(coalition: Coalition) -> None:
    one, other = await coalition.remote_brand(), await coalition.remote_brand()
    await coalition.publish(one.to(other, "1"), other.to(one, "1"))
    done = await one.execute(await one.quote(member(one), other, member(other), send=100))
    assert done.state == COMMITTED


@pytest.mark.parametrize("sends", [True, False])
async def test_every_magic_amount_ends_as_it_says_and_both_sides_agree(coalition: Coalition, sends: bool) -> None:
    """Whether the remote partner sends or receives: what it refuses is given back, what it has done later is done."""
    hosted, remote = await pair(coalition)
    ours = await hosted.member(10_000)
    route = (remote, member(remote), hosted, ours) if sends else (hosted, ours, remote, member(remote))
    amounts = {100 + REFUSED: ABORTED, 200 + ANSWERS_LATER: COMMITTED, 300 + REFUSES_LATER: ABORTED}
    names = {points: await started(*route, points) for points in amounts}
    found = {points: await ended(hosted, name) for points, name in names.items()}
    assert {points: exchange.state for points, exchange in found.items()} == amounts
    assert found[101].abort_reason == "SANDBOX_REFUSES"
    assert found[303].abort_reason == "SANDBOX_REFUSES_LATER"
    moved = 202 if sends else -202
    assert (await hosted.posted(ours), await hosted.exchanged_with(remote)) == (10_000 + moved, -moved)


async def test_an_unknown_outcome_is_shown_and_nothing_is_given_back_on_a_guess(coalition: Coalition) -> None:
    hosted, remote = await pair(coalition)
    source = await hosted.member(1_000)
    name = await started(hosted, source, remote, member(remote), 100 + NEVER)
    exchange = await hosted.exchange(name)
    assert (exchange.state, exchange.outcome_unknown) == (res.EXCHANGE_STATE_CREDITING, True)
    assert not exchange.needs_operator
    assert await hosted.posted(source) == 1_000 - 105


async def test_what_a_remote_sender_does_not_reserve_in_time_is_given_up(
    coalition: Coalition, exchange_services: ServiceFactory
) -> None:
    hosted, remote = await pair(coalition)
    destination = await hosted.member()
    name = await started(remote, member(remote), hosted, destination, 100 + NEVER)
    assert (await remote.exchange(name)).state == res.EXCHANGE_STATE_RESERVING
    set_offset(exchange_services.clock_file, timedelta(minutes=16))
    try:
        exchange = await ended(hosted, name)
    finally:
        set_offset(exchange_services.clock_file, timedelta())
    assert (exchange.state, exchange.abort_reason) == (ABORTED, "NOT_RESERVED_IN_TIME")
    assert await hosted.posted(destination) == 0


async def test_a_hosted_sender_with_too_few_points_is_told_so(coalition: Coalition) -> None:
    hosted, remote = await pair(coalition)
    source = await hosted.member(30)
    with pytest.raises(RefusedError) as refused:
        await hosted.execute(await hosted.quote(source, remote, member(remote), send=100))
    assert refused.value.reason == "INSUFFICIENT_POINTS"
    assert refused.value.metadata["missing"] == "70"


async def test_an_aborted_reservation_goes_back_into_the_lots_it_came_from(coalition: Coalition) -> None:
    hosted, remote = await pair(coalition)
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)
    source = await hosted.member(500, expire=soon)
    name = await started(hosted, source, remote, member(remote), 100 + REFUSED)
    assert (await ended(hosted, name)).state == ABORTED
    [bucket] = (await hosted.balance(source)).expiries
    assert (bucket.amount, bucket.expire_time.ToDatetime(tzinfo=UTC)) == (500, soon)


async def test_a_partner_is_hosted_or_remote(coalition: Coalition) -> None:
    brand = await coalition.remote_brand()
    read = admin.GetPartnerRequest(name=brand.name)
    partner = (await coalition.operator.coalition_admin.GetPartner(read)).partner
    assert (partner.unit, partner.target) == ("", "sandbox")
    neither = brand.application(target="sandbox", request_id=new_request_id())
    neither.partner.target = ""
    both = brand.application(target="sandbox", request_id=new_request_id())
    both.partner.unit = "programs/p/units/points"
    malformed = [
        brand.application(target=target, request_id=new_request_id()) for target in ("nowhere", "a b:1", "x:0")
    ]
    for request in (neither, both, *malformed):
        with pytest.raises(InvalidRequestError) as refused:
            await coalition.operator.coalition_admin.CreatePartner(request)
        assert [violation.field for violation in refused.value.violations] == ["partner.target"]
