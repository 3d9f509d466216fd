"""Exchanges with a partner that keeps its own ledger go back, however it fails, and both ledgers agree."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import pytest

from guerdon import GuerdonError, new_request_id
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1 import reversals_pb2 as pb
from guerdon_kit.clock import SystemClock
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.world import Brand, Coalition, World
from tests.integration.partner_exchange.conftest import Fallible, Pair
from tests.integration.partner_exchange.faulty import CASES
from tests.integration.partner_exchange.in_process import Ahead, Crash, in_process
from tests.integration.partner_exchange.partner import POINTS

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

COMMITTED, ABORTED = pb.REVERSAL_STATE_COMMITTED, pb.REVERSAL_STATE_ABORTED
SENT, BACK, REFUSED_BACK = 1_000, 300, 201
"""The sandbox, as the side that is given back, refuses the last."""
STEPS = [case for case in CASES if case[0] != "ValidateMember"]
GIVEN, TAKEN, CANCELLED = ("Credit",), ("Reserve", "Commit"), ("Cancel",)


async def reversals_of(brand: Brand, sent: res.Exchange) -> list[pb.Reversal]:
    return list((await brand.own.reversals.ListReversals(pb.ListReversalsRequest(parent=sent.name))).reversals)


async def ended(brand: Brand, sent: res.Exchange) -> bool:
    """Whether the exchange has one reversal, at its end."""
    return [one.state in {COMMITTED, ABORTED} for one in await reversals_of(brand, sent)] == [True]


async def test_however_a_partner_fails_every_reversal_ends_and_both_ledgers_agree(
    pair: Pair, coalition: Coalition, world: World
) -> None:
    """Killed before a step and after it, late, saying that it failed when it has done it, and saying nothing."""
    hosted, remote, partner = pair.hosted, pair.remote, pair.partner
    sandbox = await coalition.remote_brand()
    await coalition.publish(hosted.to(remote, "1"), remote.to(hosted, "1"), sandbox.to(remote, "1"))
    ours = await hosted.member(20 * SENT)

    async def exchanged(step: str, fault: str) -> tuple[Brand, res.Exchange]:
        """One that will go back at the partner by the step: what it was given is taken, what it sent is given."""
        member = f"{remote.name}/members/{step}~{fault}"
        if step in GIVEN:
            route = (remote, member, hosted, ours)
        elif step in CANCELLED:
            route = (sandbox, f"{sandbox.name}/members/ada", remote, member)
        else:
            route = (hosted, ours, remote, member)
        quote = await route[0].quote(*route[1:], send=SENT)
        sent = quote.name.replace("/quotes/", "/exchanges/")
        with contextlib.suppress(GuerdonError):  # what fails for the reversal may have failed for the exchange
            await route[0].execute(quote)

        async def done() -> bool:
            return (await route[0].exchange(sent)).state == res.EXCHANGE_STATE_COMMITTED

        await wait_until(done, timeout_s=120)
        return route[0], await route[0].exchange(sent)

    async def back(step: str, sent: res.Exchange) -> None:
        amount = REFUSED_BACK if step in CANCELLED else BACK
        request = pb.ReverseExchangeRequest(name=sent.name, amount=amount, reason="Once", request_id=new_request_id())
        with contextlib.suppress(GuerdonError):
            await coalition.operator.reversals.ReverseExchange(request, timeout=2)

    async with partner.kept_running():
        sent = await asyncio.gather(*[exchanged(*case) for case in STEPS])
        await asyncio.gather(*[back(step, one) for (step, _), (_, one) in zip(STEPS, sent, strict=True)])
        for brand, one in sent:
            await wait_until(partial(ended, brand, one), timeout_s=120)
    for (step, fault), (brand, one) in zip(STEPS, sent, strict=True):
        [reversal] = await reversals_of(brand, one)
        leg = partner.books.leg(reversal.name.rpartition("/")[2])
        assert leg is not None, (step, fault)
        cancelled = step in CANCELLED
        assert reversal.state == (ABORTED if cancelled else COMMITTED), (step, fault, reversal)
        assert leg.state == ("CANCELLED" if cancelled else "CREDITED" if step in GIVEN else "COMMITTED"), (step, fault)
        change = BACK - SENT if step in GIVEN else SENT - BACK if step in TAKEN else SENT
        assert partner.books.available(f"{step}~{fault}") == POINTS + change, (step, fault)
    kept = (SENT - BACK) * (sum(step in TAKEN for step, _ in STEPS) - sum(step in GIVEN for step, _ in STEPS))
    assert await hosted.posted(ours) == 20 * SENT - kept
    assert await hosted.exchanged_with(remote) == kept
    await world.verify()


@pytest.mark.parametrize("way", ["given back", "taken back", "refused"])
async def test_killed_at_each_moment_a_reversal_with_a_remote_partner_goes_on_from_the_state_that_is_kept(
    pair: Pair, fallible: Fallible, world: World, way: str
) -> None:
    """By enumeration: at each moment that a reversal comes to, it is left as a crash leaves it, and taken up again."""
    hosted, remote, partner = pair.hosted, pair.remote, pair.partner
    ours, ada = await hosted.member(SENT), f"{remote.name}/members/ada"
    route = (hosted, ours, remote, ada) if way == "taken back" else (remote, ada, hosted, ours)
    sent = await route[0].execute(await route[0].quote(*route[1:], send=SENT))
    if way == "refused":  # what was received is sent back before, so that the member has nothing left
        await hosted.execute(await hosted.quote(ours, remote, ada, send=2 * SENT))
    moments: list[str] = []
    part = 10
    async with in_process(fallible) as service:
        await service.reverse(sent, part, moments.append)
        for number in range(len(moments)):

            def crash(reached: str, left: list[str] = moments[: number + 1]) -> None:
                assert reached == left.pop(0)
                if not left:
                    raise Crash

            with pytest.raises(Crash):
                await service.reverse(sent, part, crash)
            await service.take_up_reversal(sent, Ahead() if way == "refused" else SystemClock())
    found = await reversals_of(route[0], sent)
    assert {one.state for one in found} == {ABORTED if way == "refused" else COMMITTED}
    assert len(found) == len(moments) + 1
    assert len(moments) >= (3 if way == "refused" else 7)
    back = 0 if way == "refused" else part * (len(moments) + 1)
    assert (await route[0].exchange(sent.name)).returned_amount == back
    if way == "taken back":
        assert (await hosted.posted(ours), partner.books.available("ada")) == (back, POINTS + SENT - back)
    elif way == "given back":
        assert (await hosted.posted(ours), partner.books.available("ada")) == (2 * SENT - back, POINTS - SENT + back)
    await world.verify()
