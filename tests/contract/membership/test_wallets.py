"""What rules give in other units than points, over the service: credit in wallets of the member's."""

from __future__ import annotations

from typing import Any

import pytest

from guerdon import InvalidRequestError, RefusedError, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2, rule_pb2, times_pb2
from guerdon.membership.v1 import velocity_pb2 as v
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_kit.testing import wait_until
from membership.domain.accounts import wallet_id
from tests.contract.ledger.world import findings
from tests.contract.membership.people import close, merge
from tests.contract.membership.test_purchase_events import tell
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_times import ahead, buy, has
from tests.contract.membership.test_velocity import limit, reject, release, watch
from tests.contract.membership.world import Shop, World, row

DOWN = rule_pb2.ROUNDING_DOWN


async def cash_shop(world: World, **changes: Any) -> Shop:
    """A program that gives two percent in cash and a stamp for each purchase, beside its points."""
    shop = await world.shop(welcome_points=0, **{"tiers": [], **changes})
    for unit_id, scale in (("cash", 2), ("stamps", 0)):
        unit = ledger_res.Unit(name=f"{shop.program}/units/{unit_id}", scale=scale)
        await shop.books.ledger.CreateUnit(ledger.CreateUnitRequest(unit=unit, request_id=new_request_id()))
    cash, stamps = (f"{shop.program}/units/{one}" for one in ("cash", "stamps"))
    fiftieth, one = Rational(numerator=1, denominator=50), Rational(numerator=1, denominator=1)
    await make(shop, "cash", points_per_minor_unit=fiftieth, rounding=DOWN, unit=cash)
    await make(shop, "stamp", points_per_visit=one, rounding=DOWN, unit=stamps)
    return shop


async def wallets(shop: Shop, purchase: purchase_pb2.Purchase) -> dict[str, tuple[int, int]]:
    """What is available and pending in the wallets that a purchase names, by their units."""
    found = {}
    for one in purchase.rating.wallet_awards:
        balance = (await shop.books.ledger.GetBalance(ledger.GetBalanceRequest(name=one.account))).balance
        found[one.unit.rpartition("/")[2]] = balance.available, balance.pending
    return found


async def test_each_unit_stacks_by_itself_into_a_wallet_and_returns_take_of_each_by_its_rules(world: World) -> None:
    shop = await cash_shop(world)
    await shop.enroll("ada")
    cash = f"{shop.program}/units/cash"
    await make(shop, "twice", multiplier=Rational(numerator=2, denominator=1), unit=cash)
    await make(shop, "over", bonus_points=500, minimum_spend=50_00, unit=cash)
    recorded = await buy(shop, "p1", 100_00, ahead())
    rating = recorded.rating
    assert (rating.base_points, rating.rule_points) == (100, 0), "multipliers of cash are of cash"
    assert [(one.unit.rpartition("/")[2], one.amount) for one in rating.wallet_awards] == [("cash", 900), ("stamps", 1)]
    given = {one.rule.rpartition("/")[2]: (one.points, one.unit) for one in rating.awards}
    assert (given["base"], given["twice"], given["over"]) == ((100, ""), (200, cash), (500, cash))
    assert await has(shop) == (100, 0)
    assert await wallets(shop, recorded) == {"cash": (900, 0), "stamps": (1, 0)}
    assert (await shop.progress("ada")).progress.counted == 100
    first = (await shop.bring_back("r1", "p1", 10_25)).goods_return
    assert (first.points, first.state) == (11, purchase_pb2.Return.STATE_POSTED)
    assert (await has(shop), await wallets(shop, recorded)) == ((89, 0), {"cash": (859, 0), "stamps": (1, 0)})
    await shop.bring_back("r2", "p1", 40_00)
    assert await wallets(shop, recorded) == {"cash": (199, 0), "stamps": (1, 0)}, "500 were for 50 dollars"
    await shop.bring_back("r3", "p1", 49_75)
    assert (await has(shop), await wallets(shop, recorded)) == ((0, 0), {"cash": (0, 0), "stamps": (0, 0)})


async def test_a_purchase_that_gives_no_points_gives_cash_which_a_return_takes(world: World) -> None:
    shop = await cash_shop(world)
    later = ahead()
    [imported] = await shop.import_([shop.chunk(1, [row("p1", "ben", 99, later), row("p2", "ben", 99, later)])])
    assert (imported.recorded_count, imported.enrolled_count, imported.base_points) == (2, 1, 0)
    request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/p1")
    bought = (await shop.membership.membership.GetPurchase(request)).purchase
    assert await wallets(shop, bought) == {"cash": (2, 0), "stamps": (2, 0)}
    taken = (await shop.bring_back("r1", "p1", 99)).goods_return
    assert (taken.points, taken.state) == (0, purchase_pb2.Return.STATE_POSTED)
    assert await wallets(shop, bought) == {"cash": (1, 0), "stamps": (1, 0)}


