"""Lots that are updated while they are spent, held and swept, on two workers. Everything is verified after."""

from __future__ import annotations

import asyncio
from typing import Any

from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as pb
from tests.contract.ledger.world import EARN, Shop, stamp
from tests.integration.ledger.connections import Connection, MovableTime, outcomes, through


def update(shop: Shop, member: str, *transactions: str, **change: Any) -> Any:
    """A call that changes lots."""
    return shop.ledger.UpdateLots(
        pb.UpdateLotsRequest(
            account=shop.account(member), transactions=transactions, request_id=new_request_id(), **change
        )
    )


async def test_pending_points_are_activated_or_cancelled_and_never_both(
    shop: Shop, connections: list[Connection]
) -> None:
    await shop.add("ada")
    ways = through(shop, connections)
    waiting = []
    for _ in range(20):
        posting = shop.posting("issuance.points", "ada", 10)
        posting.pending = True
        waiting.append((await shop.post(EARN, posting)).transaction)
    activations = [update(next(ways), "ada", one, activate=pb.ActivateLots()) for one in waiting]
    cancellations = [update(next(ways), "ada", one, cancel=pb.CancelLots()) for one in waiting]
    done = await asyncio.gather(*[call for pair in zip(activations, cancellations, strict=True) for call in pair])
    assert [first.amount + second.amount for first, second in zip(done[::2], done[1::2], strict=True)] == [10] * 20
    activated = sum(answer.amount for answer in done[::2])
    balance = await shop.balance("ada")
    assert (balance.available, balance.pending, balance.lifetime_earned) == (activated, 0, activated)


async def test_extending_while_points_are_spent_held_and_swept_loses_and_makes_none(
    shop: Shop, connections: list[Connection], time: MovableTime
) -> None:
    await shop.add("ada")
    soon = time.ahead(hours=1)
    for _ in range(20):
        await shop.earn("ada", 10, expire_time=soon)
    ways = through(shop, connections)
    change = {"move_expiry": pb.MoveExpiry(expire_time=stamp(time.ahead(days=9)), only_extend=True)}
    calls: list[Any] = [next(ways).spend("ada", 10) for _ in range(8)]
    calls += [next(ways).hold("ada", 10, time.ahead(minutes=30)) for _ in range(8)]
    calls += [update(next(ways), "ada", **change) for _ in range(4)]
    calls += [next(ways).spend("ada", 10) for _ in range(4)]
    done, refusals = await outcomes(calls)
    assert (len(done), refusals) == (24, [])
    time.pass_(hours=2)  # the first expiry and the holds' time have passed
    balance = await shop.balance("ada", full=True)
    assert (balance.posted, balance.available, balance.held) == (80, 80, 0)
    assert [bucket.amount for bucket in balance.expiries] == [80]
    assert (await shop.balance("breakage.points")).posted == 0
