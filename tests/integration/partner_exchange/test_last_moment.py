"""A quote holds until its end, which is told to the microsecond."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.clock import FixedClock
from partner_exchange.domain.errors import QuoteExpired
from partner_exchange.operations.reached import nowhere
from tests.contract.partner_exchange.world import Coalition
from tests.integration.partner_exchange.conftest import Fallible
from tests.integration.partner_exchange.in_process import in_process


async def test_a_quote_that_is_executed_at_its_last_moment_completes_and_a_microsecond_later_is_refused(
    coalition: Coalition, fallible: Fallible
) -> None:
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(100), await other.member()
    last, late = [await one.quote(source, other, destination, send=10) for _ in range(2)]
    async with in_process(fallible) as service:
        end = last.expire_time.ToDatetime(tzinfo=UTC)
        await service.run(last, nowhere, FixedClock(end - timedelta(microseconds=1)))
        with pytest.raises(QuoteExpired):
            await service.run(late, nowhere, FixedClock(late.expire_time.ToDatetime(tzinfo=UTC)))
    [exchange] = await one.exchanges()
    assert (exchange.state, await one.posted(source)) == (res.EXCHANGE_STATE_COMMITTED, 90)
