"""What an exchange takes up of the limits: looked at for its quote, booked when the quote is used up, and given back
when it is ABORTED or taken back.

Each of these is part of a transaction that says the same of the exchange, so that it happens once. Locks are taken in
one order, so that no two wait for each other: the exchange or its quote, the bonus, the member, the counts, as
`store/usage.sql` orders them, and what partners owe, by their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from guerdon_kit.postgres import Connection
from partner_exchange.domain.errors import CorridorPaused
from partner_exchange.domain.exchanges import Exchange, owing
from partner_exchange.domain.limits import (
    Counter,
    Limits,
    Used,
    Velocity,
    check_room,
    check_velocity,
    counters,
    net_debit_refusal,
)
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.quotes import Quote
from partner_exchange.domain.reversals import Reversal
from partner_exchange.operations import bonuses
from partner_exchange.operations.markets import Market
from partner_exchange.store import limits, usage


@dataclass(frozen=True, slots=True)
class Sending:
    """What is to be sent, or was."""

    sender: str
    account: str
    receiver: str
    points: int
    owing: Mapping[str, Fraction]
    """What partners owe for it, in minor units."""
    time: datetime
    """When it is, or was, accepted."""


def sending_of(quote: Quote, receiver: Partner, time: datetime) -> Sending:
    """What a quote sends, at the receiver's price of now. What is only tried in the sandbox costs nothing."""
    made = quote.conversion
    cash_fee = 0 if receiver.tries else made.cash_fee
    return Sending(
        sender=quote.sender,
        account=quote.source_account_id,
        receiver=quote.receiver,
        points=made.debited,
        owing=owing(quote.sender, quote.funder, made.received, made.promoted, cash_fee, receiver.price_owed),
        time=time,
    )


class NotTogether(Exception):
    """What is booked together does not fit together."""


async def look(connection: Connection, market: Market, sending: Sending) -> None:
    """Looks whether there is room, and books nothing: it may be gone when the quote is executed.

    Raises:
        CorridorPaused, DailyLimit, MonthlyLimit, VelocityLimit, NetDebitCap: there is none.
    """
    in_force, zone = await _rules(connection, market, sending)
    if in_force.velocity is not None:
        await _check_velocity(connection, sending, in_force.velocity)
    counts = _counters(in_force, sending, zone)
    capped = [counter for counter in counts if counter.cap.points is not None or counter.cap.exchanges is not None]
    if capped:
        check_room(capped, await usage.find(connection, sending.sender, capped), sending.points, zone)
    for partner, requested in sending.owing.items():
        most = (await _limits_of(connection, market, partner, sending.sender, in_force)).most_owed
        if most is not None:
            owed = await usage.exposure(connection, partner)
            if owed + requested > most:
                raise net_debit_refusal(partner, most, owed, requested)


async def book(connection: Connection, market: Market, sendings: Sequence[Sending]) -> None:
    """Books what one sender is to send at one time. What it comes to is counted whether or not there is a limit, for
    one that is set later.

    Raises:
        CorridorPaused: to the receiver of one of them, nothing is sent.
        DailyLimit, MonthlyLimit, VelocityLimit, NetDebitCap: there is no room for it; the transaction has to be rolled
            back.
        NotTogether: the same where they are several, of which some may fit; each has to be tried by itself.
    """
    in_force, zone = await _rules(connection, market, sendings[0])
    if in_force.velocity is not None:
        await _check_velocities(connection, sendings, in_force.velocity)
    counts: dict[Counter, Used] = {}
    for sending in sendings:
        for counter in _counters((await _rules(connection, market, sending))[0], sending, zone):
            so_far = counts.get(counter, Used())
            counts[counter] = Used(so_far.points + sending.points, so_far.exchanges + 1)
    sender = sendings[0].sender
    if not await usage.book(connection, sender, counts):
        if len(sendings) > 1:
            raise NotTogether
        check_room(list(counts), await usage.find(connection, sender, list(counts)), sendings[0].points, zone)
        raise AssertionError("what did not fit under a cap fits under all of them")
    for partner, requested in sorted(_summed(sending.owing for sending in sendings).items()):
        most = (await _limits_of(connection, market, partner, sender, in_force)).most_booked
        if not await usage.book_exposure(connection, partner, requested, most):
            if len(sendings) > 1:
                raise NotTogether
            raise net_debit_refusal(partner, most, await usage.exposure(connection, partner), requested)


