"""Exchanges with remote partners go back: the sandbox partner's amounts, as the side that is taken from and as the one
that is given back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon import GuerdonError, RefusedError, UnavailableError, new_request_id
from guerdon.exchange.v1 import disputes_pb2, limits_pb2
from guerdon.exchange.v1 import resolutions_pb2 as resolutions
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1 import reversals_pb2 as pb
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.partner_exchange.test_disputes import answered, disputed, resolved
from tests.contract.partner_exchange.test_remote_partners import (
    ANSWERS_LATER,
    NEVER,
    REFUSED,
    REFUSES_LATER,
    member,
    pair,
)
from tests.contract.partner_exchange.test_resolutions import approve, propose, two_days_later
from tests.contract.partner_exchange.test_reversals import expiries, reversals_of
from tests.contract.partner_exchange.treasury import Treasurer, nets
from tests.contract.partner_exchange.world import Brand, Coalition, World

COMMITTED, ABORTED = pb.REVERSAL_STATE_COMMITTED, pb.REVERSAL_STATE_ABORTED


async def begun(coalition: Coalition, sender: Brand, sent: res.Exchange, amount: int) -> pb.Reversal:
    """The newest reversal, whatever the call came to."""
    request = pb.ReverseExchangeRequest(name=sent.name, amount=amount, reason="Asked for", request_id=new_request_id())
    try:
        return (await coalition.operator.reversals.ReverseExchange(request, timeout=1)).reversal
    except GuerdonError:
        return (await reversals_of(sender, sent.name))[-1]


async def at_end(sender: Brand, sent: res.Exchange, reversal: pb.Reversal) -> pb.Reversal:
    """The reversal once it is at its end."""

    async def now() -> pb.Reversal:
        return next(one for one in await reversals_of(sender, sent.name) if one.name == reversal.name)

    async def final() -> bool:
        return (await now()).state in {COMMITTED, ABORTED}

    await wait_until(final)
    return await now()


async def test_what_was_sent_to_a_remote_partner_comes_back_in_parts_with_its_expiries_debts_and_room(
    coalition: Coalition, world: World
) -> None:
    hosted, remote = await pair(coalition)
    await coalition.limit(hosted, member=limits_pb2.Caps(daily_points=1_000, daily_exchanges=1), net_debit_cap=1_000)
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    source = await hosted.member(600, expire=soon)
    await hosted.earn(source, 400)
    sent = await hosted.execute(await hosted.quote(source, remote, member(remote), send=1_000))
    part = await coalition.reverse(sent, 450, request_id="part")
    assert (part.returned_amount, part.taken_back_amount, part.state, part.owed.minor_units) == (
        450,
        450,
        COMMITTED,
        450,
    )
    assert await coalition.reverse(sent, 450, request_id="part") == part
    assert await expiries(hosted, source) == [(soon, 50)]  # what never expires was taken last, and came back first
    assert await coalition.net_debit(hosted) == 550 == -await coalition.net_debit(remote)
    assert (await coalition.reverse(sent)).returned_amount == 550
    assert (await hosted.posted(source), await hosted.exchanged_with(remote)) == (1_000, 0)
    assert await expiries(hosted, source) == [(soon, 600)]
    with pytest.raises(RefusedError) as over:
        await coalition.reverse(sent)
    assert over.value.reason == "OVER_REVERSAL"
    await hosted.execute(await hosted.quote(source, remote, member(remote), send=1_000))  # the room is back
    treasurer = Treasurer(coalition)
    await treasurer.close(1)
    await treasurer.deposit(hosted, 1_000)
    assert nets(await treasurer.settle(1)) == {hosted.name: -1_000, remote.name: 1_000}
    await world.verify()


async def test_what_a_remote_partner_sent_is_taken_back_from_who_received_it_unless_it_is_spent(
    coalition: Coalition, world: World
) -> None:
    hosted, remote, third = await coalition.brand(), await coalition.remote_brand(), await coalition.remote_brand()
    await coalition.publish(remote.to(hosted, "1/3"), hosted.to(remote, "3"), remote.to(third, "1"))
    destination = await hosted.member()
    sent = await remote.execute(await remote.quote(member(remote), hosted, destination, send=900))
    parts = [await coalition.reverse(sent, amount) for amount in (100, 200, 6)]
    assert [(part.returned_amount, part.taken_back_amount) for part in parts] == [(100, 34), (200, 66), (6, 2)]
    assert (await hosted.posted(destination), await hosted.exchanged_with(remote)) == (198, -198)
    await hosted.execute(await hosted.quote(destination, remote, member(remote), send=100))
    with pytest.raises(RefusedError) as spent:
        await coalition.reverse(sent)
    assert (spent.value.reason, spent.value.metadata["missing"]) == ("REVERSAL_ABORTED", "100")
    between = await remote.execute(await remote.quote(member(remote), third, member(third), send=100))
    assert (await coalition.reverse(between)).state == COMMITTED  # beside the ledger
    await world.verify()


async def test_a_part_that_brought_no_point_is_given_back_and_nothing_is_taken(coalition: Coalition) -> None:
    hosted, remote = await coalition.brand(), await coalition.remote_brand()
    await coalition.publish(hosted.to(remote, "1/10"), remote.to(hosted, "10"))
    source = await hosted.member(1_000)
    sent = await hosted.execute(await hosted.quote(source, remote, member(remote), send=1_000))
    first, second = await coalition.reverse(sent, 61), await coalition.reverse(sent, 4)
    assert [first.taken_back_amount, second.taken_back_amount, second.state] == [7, 0, COMMITTED]
    assert await hosted.posted(source) == 65


@pytest.mark.parametrize("sends", [True, False])
async def test_every_magic_amount_ends_a_reversal_as_it_says_and_both_sides_agree(
    coalition: Coalition, sends: bool
) -> None:
    """Whether the remote partner is given back or taken from: what it refuses moves nothing, and may go otherwise."""
    hosted, remote = await pair(coalition)
    ours = await hosted.member(10_000)
    route = (remote, member(remote), hosted, ours) if sends else (hosted, ours, remote, member(remote))
    sender = route[0]
    sent = await sender.execute(await sender.quote(*route[1:], send=1_000))
    before = await hosted.posted(ours)
    back = 0
    for amount, state in ((100 + REFUSED, ABORTED), (200 + ANSWERS_LATER, COMMITTED), (300 + REFUSES_LATER, ABORTED)):
        reversal = await at_end(sender, sent, await begun(coalition, sender, sent, amount))
        assert reversal.state == state, amount
        back += amount if state == COMMITTED else 0
        assert await hosted.posted(ours) == before + (-back if sends else back)
        assert (await sender.exchange(sent.name)).returned_amount == back
    reasons = [reversal.abort_reason for reversal in await reversals_of(sender, sent.name)]
    assert reasons == ["SANDBOX_REFUSES", "", "SANDBOX_REFUSES_LATER"]


async def test_what_a_remote_receiver_does_not_set_aside_in_time_is_not_taken_back(
    coalition: Coalition, exchange_services: ServiceFactory
) -> None:
    hosted, remote = await pair(coalition)
    source = await hosted.member(1_000)
    sent = await hosted.execute(await hosted.quote(source, remote, member(remote), send=1_000))
    reversal = await begun(coalition, hosted, sent, 100 + NEVER)
    assert (reversal.state, reversal.outcome_unknown) == (pb.REVERSAL_STATE_RESERVING, True)
    with pytest.raises(UnavailableError) as another:
        await coalition.operator.reversals.ReverseExchange(
            pb.ReverseExchangeRequest(name=sent.name, amount=1, reason="Again", request_id=new_request_id()), timeout=1
        )
    assert another.value.reason == "REVERSAL_IN_PROGRESS"
    set_offset(exchange_services.clock_file, timedelta(minutes=16))
    try:
        reversal = await at_end(hosted, sent, reversal)
    finally:
        set_offset(exchange_services.clock_file, timedelta())
    assert (reversal.state, reversal.abort_reason) == (ABORTED, "NOT_RESERVED_IN_TIME")
    assert (await hosted.posted(source), (await hosted.exchange(sent.name)).returned_amount) == (0, 0)


async def test_whether_a_silent_partner_gave_back_is_decided_by_two_people_also_for_a_dispute(
    coalition: Coalition, exchange_services: ServiceFactory
) -> None:
    hosted, remote = await pair(coalition)
    destination = await hosted.member()
    sent = await remote.execute(await remote.quote(member(remote), hosted, destination, send=1_000))
    dispute = await disputed(remote, sent)
    await answered(hosted, dispute)
    with pytest.raises(UnavailableError) as unknown:
        await resolved(coalition, dispute, "decide", reverse=disputes_pb2.Reverse(amount=100 + NEVER))
    assert (unknown.value.reason, unknown.value.metadata["exchange"]) == ("REVERSAL_IN_PROGRESS", sent.name)
    [reversal] = await reversals_of(remote, sent.name)
    assert (reversal.state, reversal.outcome_unknown) == (pb.REVERSAL_STATE_CREDITING, True)
    assert await hosted.posted(destination) == 895  # taken aside, and not given back on a guess
    second = coalition.world.client(coalition.world.exchange, coalition.world.identity.token("second"))
    operator = coalition.operator.resolutions
    listing = resolutions.ListUnansweredReversalsRequest(parent=coalition.name)
    async with two_days_later(exchange_services):

        async def listed() -> bool:
            return [one.name for one in (await operator.ListUnansweredReversals(listing)).reversals] == [reversal.name]

        await wait_until(listed)
        proposed = await propose(coalition.operator, reversal.name)
        assert (proposed.reversal, proposed.state) == (reversal.name, res.EXCHANGE_STATE_CREDITING)
        with pytest.raises(RefusedError) as alone:
            await approve(coalition.operator, proposed)
        assert alone.value.reason == "RESOLUTION_PROPOSED_BY_YOU"
        with pytest.raises(RefusedError) as at_rest:
            await propose(coalition.operator, sent.name)
        assert at_rest.value.reason == "NOT_BEFORE_OPERATOR"
        await approve(second, proposed)
        assert (await at_end(remote, sent, reversal)).state == COMMITTED
        ended = await resolved(coalition, dispute, "decide", reverse=disputes_pb2.Reverse(amount=100 + NEVER))
    assert (ended.state, ended.outcome) == (disputes_pb2.DISPUTE_STATE_RESOLVED, disputes_pb2.DISPUTE_OUTCOME_REVERSED)
    assert await coalition.net_debit(remote) == 895
