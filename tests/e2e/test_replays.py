"""The same request twice at once, twice in a row and after a restart has one effect and one answer; another body under
its id is refused. One method of each service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from guerdon import InvalidRequestError
from guerdon.exchange.v1 import coalition_service_pb2 as coalition
from guerdon.exchange.v1.resources_pb2 import EXCHANGE_STATE_COMMITTED
from guerdon_cli.demo.platform import several_at_once
from guerdon_kit.processes import start_all
from tests.e2e.town import PURCHASE_CENTS, SENT_POINTS, THANKS_POINTS, TOTE_PRICE, Town, changed

NUMBER = 0

Sent = tuple[Message, Callable[[Any], Awaitable[str]]]


async def requests(town: Town) -> dict[str, Sent]:
    """One request for each service, and how it is sent."""
    quote = (await town.exchanges.shop.client.coalition.CreateQuote(town.quote(NUMBER, "quote"))).quote
    execution = coalition.ExecuteExchangeRequest(quote=quote.name, request_id="once")
    return {
        "ledger": (town.earn(NUMBER, "once"), town.post),
        "membership": (town.purchase(NUMBER, "once"), town.buy),
        "rewards": (town.redemption(NUMBER, "once"), town.redeem),
        "exchange": (execution, town.execute),
        "recognition": (town.thanks(NUMBER, "once"), town.thank),
    }


@pytest.mark.crash
async def test_the_same_request_has_one_effect_and_one_answer_also_after_a_restart(town: Town) -> None:
    before = await town.shop.books.posted(town.account(NUMBER))
    sent = await requests(town)
    first = {}
    for service, (request, send) in sent.items():
        at_once = await asyncio.gather(*(send(request) for _ in range(4)))
        in_a_row = [await send(request), await send(request)]
        assert len({*at_once, *in_a_row}) == 1, service
        first[service] = at_once[0]
    await refuse_other_bodies(town, sent)
    for process in town.stack.services.values():
        process.kill()
    await asyncio.to_thread(start_all, town.stack.services.values())
    again = await several_at_once(send(request) for request, send in sent.values())
    assert again == list(first.values())
    await refuse_other_bodies(town, sent)
    await check_effects(town, before, first)


async def refuse_other_bodies(town: Town, sent: dict[str, Sent]) -> None:
    """A request id that was used is refused with another body, and the difference is named."""
    other_quote = (await town.exchanges.shop.client.coalition.CreateQuote(town.quote(NUMBER, "other"))).quote
    named = {
        "ledger": "transaction",
        "membership": "purchase",
        "rewards": "account",
        "exchange": "quote",
        "recognition": "recognition",
    }
    for service, (request, send) in sent.items():
        other = changed(request, other_quote=other_quote.name, other_account=town.account(NUMBER + 1))
        with pytest.raises(InvalidRequestError) as refusal:
            await send(other)
        assert (refusal.value.reason, refusal.value.metadata["fields"]) == ("REQUEST_ID_REUSED", named[service])


async def check_effects(town: Town, before: int, first: dict[str, str]) -> None:
    """What each service did, it did once."""
    [redemption] = await town.redemptions()
    assert redemption.name == first["rewards"]
    [exchange] = await town.exchanges_made()
    assert (exchange.name, exchange.state) == (first["exchange"], EXCHANGE_STATE_COMMITTED)
    [thanks] = await town.recognitions()
    assert thanks.name == first["recognition"]
    receivers = [person.rewards_account for person in town.employer.people.values()]
    assert await town.employer.books.sum_posted(receivers) == THANKS_POINTS
    _, base, tier = first["membership"].split()
    earned = PURCHASE_CENTS + int(base) + int(tier)
    after = await town.shop.books.posted(town.account(NUMBER))
    assert after == before + earned - TOTE_PRICE - SENT_POINTS
    assert (await town.verify()).ok
