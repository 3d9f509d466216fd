"""What an exchange, and a part of it that is taken back, are in the ledger: accounts and postings."""

from __future__ import annotations

from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.grpc.locked import write_locked
from guerdon_kit.grpc.messages import timestamp
from partner_exchange.domain.exchanges import Exchange
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.reversals import Reversal, other_way


def debit(exchange: Exchange, sender: Partner) -> res.Posting:
    """What leaves the source account, and what has to stay in it."""
    return res.Posting(
        source=sender.account_name(exchange.source_account_id),
        destination=exchange_account(sender, exchange.receiver),
        amount=exchange.debited,
        locked=write_locked(exchange.locked),
    )


def credited(exchange: Exchange, receiver: Partner) -> list[res.Posting]:
    """What arrives in the destination account, by its expiry."""
    return [
        res.Posting(
            source=exchange_account(receiver, exchange.sender),
            destination=receiver.account_name(exchange.destination_account_id),
            amount=leg.points,
            expire_time=None if leg.expire_time is None else timestamp(leg.expire_time),
        )
        for leg in exchange.legs
    ]


def memo(exchange: Exchange) -> str:
    """Words for a statement."""
    if exchange.reverses:
        return f"Exchange from {exchange.receiver} to {exchange.sender} taken back"
    return f"Exchange from {exchange.sender} to {exchange.receiver}"


def opposite(reversal: Reversal, exchange: Exchange, sender: Partner, receiver: Partner) -> list[res.Posting]:
    """The postings that take a part of an exchange back. What is returned may be worth no point of the receiver."""
    back = other_way(reversal, exchange)
    returned = credited(back, sender)
    return [debit(back, receiver), *returned] if back.debited else returned


def program(partner: Partner) -> str:
    """The name of a hosted partner's program."""
    return f"programs/{partner.profile.program_id}"


def unit(partner: Partner) -> str:
    """The name of its unit."""
    return f"{program(partner)}/units/{partner.profile.unit_id}"


def exchange_account(partner: Partner, other: str) -> str:
    """The name of its account for what is exchanged with another partner."""
    return f"{program(partner)}/accounts/exchange.{partner.profile.unit_id}.{other}"