async def release(connection: Connection, exchange: Exchange) -> None:
    """Gives back what an exchange was booked with, in the transaction by which it is ABORTED."""
    await give_room(connection, exchange, exchange.debited, whole=True)
    await usage.move_exposures(connection, _less(exchange.owing))


async def give_room(connection: Connection, exchange: Exchange, points: int, *, whole: bool) -> None:
    """Gives points back to the counts that an exchange was booked in; with the `whole` of it, the exchange and its
    bonus as well.
    """
    if whole:
        await bonuses.release(connection, exchange)
    _, zone = await limits.in_force(connection, exchange.sender, exchange.receiver)
    counts = counters(Limits(), exchange.source_account_id, exchange.receiver, exchange.create_time, zone)
    await usage.release(connection, exchange.sender, counts, points, int(whole))


async def commit(connection: Connection, committed: Sequence[Exchange]) -> None:
    """Credits partners with what they are owed, in the transaction by which the exchanges are COMMITTED: not before, as
    what is under way may be ABORTED, and nobody may have owed more by then than is allowed.
    """
    await usage.move_exposures(connection, _less(_summed(exchange.due for exchange in committed)))


async def take_back(connection: Connection, exchange: Exchange, reversal: Reversal, *, whole: bool) -> None:
    """Gives back what a reversal returns, in the transaction by which it is COMMITTED, and has the receiver owe the
    sender for it; `whole` where nothing of the exchange is left.
    """
    await give_room(connection, exchange, reversal.returned, whole=whole)
    owed = reversal.taken_back * exchange.agreed_price
    changes = {exchange.receiver: owed, exchange.sender: -owed}
    if exchange.funder != exchange.sender:
        promoted = reversal.promoted_back * exchange.agreed_price
        changes[exchange.sender] += promoted
        if exchange.funder is not None:
            changes[exchange.funder] = changes.get(exchange.funder, Fraction(0)) - promoted
    await usage.move_exposures(connection, changes)


async def adjust(connection: Connection, payer: str, payee: str, owed: Fraction) -> None:
    """Has one partner owe another something besides all exchanges, in the transaction that decides so."""
    await usage.move_exposures(connection, {payer: owed, payee: -owed})


async def settle(connection: Connection, positions: Mapping[str, Fraction]) -> None:
    """Has settled what each partner owed in a window, less what it was owed, in the transaction by which the window is
    settled: exactly what was stamped with it, in minor units and before any rounding.
    """
    await usage.move_exposures(connection, _less(positions))


def _summed(amounts: Iterable[Mapping[str, Fraction]]) -> dict[str, Fraction]:
    """By partner."""
    total: dict[str, Fraction] = {}
    for each in amounts:
        for partner, amount in each.items():
            total[partner] = total.get(partner, Fraction(0)) + amount
    return total


def _less(amounts: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {partner: -amount for partner, amount in amounts.items()}


async def _rules(connection: Connection, market: Market, sending: Sending) -> tuple[Limits, ZoneInfo]:
    """The limits for what is sent to the receiver, and the coalition's time zone.

    Raises:
        CorridorPaused: nothing is sent to it.
    """
    pause = await market.pause(connection, sending.sender, sending.receiver)
    if pause is not None:
        raise CorridorPaused(
            sender=sending.sender,
            receiver=sending.receiver,
            pause_time=pause.pause_time.isoformat(),
            why=pause.reason,
        )
    return await market.limits(connection, sending.sender, sending.receiver)


async def _limits_of(connection: Connection, market: Market, partner: str, sender: str, of_sender: Limits) -> Limits:
    """Those of the sender are at hand; who else owes funds a promotion."""
    return of_sender if partner == sender else (await market.limits(connection, partner, ""))[0]


def _counters(in_force: Limits, sending: Sending, zone: ZoneInfo) -> Sequence[Counter]:
    return counters(in_force, sending.account, sending.receiver, sending.time, zone)


async def _check_velocities(connection: Connection, sendings: Sequence[Sending], velocity: Velocity) -> None:
    by_account = {sending.account: sending for sending in sendings}
    if len(by_account) < len(sendings):
        raise NotTogether
    for account, sending in sorted(by_account.items()):
        await usage.lock_member(connection, sending.sender, account)
        await _check_velocity(connection, sending, velocity)


async def _check_velocity(connection: Connection, sending: Sending, velocity: Velocity) -> None:
    after = sending.time - velocity.within
    begun = await usage.begun_within(connection, sending.sender, sending.account, after, velocity.exchanges)
    check_velocity(velocity, begun)
