"""Purchases that come at the same time are recorded together: each is answered as if it had come alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from guerdon import new_request_id
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2
from tests.contract.membership.world import Shop, usd


async def ask(shop: Shop, purchase: purchase_pb2.Purchase, request_id: str) -> tuple[str, Any]:
    """The way it went, and the answer."""
    call = shop.membership.membership.RecordPurchase(pb.RecordPurchaseRequest(purchase=purchase, request_id=request_id))
    try:
        answer = await call
    except Exception as error:  # noqa: BLE001 - told by its reason
        return getattr(error, "reason", type(error).__name__), None
    replayed = "true" in [value for key, value in await call.trailing_metadata() if key == "guerdon-replayed"]
    return "replayed" if replayed else "already" if answer.already_recorded else "recorded", answer.purchase


async def test_each_of_many_at_once_is_answered_as_if_it_had_come_alone(shop: Shop) -> None:
    for member_id in ("ada", "ben"):
        await shop.enroll(member_id)
    purchases = [shop.purchase(f"p{n}", ("ada", "ben")[n % 2], 10_00 + n) for n in range(40)]
    differing = shop.purchase("p3", "ada", 99_00)
    asked = [(one, f"first-{n}") for n, one in enumerate(purchases)]
    asked += [(one, f"first-{n}") for n, one in enumerate(purchases[:10])]
    asked += [(one, f"again-{n}") for n, one in enumerate(purchases[10:15])]
    asked += [(differing, "differs"), (shop.purchase("q", "nobody", 1_00), "nobody"), (differing, "first-0")]
    answers = await asyncio.gather(*(ask(shop, one, request_id) for one, request_id in asked))
    counted = Counter(how for how, _ in answers)
    refused = {"PURCHASE_DIFFERS": 1, "NOT_FOUND": 1, "REQUEST_ID_REUSED": 1}
    assert counted == {"recorded": 40, "replayed": 10, "already": 5, **refused}
    for (one, _), (_, recorded) in zip(asked[:50], answers[:50], strict=True):
        assert (recorded.name, recorded.amount, recorded.rating.base_points) == (one.name, one.amount, 10)
        assert recorded.state == purchase_pb2.Purchase.STATE_POSTED
    read = await asyncio.gather(
        *(shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=one.name)) for one in purchases)
    )
    assert [answer for _, answer in answers[:40]] == [one.purchase for one in read]
    assert (await shop.totals()).purchase_count == 40
    assert sum([(await shop.balance(member_id)).posted for member_id in ("ada", "ben")]) == 2 * 50 + 400 + sum(
        answer.rating.tier_points for how, answer in answers if how == "recorded"
    )


async def test_who_leaves_does_not_keep_the_others_from_being_answered(shop: Shop) -> None:
    await shop.enroll("ada")
    calls = [
        shop.membership.membership.RecordPurchase(
            pb.RecordPurchaseRequest(purchase=shop.purchase(f"p{n}", "ada", 1_00), request_id=new_request_id())
        )
        for n in range(20)
    ]
    await asyncio.sleep(0.01)  # some are under way by now, on any machine or none
    for call in calls[::2]:
        call.cancel()
    stayed = await asyncio.gather(*calls[1::2])
    assert [one.purchase.amount for one in stayed] == [usd(1_00)] * 10
