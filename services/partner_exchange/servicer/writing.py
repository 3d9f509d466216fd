"""From the domain's words to the contracts' messages."""

from __future__ import annotations

from fractions import Fraction

from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.grpc.messages import rational, timestamp
from partner_exchange.domain.book import book_name
from partner_exchange.domain.exchanges import Position, State
from partner_exchange.domain.lifecycle import PartnerState
from partner_exchange.domain.partners import Coalition, Partner, RegisteredKey
from partner_exchange.domain.quotes import Quote
from partner_exchange.operations.exchanges import View

_PARTNER_STATES = {
    PartnerState.DRAFT: res.PARTNER_STATE_DRAFT,
    PartnerState.SANDBOX: res.PARTNER_STATE_SANDBOX,
    PartnerState.LIVE: res.PARTNER_STATE_LIVE,
    PartnerState.SUSPENDED: res.PARTNER_STATE_SUSPENDED,
    PartnerState.LEAVING: res.PARTNER_STATE_LEAVING,
    PartnerState.LEFT: res.PARTNER_STATE_LEFT,
}
_ALGORITHMS = {"ES256": res.KEY_ALGORITHM_ES256, "Ed25519": res.KEY_ALGORITHM_ED25519}
_EXCHANGE_STATES = {state: res.ExchangeState.Value(f"EXCHANGE_STATE_{state.name}") for state in State}


def coalition(kept: Coalition) -> res.Coalition:
    """A coalition."""
    return res.Coalition(
        name=kept.name,
        display_name=kept.display_name,
        settlement_currency_code=kept.currency,
        time_zone=kept.time_zone,
        create_time=timestamp(kept.create_time),
        rate_move_max=rational(kept.rate_move_max),
    )


def partner(kept: Partner) -> res.Partner:
    """A partner with its keys."""
    profile = kept.profile
    return res.Partner(
        name=kept.name,
        coalition=f"coalitions/{profile.coalition_id}",
        display_name=profile.display_name,
        unit="" if profile.remote else f"programs/{profile.program_id}/units/{profile.unit_id}",
        target=profile.target,
        agreed_price=rational(profile.agreed_price),
        received_points_lifetime_days=profile.received_lifetime_days or 0,
        keys=[_key(kept, registered) for registered in kept.keys],
        state=_PARTNER_STATES[kept.state],
        create_time=timestamp(kept.create_time),
        leave_time=None if kept.leave_time is None else timestamp(kept.leave_time),
    )


def _key(of: Partner, registered: RegisteredKey) -> res.PartnerKey:
    retired = registered.retire_time
    return res.PartnerKey(
        name=f"{of.name}/keys/{registered.key.key_id}",
        algorithm=_ALGORITHMS[registered.key.algorithm],
        create_time=timestamp(registered.create_time),
        retire_time=None if retired is None else timestamp(retired),
    )


def quote(kept: Quote, source_account: str, currency: str) -> res.Quote:
    """A quote, as its sender sees it; its cash fee is in the coalition's currency."""
    message = res.Quote(
        name=kept.name,
        source_account=source_account,
        receiver_id=kept.receiver,
        destination_account_id=kept.destination_account_id,
        debited_amount=kept.conversion.debited,
        received_amount=kept.conversion.received,
        bonus_amount=kept.conversion.bonus,
        remainder_amount=kept.conversion.remainder,
        rate=rational(kept.rate),
        rate_book=book_name(kept.coalition_id, kept.book_version),
        create_time=timestamp(kept.create_time),
        expire_time=timestamp(kept.expire_time),
        fee_amount=kept.conversion.fee,
        promotion_id=kept.promotion_id or "",
        promotion_amount=kept.conversion.promoted,
    )
    if kept.conversion.cash_fee:
        message.cash_fee_minor_units, message.cash_fee_currency_code = kept.conversion.cash_fee, currency
    if kept.wanted.send is not None:
        message.send = kept.wanted.send
    if kept.wanted.receive_at_least is not None:
        message.receive_at_least = kept.wanted.receive_at_least
    return message


def exchange(view: View) -> res.Exchange:
    """An exchange, as one of its partners may see it: the other's member stays the other's."""
    standing = view.standing
    kept = standing.exchange
    message = res.Exchange(
        name=f"partners/{view.reader}/exchanges/{kept.exchange_id}",
        sender_id=kept.sender,
        receiver_id=kept.receiver,
        destination_account=standing.receiver.account_name(kept.destination_account_id),
        debited_amount=kept.debited,
        received_amount=kept.received,
        bonus_amount=kept.bonus,
        returned_amount=kept.returned,
        rate_book=book_name(kept.coalition_id, kept.book_version),
        state=_EXCHANGE_STATES[kept.state],
        abort_reason=kept.refusal.reason if kept.refusal else "",
        outcome_unknown=kept.unanswered > 0,
        needs_operator=kept.needs_operator,
        create_time=timestamp(kept.create_time),
        fee_amount=kept.fee,
        cash_fee_minor_units=kept.cash_fee,
        promotion_id=kept.promotion_id or "",
        promotion_amount=kept.promoted,
    )
    if view.reader == kept.sender:
        message.authorization_reference = kept.authorization_reference
        message.source_account = standing.sender.account_name(kept.source_account_id)
    if kept.commitment is not None:
        message.owed.CopyFrom(owed(kept.owed, standing.currency))
        message.commit_time.CopyFrom(timestamp(kept.commitment.commit_time))
        if view.settled:
            message.state = res.EXCHANGE_STATE_SETTLED
        if view.reader == kept.sender:
            message.transaction = kept.commitment.transaction
    return message


def position(kept: Position, currency: str) -> res.Position:
    """What one brand sent another."""
    return res.Position(
        sender=f"partners/{kept.sender}",
        receiver=f"partners/{kept.receiver}",
        exchange_count=kept.exchanges,
        debited_amount=kept.debited,
        received_amount=kept.received,
        owed=owed(kept.owed, currency),
    )


def owed(minor_units: Fraction, currency: str) -> res.Owed:
    """An exact amount."""
    whole, fraction = divmod(minor_units, 1)
    return res.Owed(minor_units=whole, fraction=rational(fraction), currency_code=currency)
