"""Disputes: one partner claims, the other answers, the operator decides, and what is decided is settled."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.exchange.v1 import disputes_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory
from tests.contract.partner_exchange.treasury import Treasurer, nets
from tests.contract.partner_exchange.world import Brand, Coalition

OPEN, ANSWERED, RESOLVED = pb.DISPUTE_STATE_OPEN, pb.DISPUTE_STATE_ANSWERED, pb.DISPUTE_STATE_RESOLVED


@pytest.fixture
def clock(exchange_services: ServiceFactory) -> Path:
    return exchange_services.clock_file


def of(brand: Brand, name: str) -> str:
    """The same resource as the brand reads it."""
    return "/".join([brand.name, *name.split("/")[2:]])


async def disputed(brand: Brand, exchange: res.Exchange, claim: str = "Sent twice") -> pb.Dispute:
    request = pb.OpenDisputeRequest(exchange=of(brand, exchange.name), claim=claim, request_id=new_request_id())
    return (await brand.own.disputes.OpenDispute(request)).dispute


async def answered(brand: Brand, dispute: pb.Dispute) -> pb.Dispute:
    request = pb.AnswerDisputeRequest(name=of(brand, dispute.name), answer="It was not", request_id=new_request_id())
    return (await brand.own.disputes.AnswerDispute(request)).dispute


async def resolved(coalition: Coalition, dispute: pb.Dispute, request_id: str = "", **resolution: Any) -> pb.Dispute:
    request = pb.ResolveDisputeRequest(
        name=dispute.name, ruling="As agreed", request_id=request_id or new_request_id(), **resolution
    )
    return (await coalition.operator.disputes.ResolveDispute(request)).dispute


async def test_a_dispute_is_answered_and_decided_by_a_reversal_in_part(coalition: Coalition) -> None:
    one, other = await coalition.pair("1/2", "2")
    source, destination = await one.member(100), await other.member()
    sent = await one.execute(await one.quote(source, other, destination, send=100))
    dispute = await disputed(other, sent)
    assert (dispute.state, dispute.opener_id, dispute.respondent_id) == (OPEN, other.id, one.id)
    assert dispute.exchange == of(other, sent.name)
    with pytest.raises(RefusedError) as twice:
        await disputed(one, sent)
    assert twice.value.reason == "DISPUTE_OPEN"
    with pytest.raises(RefusedError) as early:
        await resolved(coalition, dispute, reject=pb.Reject())
    assert early.value.reason == "ANSWER_PENDING"
    with pytest.raises(InvalidRequestError):
        await answered(other, dispute)
    assert (await answered(one, dispute)).answer == "It was not"
    ended = await resolved(coalition, dispute, "decide", reverse=pb.Reverse(amount=40))
    assert (ended.state, ended.outcome, ended.ruling) == (RESOLVED, pb.DISPUTE_OUTCOME_REVERSED, "As agreed")
    assert ended.reversal.startswith(f"{of(other, sent.name)}/reversals/")
    assert (await one.posted(source), await other.posted(destination)) == (40, 30)
    assert await resolved(coalition, dispute, "decide", reverse=pb.Reverse(amount=40)) == ended
    with pytest.raises(RefusedError) as again:
        await resolved(coalition, dispute, reject=pb.Reject())
    assert (again.value.reason, again.value.metadata["state"]) == ("DISPUTE_STATE_CONFLICT", "RESOLVED")
    read = (await one.own.disputes.GetDispute(pb.GetDisputeRequest(name=of(one, dispute.name)))).dispute
    assert (read.exchange, read.claim, read.outcome) == (sent.name, "Sent twice", ended.outcome)


async def test_a_refused_reversal_leaves_the_dispute_as_it_was_and_an_adjustment_is_settled(
    coalition: Coalition,
) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    third = await coalition.brand()
    await coalition.publish(one.to(other, "1"), other.to(one, "1"), other.to(third, "1"))
    destination = await other.member()
    sent = await one.execute(await one.quote(await one.member(100), other, destination, send=100))
    gone = await other.execute(await other.quote(destination, third, await third.member(), send=100))
    dispute = await answered(other, await disputed(one, sent))
    dispute = (await one.own.disputes.GetDispute(pb.GetDisputeRequest(name=of(one, dispute.name)))).dispute
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await resolved(coalition, dispute, "reverse", reverse=pb.Reverse())
        assert (refused.value.reason, refused.value.metadata["available"]) == ("REVERSAL_ABORTED", "0")
    read = (await one.own.disputes.GetDispute(pb.GetDisputeRequest(name=dispute.name))).dispute
    assert read == dispute
    adjustment = pb.Adjustment(payer_id=other.id, minor_units=70)
    ended = await resolved(coalition, dispute, adjust=adjustment)
    assert (ended.outcome, ended.adjustment) == (pb.DISPUTE_OUTCOME_ADJUSTED, adjustment)
    assert await coalition.net_debit(one) == 30
    assert await coalition.net_debit(other) == 70
    treasurer = Treasurer(coalition)
    await treasurer.close(1)
    for brand, amount in ((one, 30), (other, 70)):
        await treasurer.deposit(brand, amount)
    assert nets(await treasurer.settle(1)) == {one.name: -30, other.name: -70, third.name: 100}
    assert await coalition.net_debit(one) == 0 == await coalition.net_debit(other)
    assert gone.received_amount == 100


async def test_without_an_answer_the_operator_decides_after_the_deadline_and_nobody_disputes_late(
    coalition: Coalition, clock: Path
) -> None:
    one, other = await coalition.pair()
    sent = await one.execute(await one.quote(await one.member(100), other, await other.member(), send=100))
    dispute = await disputed(one, sent)
    operator = coalition.world.client(coalition.world.exchange)
    try:
        set_offset(clock, timedelta(days=14, minutes=1))
        with pytest.raises(RefusedError) as late:
            await operator.disputes.AnswerDispute(
                pb.AnswerDisputeRequest(name=of(other, dispute.name), answer="Now", request_id=new_request_id())
            )
        assert late.value.reason == "ANSWER_TOO_LATE"
        request = pb.ResolveDisputeRequest(
            name=dispute.name, ruling="Not shown", reject=pb.Reject(), request_id=new_request_id()
        )
        ended = (await operator.disputes.ResolveDispute(request)).dispute
        set_offset(clock, timedelta(days=60, minutes=1))
        with pytest.raises(RefusedError) as too_late:
            await operator.disputes.OpenDispute(
                pb.OpenDisputeRequest(exchange=sent.name, claim="Once more", request_id=new_request_id())
            )
    finally:
        set_offset(clock, timedelta())
    assert (ended.state, ended.outcome) == (RESOLVED, pb.DISPUTE_OUTCOME_REJECTED)
    assert too_late.value.reason == "DISPUTE_TOO_LATE"


async def test_disputes_are_listed_withdrawn_and_seen_by_their_partners_alone(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    third = await coalition.brand()
    source, destination = await one.member(100), await other.member()
    made = []
    for claim in ("First", "Second", "Third"):
        sent = await one.execute(await one.quote(source, other, destination, send=10))
        made.append(await disputed(one, sent, claim))
    withdrawal = pb.WithdrawDisputeRequest(name=made[1].name, request_id=new_request_id())
    call = one.own.disputes.WithdrawDispute(withdrawal)
    assert (await call).dispute.state == pb.DISPUTE_STATE_WITHDRAWN
    again = one.own.disputes.WithdrawDispute(withdrawal)
    assert (await again).dispute == (await call).dispute
    assert await was_replayed(again)
    listing = pb.ListDisputesRequest(parent=other.name, page_size=2)
    newest = await other.own.disputes.ListDisputes(listing)
    listing.page_token = newest.next_page_token
    oldest = await other.own.disputes.ListDisputes(listing)
    assert [one.claim for one in (*newest.disputes, *oldest.disputes)] == ["Third", "Second", "First"]
    waiting = pb.ListOpenDisputesRequest(parent=coalition.name)
    found = (await coalition.operator.disputes.ListOpenDisputes(waiting)).disputes
    assert [one.claim for one in found] == ["First", "Third"]
    with pytest.raises(NotFoundError):
        await third.own.disputes.GetDispute(pb.GetDisputeRequest(name=of(third, made[0].name)))
    with pytest.raises(GuerdonError) as refused:
        await one.own.disputes.ResolveDispute(
            pb.ResolveDisputeRequest(name=made[0].name, ruling="Mine", reject=pb.Reject(), request_id=new_request_id())
        )
    assert refused.value.reason == "SCOPE_REQUIRED"
    with pytest.raises(InvalidRequestError):
        await resolved(coalition, made[0])
