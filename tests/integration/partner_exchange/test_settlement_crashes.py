"""Killed at any moment, a settlement is finished: everybody pays and is paid once, or has back what was set aside."""

from __future__ import annotations

import pytest

from guerdon import UnavailableError
from guerdon.exchange.v1 import settlement_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.treasury import Treasurer, sent
from tests.contract.partner_exchange.world import Brand, Coalition, World
from tests.integration.partner_exchange.conftest import Fallible

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

SETTLED, ABORTED = pb.SETTLEMENT_WINDOW_STATE_SETTLED, pb.SETTLEMENT_WINDOW_STATE_ABORTED


async def ended(treasurer: Treasurer, number: int, state: int) -> None:
    """Waits until a window is in a state, by the recovery loop alone."""

    async def there() -> bool:
        try:
            return (await treasurer.read(number)).state == state
        except UnavailableError:
            return False

    await wait_until(there)


async def test_killed_at_each_moment_a_settlement_is_finished(
    fallible: Fallible, coalition: Coalition, world: World
) -> None:
    treasurer = Treasurer(coalition)
    one, other = await coalition.pair("1", "1")
    moments = ("reserve answered", "settlement committed", "payment answered")
    for number, moment in enumerate(moments, 1):
        await sent(one, other, 10)
        await treasurer.close(number)
        await treasurer.deposit(one, 10)
        await fallible.killed_at(moment, treasurer.settle(number, f"at-{moment}".replace(" ", "-")))
        await ended(treasurer, number, SETTLED)
        again = await treasurer.settle(number, f"at-{moment}".replace(" ", "-"))
        assert {participant.state for participant in again.participants} == {pb.PARTICIPANT_STATE_SETTLED}
        assert (await treasurer.funds(one), await treasurer.funds(other), await treasurer.hub()) == (0, 10 * number, 0)
    await world.verify()


async def test_killed_while_it_gives_back_an_aborted_settlement_gives_back_once(
    fallible: Fallible, coalition: Coalition
) -> None:
    treasurer = Treasurer(coalition)
    one, other = await coalition.pair("1", "1")
    third: Brand = await coalition.brand()
    await coalition.publish(one.to(other, "1"), third.to(other, "1"))
    await sent(one, other, 10)
    await sent(third, other, 5)
    await treasurer.close(1)
    await treasurer.deposit(one, 10)
    await treasurer.settle(1)
    assert (await treasurer.funds(one), await treasurer.hub()) == (0, 10)
    await fallible.killed_at("given back", treasurer.abort(1))
    await ended(treasurer, 1, ABORTED)
    assert (await treasurer.funds(one), await treasurer.funds(third), await treasurer.hub()) == (10, 0, 0)
    await treasurer.deposit(third, 5)
    assert (await treasurer.settle(1)).state == SETTLED
    assert (await treasurer.funds(other), await treasurer.hub()) == (15, 0)
