"""A partner with a ledger of its own, in a process of its own that fails in every way: each exchange ends, and both
ledgers agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import pytest

from guerdon import GuerdonError
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.clock import SystemClock
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.world import Brand, Coalition, World
from tests.integration.partner_exchange.conftest import Fallible, Pair
from tests.integration.partner_exchange.faulty import CASES
from tests.integration.partner_exchange.in_process import Ahead, Crash, in_process
from tests.integration.partner_exchange.partner import POINTS

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

COMMITTED, ABORTED = res.EXCHANGE_STATE_COMMITTED, res.EXCHANGE_STATE_ABORTED
SENDS, RECEIVES, CANCELS = ("Reserve", "Commit"), ("ValidateMember", "Credit"), ("Cancel",)
SENT = 100


async def begin(sender: Brand, source: str, receiver: Brand, destination: str) -> str:
    """Begins an exchange, whatever becomes of the call; answers its id."""
    quote = await sender.quote(source, receiver, destination, send=SENT)
    with contextlib.suppress(GuerdonError):
        await sender.execute(quote)
    return quote.name.rpartition("/")[2]


async def ended(brand: Brand) -> dict[str, res.Exchange]:
    """The brand's exchanges by id, once none is under way."""

    async def all_final() -> bool:
        return all(exchange.state in {COMMITTED, ABORTED} for exchange in await brand.exchanges())

    await wait_until(all_final, timeout_s=120)
    return {exchange.name.rpartition("/")[2]: exchange for exchange in await brand.exchanges()}


async def test_however_a_partner_fails_every_exchange_ends_and_both_ledgers_agree(pair: Pair, world: World) -> None:
    """Killed before a step and after it, late, saying that it failed when it has done it, and saying nothing."""
    hosted, remote, partner = pair.hosted, pair.remote, pair.partner
    ours = await hosted.member(POINTS)
    nobody = f"{hosted.program}/accounts/nobody"

    def route(step: str, fault: str) -> tuple[Brand, str, Brand, str]:
        member = f"{remote.name}/members/{step}~{fault}"
        if step in RECEIVES:
            return hosted, ours, remote, member
        return remote, member, hosted, nobody if step in CANCELS else ours

    async with partner.kept_running():
        ids = await asyncio.gather(*[begin(*route(*case)) for case in CASES])
        found = await ended(hosted)
    for (step, fault), exchange_id in zip(CASES, ids, strict=True):
        exchange, leg = found[exchange_id], partner.books.leg(exchange_id)
        assert leg is not None, (step, fault)
        cancels = step in CANCELS
        assert exchange.state == (ABORTED if cancels else COMMITTED), (step, fault, exchange)
        assert leg.state == ("CANCELLED" if cancels else "COMMITTED" if step in SENDS else "CREDITED"), (step, fault)
        change = {"Reserve": -SENT, "Commit": -SENT, "Cancel": 0}.get(step, SENT)
        assert partner.books.available(f"{step}~{fault}") == POINTS + change, (step, fault)
    balance = SENT * (sum(step in SENDS for step, _ in CASES) - sum(step in RECEIVES for step, _ in CASES))
    assert await hosted.posted(ours) == POINTS + balance
    assert await hosted.exchanged_with(remote) == -balance
    await world.verify()


async def test_a_partner_that_is_away_has_only_its_own_exchanges_wait(pair: Pair, coalition: Coalition) -> None:
    """UNKNOWN is shown while it lasts, nothing is given back meanwhile, and others go on as fast as ever."""
    hosted, remote, partner = pair.hosted, pair.remote, pair.partner
    ours = await hosted.member(POINTS)
    sandbox = await coalition.remote_brand()
    await coalition.publish(hosted.to(remote, "1"), remote.to(hosted, "1"), hosted.to(sandbox, "1"))
    quotes = [await hosted.quote(ours, remote, f"{remote.name}/members/ada", send=SENT) for _ in range(20)]
    reserved = await remote.quote(f"{remote.name}/members/ada", hosted, ours, send=SENT)
    os.kill(partner.pid, signal.SIGSTOP)  # it takes connections, and answers nothing
    waiting = [asyncio.create_task(executed(hosted, quote)) for quote in quotes]
    waiting.append(asyncio.create_task(executed(remote, reserved)))
    await wait_until(lambda: unknown(remote))
    quote = await hosted.quote(ours, sandbox, f"{sandbox.name}/members/ada", send=SENT)
    async with asyncio.timeout(5):
        assert (await hosted.execute(quote)).state == COMMITTED
    os.kill(partner.pid, signal.SIGCONT)
    await asyncio.gather(*waiting)
    assert {exchange.state for exchange in (await ended(hosted)).values()} == {COMMITTED}
    assert await hosted.posted(ours) == POINTS - 20 * SENT - SENT + SENT
    assert partner.books.available("ada") == POINTS + 20 * SENT - SENT


async def executed(brand: Brand, quote: res.Quote) -> None:
    with contextlib.suppress(GuerdonError):
        await brand.execute(quote)


async def unknown(brand: Brand) -> bool:
    """Whether the partner is shown that it has not answered."""
    return any(exchange.outcome_unknown for exchange in await brand.exchanges())


@pytest.mark.parametrize("way", ["sent", "received", "refused", "sent on"])
async def test_killed_at_each_moment_an_exchange_with_a_remote_partner_goes_on_from_the_state_that_is_kept(
    pair: Pair, coalition: Coalition, fallible: Fallible, world: World, way: str
) -> None:
    """By enumeration: at each moment that an exchange comes to, it is left as a crash leaves it, and taken up again."""
    hosted, remote, partner = pair.hosted, pair.remote, pair.partner
    other = await coalition.remote_brand()
    await coalition.publish(hosted.to(remote, "1"), remote.to(hosted, "1"), remote.to(other, "1"))
    ours, ada = await hosted.member(POINTS), f"{remote.name}/members/ada"
    route = {
        "sent": (remote, ada, hosted, ours),
        "received": (hosted, ours, remote, ada),
        "refused": (remote, ada, hosted, f"{hosted.program}/accounts/nobody"),
        "sent on": (remote, ada, other, f"{other.name}/members/bob"),
    }[way]
    moments: list[str] = []
    async with in_process(fallible) as service:
        await service.run(await quote_of(*route), moments.append)
        for number in range(len(moments)):
            quote = await quote_of(*route)

            def crash(reached: str, left: list[str] = moments[: number + 1]) -> None:
                assert reached == left.pop(0)
                if not left:
                    raise Crash

            with pytest.raises(Crash):
                await service.run(quote, crash)
            # An attempt whose answer was lost counts as under way for a while, where the ledger refuses for now.
            await service.take_up(quote, Ahead() if way == "refused" else SystemClock())
    states = {exchange.state for exchange in await remote.exchanges()}
    assert states == {ABORTED if way == "refused" else COMMITTED}
    assert len(moments) >= 9
    total = SENT * (len(moments) + 1)
    ours_moved = {"sent": total, "received": -total}.get(way, 0)
    theirs_moved = {"received": total, "refused": 0}.get(way, -total)
    assert await hosted.posted(ours) == POINTS + ours_moved
    assert partner.books.available("ada") == POINTS + theirs_moved
    await world.verify()


async def quote_of(sender: Brand, source: str, receiver: Brand, destination: str) -> res.Quote:
    return await sender.quote(source, receiver, destination, send=SENT)
