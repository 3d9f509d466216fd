"""Partners come by way of the sandbox, change their terms, and leave with nothing open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guerdon import GuerdonError, InvalidRequestError, PermissionDeniedError, RefusedError, new_request_id, was_replayed
from guerdon.exchange.v1 import disputes_pb2
from guerdon.exchange.v1 import partners_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1.coalition_admin_service_pb2 import GetPartnerRequest
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.partner_exchange.hooks import streamed
from tests.contract.partner_exchange.test_disputes import answered, disputed, resolved
from tests.contract.partner_exchange.test_partners import reason
from tests.contract.partner_exchange.treasury import Treasurer
from tests.contract.partner_exchange.world import Brand, Coalition, rational

COMMITTED = res.EXCHANGE_STATE_COMMITTED


@pytest.fixture
def clock(exchange_services: ServiceFactory) -> Iterator[Path]:
    yield exchange_services.clock_file
    set_offset(exchange_services.clock_file, timedelta())


async def begin_leave(coalition: Coalition, brand: Brand, days: int = 0) -> res.Partner:
    request = pb.BeginPartnerLeaveRequest(name=brand.name, notice_days=days, request_id=new_request_id())
    return (await coalition.operator.coalition_admin.BeginPartnerLeave(request)).partner


async def complete_leave(coalition: Coalition, brand: Brand) -> res.Partner:
    request = pb.CompletePartnerLeaveRequest(name=brand.name, request_id=new_request_id())
    return (await coalition.operator.coalition_admin.CompletePartnerLeave(request)).partner


async def update(coalition: Coalition, brand: Brand, *paths: str, **fields: Any) -> res.Partner:
    """Changes the fields of the paths; others that are given are not asked for."""
    admin = coalition.operator.coalition_admin
    partner = (await admin.GetPartner(GetPartnerRequest(name=brand.name))).partner
    partner.MergeFrom(res.Partner(**fields))
    request = pb.UpdatePartnerRequest(partner=partner, request_id=new_request_id())
    request.update_mask.paths.extend(paths)
    return (await admin.UpdatePartner(request)).partner


async def test_who_tries_exchanges_with_who_tries_and_owes_nothing_until_it_is_launched(coalition: Coalition) -> None:
    one, other = await coalition.brand(launch=False), await coalition.brand(launch=False)
    live = await coalition.brand()
    await coalition.publish(one.to(other, "1/2"), one.to(live, "1/2"), live.to(one, "2"))
    source, destination, theirs = await one.member(100), await other.member(), await live.member(10)
    tried = await one.execute(await one.quote(source, other, destination, send=20))
    assert tried.state == COMMITTED
    assert (tried.owed.minor_units, tried.owed.fraction.numerator) == (0, 0)
    assert await other.posted(destination) == 10
    assert await reason(one.quote(source, live, theirs, send=20)) == "SANDBOX_ONLY"
    assert await reason(live.quote(theirs, one, source, send=10)) == "SANDBOX_ONLY"
    quote = await one.quote(source, other, destination, send=20)
    await coalition.launch(one)
    assert await reason(one.execute(quote)) == "SANDBOX_ONLY"
    owed = await one.execute(await one.quote(source, live, theirs, send=20))
    assert owed.owed.minor_units == 10


async def test_a_draft_may_do_nothing_and_is_let_go_at_once(coalition: Coalition) -> None:
    live = await coalition.brand()
    brand = Brand(f"{live.name}-draft", await coalition.program(), coalition, live.key)
    admin = coalition.operator.coalition_admin
    made = (await admin.CreatePartner(brand.application(request_id=new_request_id()))).partner
    assert made.state == res.PARTNER_STATE_DRAFT
    with pytest.raises(PermissionDeniedError):
        await brand.exchanges()
    await coalition.publish(live.to(brand, "1"))
    assert await reason(live.quote(await live.member(5), brand, await brand.member(), send=5)) == "PARTNER_NOT_LIVE"
    for call in (coalition.launch(brand), coalition.move(brand, suspend=True), begin_leave(coalition, brand)):
        assert await reason(call) == "WRONG_PARTNER_STATE"
    assert (await complete_leave(coalition, brand)).state == res.PARTNER_STATE_LEFT


async def test_who_leaves_sends_until_its_notice_is_over_and_goes_when_nothing_is_open(
    coalition: Coalition, clock: Path
) -> None:
    brand, other = await coalition.pair("1", "1")
    quiet = await coalition.brand()
    await begin_leave(coalition, quiet, days=2)
    source, destination = await brand.member(100), await other.member(100)
    waiting = await other.quote(destination, brand, source, send=10)
    before = await begin_leave(coalition, brand, days=2)
    assert before.state == res.PARTNER_STATE_LEAVING
    assert (await begin_leave(coalition, brand, days=9)).leave_time == before.leave_time
    assert await reason(other.execute(waiting)) == "PARTNER_LEAVING"
    assert (await brand.execute(await brand.quote(source, other, destination, send=10))).state == COMMITTED
    assert await reason(complete_leave(coalition, brand)) == "NOTICE_NOT_OVER"
    set_offset(clock, timedelta(days=2, minutes=2))
    assert await reason(brand.quote(source, other, destination, send=10)) == "PARTNER_LEAVING"
    with pytest.raises(RefusedError) as refused:
        await complete_leave(coalition, brand)
    assert refused.value.reason == "PARTNER_NOT_CLEARED"
    assert (refused.value.metadata["exchanges"], refused.value.metadata["owed"]) == ("0", "10")
    assert (await complete_leave(coalition, quiet)).state == res.PARTNER_STATE_LEFT

    async def is_let_in() -> bool:
        try:
            await quiet.exchanges()
        except GuerdonError as gone:
            return gone.reason != "SCOPE_REQUIRED"
        return True

    async def is_locked_out() -> bool:
        return not await is_let_in()

    await wait_until(is_locked_out, timeout_s=5.0)


async def test_nobody_leaves_with_a_dispute_or_with_windows_that_only_cancel_each_other_out(
    coalition: Coalition, clock: Path
) -> None:
    brand, other = await coalition.pair("1", "1")
    treasurer = Treasurer(coalition)
    mine, theirs = await brand.member(100), await other.member(100)
    received = await other.execute(await other.quote(theirs, brand, mine, send=10))
    await treasurer.close(1)
    await brand.execute(await brand.quote(mine, other, theirs, send=10))
    dispute = await disputed(other, received)
    assert await coalition.net_debit(brand) == 0
    await begin_leave(coalition, brand, days=1)
    over, today = timedelta(days=1, minutes=2), timedelta()
    set_offset(clock, over)
    with pytest.raises(RefusedError) as refused:
        await complete_leave(coalition, brand)
    told = {key: refused.value.metadata[key] for key in ("exchanges", "reversals", "disputes", "windows", "owed")}
    assert told == {"exchanges": "0", "reversals": "0", "disputes": "1", "windows": "2", "owed": "0"}
    set_offset(clock, today)  # the ledger that tests share books nothing of another day
    await answered(brand, dispute)
    await resolved(coalition, dispute, reject=disputes_pb2.Reject())
    await treasurer.close(2)
    for party in (brand, other):
        await treasurer.deposit(party, 10)
    await treasurer.settle(1)
    set_offset(clock, over)
    assert await reason(complete_leave(coalition, brand)) == "PARTNER_NOT_CLEARED"
    set_offset(clock, today)
    await treasurer.settle(2)
    set_offset(clock, over)
    assert (await complete_leave(coalition, brand)).state == res.PARTNER_STATE_LEFT


async def test_a_suspended_partner_that_gives_notice_stays_suspended(coalition: Coalition) -> None:
    brand = await coalition.brand()
    await coalition.move(brand, suspend=True)
    held = await begin_leave(coalition, brand)
    assert held.state == res.PARTNER_STATE_SUSPENDED
    assert held.HasField("leave_time")
    assert (await coalition.move(brand, suspend=False)).state == res.PARTNER_STATE_LEAVING
    told = [event.type.rpartition("_")[2] for answer in await streamed(brand, 5) for event in answer.events]
    assert told == ["started", "launched", "suspended", "leaving", "resumed"]


async def test_a_new_price_is_a_version_and_what_was_stamped_stays(coalition: Coalition) -> None:
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(100), await other.member()
    first = await one.execute(await one.quote(source, other, destination, send=10))
    quoted = await one.quote(source, other, destination, send=10)
    now = await update(coalition, other, "agreed_price", agreed_price=rational("5/2"), display_name="not asked for")
    assert (now.agreed_price, now.display_name) == (rational("5/2"), "")
    second = await one.execute(quoted)
    assert (first.owed.minor_units, second.owed.minor_units) == (10, 25)
    assert (await one.exchange(first.name)).owed == first.owed
    await update(coalition, other, "display_name", "received_points_lifetime_days", display_name="Other")
    prices = await coalition.operator.coalition_admin.ListAgreedPrices(
        pb.ListAgreedPricesRequest(parent=other.name, page_size=1)
    )
    [newest] = prices.agreed_prices
    assert (newest.version, newest.price) == (2, rational("5/2"))
    rest = await coalition.operator.coalition_admin.ListAgreedPrices(
        pb.ListAgreedPricesRequest(parent=other.name, page_token=prices.next_page_token)
    )
    assert [(price.version, price.price) for price in rest.agreed_prices] == [(1, rational(1))]


async def test_an_update_out_of_bounds_changes_nothing_and_the_same_request_again_is_a_replay(
    coalition: Coalition,
) -> None:
    brand = await coalition.brand()
    for paths, fields in (
        ([], {}),
        (["unit"], {"unit": "programs/x/units/y"}),
        (["agreed_price"], {"agreed_price": rational(10_001)}),
        (["received_points_lifetime_days"], {"received_points_lifetime_days": 36_501}),
    ):
        with pytest.raises(InvalidRequestError):
            await update(coalition, brand, *paths, **fields)
    request = pb.LaunchPartnerRequest(name=brand.name, request_id="again")
    await coalition.operator.coalition_admin.LaunchPartner(request)
    call = coalition.operator.coalition_admin.LaunchPartner(request)
    assert (await call).partner.state == res.PARTNER_STATE_LIVE
    assert await was_replayed(call)