async def test_wallets_wait_and_are_held_as_points_are(world: World) -> None:
    delivered = times_pb2.Availability(on_event=times_pb2.OnEvent(event="delivered", wait_days=30))
    shop = await cash_shop(world, availability=times_pb2.Availability(after_days=3))
    await shop.enroll("ada")
    unit, month = f"{shop.program}/units/cash", times_pb2.ExpiryPolicy(months=2)
    await make(shop, "sent", bonus_points=70, unit=unit, availability=delivered, expiry_policy=month)
    bought = ahead()
    first = await buy(shop, "p1", 10_00, bought)
    assert [one.points for one in first.rating.wallet_awards[0].tranches] == [20, 70]
    assert (await has(shop), await wallets(shop, first)) == ((0, 10), {"cash": (0, 90), "stamps": (0, 1)})
    await tell(shop, "e1", "p1", at=bought)
    assert await wallets(shop, first) == {"cash": (70, 20), "stamps": (0, 1)}
    await watch(shop, limit(v.VelocityLimit.SUBJECT_MEMBER, max_purchases=1), hold=True)
    await shop.buy("before", "ada", 0, bought)
    for purchase_id in ("p2", "p3"):
        await buy(shop, purchase_id, 99, bought)
        await tell(shop, f"e-{purchase_id}", purchase_id, at=bought)
    held = {"cash": (70, 20 + 70 + 2 * 71), "stamps": (0, 4)}
    assert await wallets(shop, first) == held
    await release(shop, "p2")
    assert await wallets(shop, first) == {"cash": (140, 90 + 1 + 71), "stamps": (0, 4)}
    await reject(shop, "p3")
    assert await wallets(shop, first) == {"cash": (140, 91), "stamps": (0, 3)}
    await shop.bring_back("r1", "p3", 99)
    assert await wallets(shop, first) == {"cash": (140, 91), "stamps": (0, 3)}


async def test_what_a_unit_cannot_be_with_is_refused(world: World) -> None:
    shop = await cash_shop(world)
    cash, count = f"{shop.program}/units/cash", rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=2)
    later = times_pb2.Availability(after_days=3)
    refused: list[tuple[Shop, dict[str, Any], str]] = [
        (shop, {"unit": f"{shop.program}/units/points"}, "unit"),
        (shop, {"unit": f"{shop.program}/units/miles"}, "unit"),
        (shop, {"unit": "programs/other/units/cash"}, "unit"),
        (shop, {"unit": cash, "count": count, "availability": later}, "count"),
        (shop, {"unit": cash, "campaign": f"{shop.program}/campaigns/spring"}, "campaign"),
    ]
    for of, fields, field in refused:
        with pytest.raises(InvalidRequestError) as why:
            await make(of, "r", bonus_points=5, **fields)
        assert [one.field for one in why.value.violations] == [f"earning_rule.{field}"]
    changed = rule_pb2.EarningRule(
        name=f"{shop.program}/rules/stamp", points_per_visit=Rational(numerator=1, denominator=1)
    )
    changed.rounding = DOWN
    with pytest.raises(InvalidRequestError) as why:
        await shop.membership.membership.UpdateEarningRule(
            rule_pb2.UpdateEarningRuleRequest(earning_rule=changed, request_id=new_request_id())
        )
    assert [one.field for one in why.value.violations] == ["earning_rule.unit"]


async def in_wallets(shop: Shop, purchase: purchase_pb2.Purchase, member_id: str) -> dict[str, tuple[int, int]]:
    """The same of the wallets that another member has in these units."""
    accounts = {
        one.unit.rpartition("/")[2]: wallet_id(member_id, one.unit.rpartition("/")[2])
        for one in purchase.rating.wallet_awards
    }
    found = {}
    for unit, account in accounts.items():
        request = ledger.GetBalanceRequest(name=f"{shop.program}/accounts/{account}")
        balance = (await shop.books.ledger.GetBalance(request)).balance
        found[unit] = balance.available, balance.pending
    return found


async def test_wallets_follow_a_merge_also_by_way_of_another_and_with_what_they_owe(world: World) -> None:
    shop = await cash_shop(world)
    for member_id in ("ada", "ben", "eve"):
        await shop.enroll(member_id)
    first, other = await buy(shop, "p1", 100_00, ahead()), await shop.buy("p2", "eve", 10_00, ahead())
    assert await wallets(shop, first) == {"cash": (200, 0), "stamps": (1, 0)}
    await merge(shop, "ada", "ben")  # who has no wallet yet
    assert await wallets(shop, first) == {"cash": (0, 0), "stamps": (0, 0)}
    assert await in_wallets(shop, first, "ben") == {"cash": (200, 0), "stamps": (1, 0)}
    await merge(shop, "ben", "eve")
    assert await in_wallets(shop, first, "ben") == {"cash": (0, 0), "stamps": (0, 0)}
    together = {"cash": (220, 0), "stamps": (2, 0)}
    assert await wallets(shop, other.purchase) == together
    await shop.bring_back("r1", "p1", 100_00)

    async def followed() -> bool:
        return await wallets(shop, other.purchase) == {"cash": (20, 0), "stamps": (1, 0)}

    await wait_until(followed)
    assert await findings(shop.books) == []


async def test_a_membership_is_closed_with_its_wallets_and_only_when_these_are_empty(world: World) -> None:
    shop = await cash_shop(world)
    await shop.enroll("ada")
    bought = await buy(shop, "p1", 99, ahead())
    assert await wallets(shop, bought) == {"cash": (1, 0), "stamps": (1, 0)}
    with pytest.raises(RefusedError) as refused:
        await close(shop, "ada")
    assert refused.value.reason == "MEMBER_NOT_EMPTY"
    assert (refused.value.metadata["posted"], refused.value.metadata["unit"]) == ("1", f"{shop.program}/units/cash")
    await shop.bring_back("r1", "p1", 99)
    await close(shop, "ada")
    for one in bought.rating.wallet_awards:
        account = (await shop.books.ledger.GetAccount(ledger.GetAccountRequest(name=one.account))).account
        assert account.state == ledger_res.ACCOUNT_STATE_CLOSED
