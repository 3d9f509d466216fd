"""What the world is told of a redemption as it goes from one state to the next. No code is in it."""

from __future__ import annotations

from guerdon_kit.events import Event
from rewards_catalog.domain.fulfilment import runs_out_of_patience
from rewards_catalog.domain.redemption import Redemption, State
from rewards_catalog.domain.wallets import begins_to_wait

_EVENTS = {
    State.ISSUED: "redemption_issued",
    State.FULFILLED: "redemption_fulfilled",
    State.FAILED: "redemption_failed",
    State.REFUND_REFUSED: "redemption_refund_refused",
    State.FULFILMENT_FAILED: "redemption_fulfilment_failed",
}
_TELL_WHY = {State.REFUND_REFUSED, State.FULFILMENT_FAILED}


def news(before: Redemption, after: Redemption) -> Event | None:
    """The event of a redemption that was `before` and is `after`; None where nobody waits for it."""
    if after.refunded > before.refunded:
        return _event(after, "redemption_refunded", points=after.refunded - before.refunded)
    if after.granted and after.state is State.REFUNDED:
        return _event(after, "redemption_refunded", points=0)
    if after.state is not before.state and after.state in _EVENTS:
        return _event(after, _EVENTS[after.state])
    if begins_to_wait(before, after):
        return _event(after, "redemption_credit_overdue")
    if runs_out_of_patience(before, after):
        return _event(after, "redemption_fulfilment_overdue")
    return None


def _event(redemption: Redemption, type_: str, **numbers: int) -> Event:
    data: dict[str, str | int] = {
        "redemption": redemption.name,
        "reward": redemption.reward_name,
        "account": redemption.account,
        "price": redemption.price,
        **numbers,
    }
    if redemption.cash is not None:
        data |= {"cash_minor_units": redemption.cash.minor_units, "currency_code": redemption.cash.currency}
        data["payment"] = redemption.payment
    if redemption.value is not None:
        data |= {"value_minor_units": redemption.value.minor_units, "value_currency_code": redemption.value.currency}
    if redemption.transfer is not None and redemption.state is State.FULFILLED:
        data |= {"exchange": redemption.transfer.exchange, "received_points": redemption.transfer.received}
    if redemption.wallet:
        data["wallet"] = redemption.wallet
    if redemption.failure is not None:
        data["reason"] = redemption.failure.reason
        data |= redemption.failure.metadata if redemption.state in _TELL_WHY else {}
    return Event(
        type=f"guerdon.rewards.v1.{type_}",
        subject=redemption.name,
        key=redemption.name,
        time=redemption.update_time,
        data=data,
    )
