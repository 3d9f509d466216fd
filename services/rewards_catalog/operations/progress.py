"""The promise of a redemption: it happens wholly or not at all, whatever is killed in between.

Each step's state is committed before and after each call to the ledger, and the ledger knows each step by one request
id. So whoever finds a redemption in some state can go on from there: the call that makes it, the same request sent
again, or the recovery loop. Several may do so at once: the ledger answers all alike, and of two that write a state
one finds it changed, and goes on from what it is now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError
from guerdon_kit.events import publish
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.grpc.locked import LockedPoints
from guerdon_kit.postgres import Connection, Database
from rewards_catalog.clients.coalition import Coalition, Lapsed
from rewards_catalog.clients.ledger import Ledger, LookAgain
from rewards_catalog.clients.wallets import EXHAUSTED, Wallets
from rewards_catalog.domain import transfers
from rewards_catalog.domain.codes import CodeKeys
from rewards_catalog.domain.errors import (
    AccountLimit,
    AccountPeriodLimit,
    CodeTaken,
    CreditRefused,
    HoldLapsed,
    InsufficientPoints,
    OutOfStock,
    PaymentRefused,
    PaymentTooLate,
    PointsLocked,
    RedemptionUnfinished,
    RewardLimit,
    TransferBelowMinimum,
    TransferRefused,
)
from rewards_catalog.domain.fulfilment import Issued, Outcome, Refused, Undecided, told
from rewards_catalog.domain.kinds import PartnerTransfer, budget_of
from rewards_catalog.domain.redemption import (
    RESERVED,
    Redemption,
    State,
    Step,
    credit_refused,
    failing,
    next_step,
    refund_refused,
    rests_until,
    state_when_issued,
    state_when_reserved,
)
from rewards_catalog.domain.refunds import refunded
from rewards_catalog.domain.reward import Fulfilment
from rewards_catalog.domain.wallets import gives_up
from rewards_catalog.operations.news import news
from rewards_catalog.operations.providers import Providers
from rewards_catalog.store import redemptions, rewards, stock, vouchers

_STEPS_MAX = 20
"""More than the longest way has, with every decision on it taken twice."""

Reached = Callable[[str], None]
"""Is told each moment that a process could be killed at: after a state was committed, and after a call to the ledger
was answered. Crash tests end the process there; otherwise it does nothing."""
Effect = Callable[[Connection], Awaitable[None]]


def nowhere(moment: str) -> None:
    """Nothing happens at any moment."""


@dataclass(frozen=True)
class Progress:
    """Takes redemptions as far as they go."""

    database: Database
    ledger: Ledger
    wallets: Wallets
    coalition: Coalition
    locked_points: LockedPoints
    providers: Providers
    keys: CodeKeys
    clock: Clock
    lease: timedelta
    """After so long without progress the recovery loop takes a redemption up."""
    reached: Reached = nowhere

    async def drive(self, redemption: Redemption, until: float) -> Redemption:
        """Does step after step until the redemption rests, and answers it as it is then.

        `until` is of `time.monotonic()`.

        Raises:
            OutcomeUnknown: the ledger did not answer in time. Go on later, from the state that is kept.
            Unavailable: PostgreSQL is away.
        """
        steps = {
            Step.HOLD_POINTS: self._hold_points,
            Step.RESERVE: self._reserve,
            Step.LAPSE: self._lapse,
            Step.CAPTURE: self._capture,
            Step.CREDIT: self._credit,
            Step.ISSUE: self._issue,
            Step.ASK: self._ask,
            Step.QUOTE: self._quote,
            Step.EXCHANGE: self._exchange,
            Step.UNDO: self._undo,
            Step.REFUND: self._refund,
        }
        for _ in range(_STEPS_MAX):
            step = next_step(redemption, self.clock.now())
            if step is None:
                return redemption
            redemption = await steps[step](redemption, until)
        if redemption.state in {State.PENDING, State.EXCHANGING}:
            # Its account changes faster than it is looked at, or others ask for the same exchange all the time.
            raise OutcomeUnknown
        raise AssertionError(f"{redemption.name} does not come to rest")

    async def finish(self, redemption: Redemption, until: float) -> Redemption:
        """The redemption at rest.

        Raises:
            RedemptionUnfinished: what became of a step is not known yet.
        """
        try:
            return await self.drive(redemption, until)
        except OutcomeUnknown as error:
            now = await self.read(redemption.program, redemption.id)
            if next_step(now, self.clock.now()) is None:  # somebody else has brought it there meanwhile
                return now
            raise RedemptionUnfinished(redemption=now.name, state=now.state) from error

    async def read(self, program: str, redemption: str) -> Redemption:
        """The redemption as it is now.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await redemptions.get(connection, program, redemption)

    async def move(self, connection: Connection, before: Redemption, after: Redemption) -> bool:
        """Writes `after` over `before`, with the event that tells of it; False where it is no longer as `before`."""
        if not await redemptions.move(connection, before, after, self.due_time(after)):
            return False
        event = news(before, after)
        if event is not None:
            await publish(connection, event)
        return True

    async def take_over(self, connection: Connection, redemption: Redemption, outcome: Outcome) -> None:
        """Keeps the code that a provider gave, or gives back what was counted for a redemption that it refused.

        Raises:
            CodeTaken: the program has the code already.
        """
        match outcome:
            case Issued(code) if code:
                sealed = self.keys.seal(redemption.program, redemption.reward, code)
                await stock.give_code(connection, redemption, sealed)
            case Refused():
                await stock.put_back(connection, redemption)

    def due_time(self, redemption: Redemption) -> datetime | None:
        """When the recovery loop should look at the redemption; None where it rests."""
        now = self.clock.now()
        due = rests_until(redemption, now)
        return now + self.lease if due == now else due

    async def _hold_points(self, redemption: Redemption, until: float) -> Redemption:
        if self.clock.now() >= redemption.hold_expire_time:
            # Taken up too late. Whether or not the hold was placed, it has lapsed.
            return await self._fail(redemption, HoldLapsed())
        try:
            hold = await self.ledger.place_hold(redemption, until)
        except LookAgain:
            locked = await self.locked_points.of(redemption.account, redemption.actor, until)
            return await self._advance(redemption, replace(redemption, locked=locked))
        except (InsufficientPoints, PointsLocked, PaymentRefused) as refusal:
            return await self._fail(redemption, refusal)
        self.reached("hold placed")
        held = replace(redemption, state=State.POINTS_HELD, hold=hold)
        now = await self._advance(redemption, held)
        if now.state is State.FAILED and not now.hold:
            # Somebody else was refused just before us, and knew of no hold: give it back now, not when it lapses.
            await self.ledger.release(held, until)
        return now

    async def _reserve(self, redemption: Redemption, until: float) -> Redemption:
        async def take(connection: Connection) -> None:
            terms = await rewards.get(connection, redemption.program, redemption.reward, redemption.reward_version)
            await stock.reserve(connection, redemption, terms)

        try:
            return await self._advance(redemption, replace(redemption, state=state_when_reserved(redemption)), take)
        except (OutOfStock, AccountLimit, AccountPeriodLimit, RewardLimit) as refusal:
            return await self._fail(redemption, refusal)

    async def _lapse(self, redemption: Redemption, until: float) -> Redemption:
        assert redemption.payment_end_time is not None
        end_time = redemption.payment_end_time.isoformat()
        return await self._fail(redemption, PaymentTooLate(redemption=redemption.name, end_time=end_time))

    async def _capture(self, redemption: Redemption, until: float) -> Redemption:
        try:
            transaction = await self.ledger.capture(redemption, until)
        except (HoldLapsed, PaymentRefused) as refusal:
            return await self._fail(redemption, refusal)
        self.reached("hold captured")
        return await self._advance(redemption, replace(redemption, state=State.CAPTURED, transaction=transaction))

    async def _issue(self, redemption: Redemption, until: float) -> Redemption:
        async def hand_out(connection: Connection) -> None:
            if redemption.fulfilment is Fulfilment.CODE_POOL:
                await vouchers.issue(connection, redemption, self.clock.now())

        issued = replace(redemption, state=state_when_issued(redemption.fulfilment))
        return await self._advance(redemption, issued, hand_out)

    async def _ask(self, redemption: Redemption, until: float) -> Redemption:
        outcome = await self.providers.ask(redemption, until)
        self.reached("provider asked")
        try:
            return await self._tell(redemption, outcome)
        except CodeTaken:
            # Two members with one code are worse than one who waits: people will ask the provider.
            return await self._tell(redemption, Undecided())

    async def _tell(self, redemption: Redemption, outcome: Outcome) -> Redemption:
        async def take_over(connection: Connection) -> None:
            await self.take_over(connection, redemption, outcome)

        return await self._advance(redemption, told(redemption, outcome, self.clock.now()), take_over)

    async def _credit(self, redemption: Redemption, until: float) -> Redemption:
        async with self.database.acquire() as connection:
            terms = await rewards.get(connection, redemption.program, redemption.reward, redemption.reward_version)
        budget = budget_of(terms.kind)
        assert budget is not None, "what a reward is never changes"

        async def give_back(connection: Connection) -> None:
            await stock.put_back(connection, redemption)

        try:
            credit = await self.wallets.credit(redemption, budget, until)
        except CreditRefused:
            now = self.clock.now()
            if not gives_up(redemption, now):
                return await self._advance(redemption, told(redemption, Undecided(), now))
            await self.wallets.end_credit(redemption, until)
            self.reached("credit ended")
            return await self._advance(redemption, credit_refused(redemption, EXHAUSTED), give_back)
        except PaymentRefused as refusal:
            refused = credit_refused(redemption, refusal.metadata["ledger_reason"])
            return await self._advance(redemption, refused, give_back)
        self.reached("wallet credited")
        return await self._advance(redemption, replace(redemption, state=State.FULFILLED, credit=credit))

    async def _quote(self, redemption: Redemption, until: float) -> Redemption:
        """Learns what the exchange would do, and keeps that before it is executed. No other quote can be under way."""
        if self.clock.now() >= redemption.hold_expire_time:
            return await self._fail(redemption, HoldLapsed())
        async with self.database.acquire() as connection:
            terms = await rewards.get(connection, redemption.program, redemption.reward, redemption.reward_version)
        assert isinstance(terms.kind, PartnerTransfer), "what a reward is never changes"
        assert redemption.transfer is not None, "so does what is asked for"
        try:
            quote = await self.coalition.quote(redemption, terms.kind, until)
            transfer = transfers.quoted(redemption.transfer, quote)
        except (TransferRefused, TransferBelowMinimum) as refusal:
            return await self._fail(redemption, refusal)
        self.reached("exchange quoted")
        kept = await self._turn(redemption, replace(redemption, price=quote.debited, transfer=transfer))
        if kept is None:
            return await self.read(redemption.program, redemption.id)
        self.reached("quote kept")
        return await self._execute(kept, until)

    async def _exchange(self, redemption: Redemption, until: float) -> Redemption:
        """Has a quote executed that somebody has asked to execute before. That it is asked for again is kept first:
        then whoever asks alone knows it, and nobody fails the redemption while another may exchange its points.
        """
        assert redemption.transfer is not None, "it has a quote"
        asking = replace(redemption, transfer=transfers.asking_again(redemption.transfer))
        kept = await self._turn(redemption, asking)
        if kept is None:
            return await self.read(redemption.program, redemption.id)
        return await self._execute(kept, until)

    async def _execute(self, redemption: Redemption, until: float) -> Redemption:
        try:
            outcome = await self.coalition.execute(redemption, until)
        except (InsufficientPoints, PointsLocked, TransferRefused) as refusal:
            return await self._fail(redemption, refusal)
        self.reached("points exchanged")
        if isinstance(outcome, Lapsed):
            assert redemption.transfer is not None, "it has a quote"
            return await self._advance(redemption, replace(redemption, transfer=transfers.lapsed(redemption.transfer)))
        done = replace(redemption, state=State.FULFILLED, transaction=outcome.transaction)
        return await self._advance(redemption, done)

    async def _refund(self, redemption: Redemption, until: float) -> Redemption:
        """Gives points back; for what was paid into a wallet, once that is set aside there, so that it happens to both
        or to neither. What was given has nothing to give back.
        """
        if redemption.granted:
            return await self._advance(redemption, refunded(redemption, ""), _forgetting(redemption))
        hold = ""
        try:
            if redemption.credit:
                hold = await self.wallets.hold(redemption, until)
                self.reached("value held")
            transaction = await self.ledger.refund(redemption, until)
        except (InsufficientPoints, PaymentRefused) as refusal:
            if hold:
                await self.wallets.let_go(redemption, hold, until)
            return await self._advance(redemption, refund_refused(redemption, refusal))
        self.reached("spend reversed")
        if hold:
            await self.wallets.take(redemption, hold, until)
            self.reached("value taken")
        after = refunded(redemption, transaction)

        async def discount(connection: Connection) -> None:
            # What was called off, or could not be had, was before.
            if redemption.state is State.REFUNDING and after.state is State.REFUNDED:
                await stock.discount(connection, redemption)

        return await self._advance(redemption, after, discount, _forgetting(redemption))

    async def _fail(self, redemption: Redemption, error: DomainError) -> Redemption:
        """Decides, once, that the redemption fails; what it has taken is undone after that is committed."""
        decided = failing(redemption, error)
        effects = [_forgetting(decided)] if decided.state is State.FAILED else []
        if redemption.state is State.EXCHANGING:

            async def give_back(connection: Connection) -> None:
                await stock.put_back(connection, redemption)

            effects.append(give_back)
        return await self._advance(redemption, decided, *effects)

    async def _undo(self, redemption: Redemption, until: float) -> Redemption:
        if not await self.ledger.release(redemption, until):
            # The capture had gone through, though its answer was lost: the points are spent, so it goes on. Asked
            # again, the ledger answers the capture as the first time.
            return await self._advance(redemption, replace(redemption, failure=None))
        self.reached("hold released")

        async def give_back(connection: Connection) -> None:
            if redemption.state in RESERVED:
                await stock.put_back(connection, redemption)

        failed = replace(redemption, state=State.FAILED)
        return await self._advance(redemption, failed, give_back, _forgetting(redemption))

    async def _advance(self, before: Redemption, after: Redemption, *effects: Effect) -> Redemption:
        """Commits `after` with the effects in one transaction; where somebody else was faster, answers what is."""
        moved = await self._turn(before, after, *effects)
        return moved or await self.read(before.program, before.id)

    async def _turn(self, before: Redemption, after: Redemption, *effects: Effect) -> Redemption | None:
        """The same; where somebody else was faster, or perhaps this call in a commit without an answer: None."""
        after = replace(after, update_time=self.clock.now())

        async def unit(connection: Connection) -> bool:
            if not await self.move(connection, before, after):
                return False
            for effect in effects:
                await effect(connection)
            return True

        # Run again after a commit whose answer was lost, it finds the state changed and does nothing.
        if not await self.database.run(unit, repeatable=True):
            return None
        self.reached(after.state if after.failure == before.failure else f"{after.state} failing")
        return after


def _forgetting(redemption: Redemption) -> Effect:
    """Lets the request be tried anew where the redemption failed for what may pass. With its end: before, the same
    request has to find the one that is on its way, and make no other.
    """

    async def forget(connection: Connection) -> None:
        if redemption.failure is not None and not redemption.failure.error().frozen:
            await redemptions.forget_request(connection, redemption)

    return forget
