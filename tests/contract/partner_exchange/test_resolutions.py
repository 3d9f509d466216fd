"""A remote partner that does not say what it has done, and two people who found out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from guerdon import Client, InvalidRequestError, NotFoundError, RefusedError, new_request_id
from guerdon.exchange.v1 import resolutions_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.partner_exchange.test_remote_partners import ABORTED, COMMITTED, NEVER, ended, member, pair, started
from tests.contract.partner_exchange.world import Brand, Coalition

DONE, REFUSED = pb.RESOLUTION_OUTCOME_DONE, pb.RESOLUTION_OUTCOME_REFUSED


@asynccontextmanager
async def two_days_later(services: ServiceFactory) -> AsyncIterator[None]:
    set_offset(services.clock_file, timedelta(days=2))
    try:
        yield
    finally:
        set_offset(services.clock_file, timedelta())


async def propose(operator: Client, name: str, outcome: pb.ResolutionOutcome.ValueType = DONE) -> pb.Resolution:
    resolution = pb.Resolution(outcome=outcome, reason="Ana asked their treasurer")
    request = pb.ProposeResolutionRequest(parent=name, resolution=resolution, request_id=new_request_id())
    return (await operator.resolutions.ProposeResolution(request)).resolution


async def approve(operator: Client, resolution: pb.Resolution) -> pb.Resolution:
    request = pb.ApproveResolutionRequest(name=resolution.name, request_id=new_request_id())
    return (await operator.resolutions.ApproveResolution(request)).resolution


async def waiting(coalition: Coalition) -> list[res.Exchange]:
    request = pb.ListUnansweredExchangesRequest(parent=coalition.name)
    return list((await coalition.operator.resolutions.ListUnansweredExchanges(request)).exchanges)


async def unanswered(coalition: Coalition, hosted: Brand, source: str, remote: Brand) -> str:
    """An exchange whose remote receiver never says whether it has credited."""
    return await started(hosted, source, remote, member(remote), 100 + NEVER)


async def test_what_a_partner_has_done_is_decided_by_two_people_once_it_is_silent_for_too_long(
    coalition: Coalition, exchange_services: ServiceFactory
) -> None:
    hosted, remote = await pair(coalition)
    source = await hosted.member(1_000)
    done, refused = [await unanswered(coalition, hosted, source, remote) for _ in range(2)]
    with pytest.raises(RefusedError) as not_yet:
        await propose(coalition.operator, done)
    assert not_yet.value.reason == "NOT_BEFORE_OPERATOR"
    assert await waiting(coalition) == []
    second = coalition.world.client(coalition.world.exchange, coalition.world.identity.token("second"))
    async with two_days_later(exchange_services):

        async def both() -> bool:
            return {exchange.name for exchange in await waiting(coalition)} == {done, refused}

        await wait_until(both)
        assert all(exchange.needs_operator and exchange.outcome_unknown for exchange in await waiting(coalition))
        replaced, proposed = await propose(coalition.operator, done, REFUSED), await propose(coalition.operator, done)
        assert (proposed.state, proposed.approver) == (res.EXCHANGE_STATE_CREDITING, "")
        with pytest.raises(RefusedError) as alone:
            await approve(coalition.operator, proposed)
        assert alone.value.reason == "RESOLUTION_PROPOSED_BY_YOU"
        with pytest.raises(RefusedError) as outdated:
            await approve(second, replaced)
        assert outdated.value.reason == "RESOLUTION_OUTDATED"
        approved = await approve(second, proposed)
        assert (approved.outcome, bool(approved.approver)) == (DONE, True)
        assert approved.approver != approved.proposer
        await approve(second, await propose(coalition.operator, refused, REFUSED))
        found = [await ended(hosted, name) for name in (done, refused)]
    assert [exchange.state for exchange in found] == [COMMITTED, ABORTED]
    assert found[1].abort_reason == "REFUSED_BY_PARTNER"
    assert await hosted.posted(source) == 1_000 - 105
    with pytest.raises(RefusedError) as late:
        await approve(second, proposed)
    assert late.value.reason == "RESOLUTION_OUTDATED"


async def test_a_resolution_is_of_an_exchange_of_the_sender_and_says_what_and_why(coalition: Coalition) -> None:
    hosted, remote = await pair(coalition)
    name = await unanswered(coalition, hosted, await hosted.member(1_000), remote)
    with pytest.raises(InvalidRequestError):
        await propose(coalition.operator, name, pb.RESOLUTION_OUTCOME_UNSPECIFIED)
    for wrong in (name.replace(hosted.name, remote.name), f"{hosted.name}/exchanges/qt-none"):
        with pytest.raises(NotFoundError):
            await propose(coalition.operator, wrong)
