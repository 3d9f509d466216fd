"""Baskets and awards between the contract and the domain."""

from __future__ import annotations

from guerdon.membership.v1 import basket_pb2 as pb
from guerdon_kit.errors import InvalidField
from membership.domain.baskets import Basket, Line
from membership.domain.explaining import Told
from membership.domain.program import Program

TENDERS_MAX = 20


def read_basket(message: pb.Basket, amount: int) -> Basket:
    """The basket of a purchase of `amount`; the other bounds are the domain's to check.

    Raises:
        InvalidField: a tender is malformed, or they do not come to the amount.
    """
    path = "purchase.basket.tenders"
    tenders = message.tenders
    if len(tenders) > TENDERS_MAX:
        raise InvalidField.of(path, f"must be at most {TENDERS_MAX}")
    if not all(one.means in pb.Tender.Means.values() and one.means and one.minor_units >= 0 for one in tenders):
        raise InvalidField.of(path, "must each have means, and an amount of 0 or more")
    paid = sum(one.minor_units for one in tenders)
    if tenders and paid != amount:
        raise InvalidField.of(path, f"must come to the purchase's amount, {amount}: they come to {paid}")
    return Basket(
        lines=tuple(
            Line(
                line_id=line.line_id,
                sku=line.sku,
                category=line.category,
                quantity=line.quantity,
                unit_price=line.unit_price,
                discount=line.discount,
                final_sale=line.final_sale,
            )
            for line in message.lines
        ),
        order_discounts=tuple(message.order_discounts),
        tax=message.tax,
        shipping=message.shipping,
        gift_cards=sum(one.minor_units for one in tenders if one.means == pb.Tender.MEANS_GIFT_CARD),
        points=sum(one.minor_units for one in tenders if one.means == pb.Tender.MEANS_POINTS),
        channel=message.channel,
        store=message.store,
        cashier=message.cashier,
        terminal=message.terminal,
    )


def write_basket(basket: Basket) -> pb.Basket:
    """A basket, its tenders by their means."""
    money = basket.total - basket.gift_cards - basket.points
    tenders = (
        (pb.Tender.MEANS_MONEY, money),
        (pb.Tender.MEANS_GIFT_CARD, basket.gift_cards),
        (pb.Tender.MEANS_POINTS, basket.points),
    )
    return pb.Basket(
        lines=[
            pb.BasketLine(
                line_id=line.line_id,
                sku=line.sku,
                category=line.category,
                quantity=line.quantity,
                unit_price=line.unit_price,
                discount=line.discount,
                final_sale=line.final_sale,
            )
            for line in basket.lines
        ],
        order_discounts=basket.order_discounts,
        tax=basket.tax,
        shipping=basket.shipping,
        tenders=[pb.Tender(means=means, minor_units=paid) for means, paid in tenders if paid],
        channel=basket.channel,
        store=basket.store,
        cashier=basket.cashier,
        terminal=basket.terminal,
    )


def write_award(program: Program, told: Told) -> pb.Award:
    """What a rule gave, or why it gave nothing."""
    return pb.Award(
        rule=f"{program.name}/rules/{told.rule_id}" if told.rule_id else "",
        version=told.version,
        verdict=pb.Award.Verdict.ValueType(told.verdict),
        points=told.points,
        line_ids=told.line_ids,
        explanation=told.explanation,
        campaign=f"{program.name}/campaigns/{told.campaign}" if told.campaign else "",
        count=told.count,
        unit=f"{program.name}/units/{told.unit}" if told.unit else "",
    )
