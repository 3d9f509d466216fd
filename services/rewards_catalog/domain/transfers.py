"""Points that become points of a partner brand, by an exchange of the coalition: it takes them from the member itself,
so that nothing is held and captured here.

A quote is kept before it is executed, and each has one request id: so whoever comes later asks for the same exchange.
All exchanges of one redemption would have one authorization reference, its id, which is good for one: there is never a
second.

A refusal to execute a quote decides where partner exchange keeps it with the request's id. The others may pass, so that
a copy of the request that is still on its way may do what a later one was refused. Such a refusal decides only for
whoever was alone in asking, and asked once. For everybody else nothing is known until the quote is over, which is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum, auto

from guerdon_kit.errors import FieldViolation, InvalidField, Status
from rewards_catalog.domain.errors import TransferBelowMinimum

_DESTINATION = re.compile(r"[A-Za-z0-9_~-]{1,63}")
_MOST = 2**53
_SEVERAL = 2
_DECIDED = {
    Status.INVALID_ARGUMENT,
    Status.NOT_FOUND,
    Status.FAILED_PRECONDITION,
    Status.OUT_OF_RANGE,
    Status.RESOURCE_EXHAUSTED,
}
_UNDECIDED = {"REQUEST_ID_REUSED", "AUTHORIZATION_USED"}
"""An exchange of this redemption was asked for in other words, such as those of another release: perhaps it was done.
"""
_ENDED = {"QUOTE_EXPIRED", "RATE_BOOK_WITHDRAWN"}
"""Kept: the quote was not used, and never will be."""
_ABORTED = {"INSUFFICIENT_POINTS", "POINTS_LOCKED", "EXCHANGE_ABORTED"}
"""Kept: the exchange came to nothing."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What an exchange would do: `debited` points of the member's become `received` ones at the partner."""

    name: str
    debited: int
    received: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """The exchange of one redemption, for the account `destination` at the receiving partner (its id there).

    The member was shown that `least_received` points would arrive (0: none said). `quote` is the name of the one that
    is being executed (empty: none is) and will bring `received` points; `lapsed` quotes before it ended unused. `asks`:
    1 where its execution was asked for once, 2 where more often; no more are counted, so that those who ask at the same
    time come to an end.
    """

    destination: str
    least_received: int
    quote: str = ""
    received: int = 0
    lapsed: int = 0
    asks: int = 0

    @property
    def exchange(self) -> str:
        """The name of the exchange that the quote becomes, under the sending partner."""
        return self.quote.replace("/quotes/", "/exchanges/")

    @property
    def asked_once(self) -> bool:
        """Whether nobody but whoever asks now has ever asked to execute the quote."""
        return self.asks == 1

    def step(self, name: str) -> str:
        """By what the coalition knows a step of this quote's, besides the redemption's id."""
        return f"{name}-{self.lapsed + 1}"


def quoted(transfer: Transfer, quote: Quote) -> Transfer:
    """The transfer once it has its quote, which is about to be executed.

    Raises:
        TransferBelowMinimum: it brings fewer points than the member was shown.
    """
    if quote.received < transfer.least_received:
        raise TransferBelowMinimum(received=quote.received, required=transfer.least_received)
    return replace(transfer, quote=quote.name, received=quote.received, asks=1)


def asking_again(transfer: Transfer) -> Transfer:
    """The transfer when its quote is about to be executed, and may have been."""
    return replace(transfer, asks=_SEVERAL)


def lapsed(transfer: Transfer) -> Transfer:
    """The transfer once its quote is over, and was never used."""
    return replace(transfer, quote="", received=0, lapsed=transfer.lapsed + 1, asks=0)


class Verdict(Enum):
    """What a refusal says about an exchange."""

    REFUSED = auto()
    """It is not made, and never will be."""
    LAPSED = auto()
    """Nor by this quote."""
    LOOK = auto()
    """The request is no longer known: the exchange, if there is one, tells."""
    UNKNOWN = auto()


def quote_verdict(reason: str, status: Status) -> Verdict:
    """What a refusal to make a quote says: a quote takes nothing, however many are made."""
    decided = status in _DECIDED and reason not in _UNDECIDED
    return Verdict.REFUSED if decided else Verdict.UNKNOWN


def execution_verdict(reason: str, status: Status, *, alone: bool) -> Verdict:
    """What a refusal to execute a quote says; `alone`: nobody else asked to, nor was it asked for before."""
    if status not in _DECIDED or reason in _UNDECIDED:
        return Verdict.UNKNOWN
    if reason in _ENDED:
        return Verdict.LAPSED
    if reason == "QUOTE_USED" or status is Status.NOT_FOUND:
        return Verdict.LOOK
    return Verdict.REFUSED if alone or reason in _ABORTED else Verdict.UNKNOWN


def transfer_of(transfers: bool, destination: str, least_received: int) -> Transfer | None:
    """What a redemption asks for that transfers points, or does not.

    Raises:
        InvalidField: the destination is none, or is given though nothing goes there.
    """
    if not transfers:
        given = [("destination_account_id", destination), ("min_received_points", least_received)]
        wrong = [
            FieldViolation(field, "must be absent: the reward is no partner transfer") for field, it in given if it
        ]
        if wrong:
            raise InvalidField(wrong)
        return None
    if _DESTINATION.fullmatch(destination) is None:
        raise InvalidField.of("destination_account_id", "must be 1 to 63 of A-Z a-z 0-9 _ ~ -")
    if not 0 <= least_received <= _MOST:
        raise InvalidField.of("min_received_points", "must be between 0 and 2^53")
    return Transfer(destination, least_received)
