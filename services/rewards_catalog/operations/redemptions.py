"""What callers ask of redemptions: redeem, cancel, hand over, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.errors import InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.codes import CodeKeys
from rewards_catalog.domain.errors import CalledOff, WalletSpent
from rewards_catalog.domain.kinds import CASH_LIKE, Cash, PartnerTransfer, budget_of
from rewards_catalog.domain.payments import check_payment, paid
from rewards_catalog.domain.prices import MAX_POINTS
from rewards_catalog.domain.redemption import Redemption, State, check_cancellable, check_fulfillable, failing
from rewards_catalog.domain.refunds import refunding
from rewards_catalog.domain.reward import Fulfilment, check_grantable, check_redeemable
from rewards_catalog.domain.transfers import transfer_of
from rewards_catalog.domain.vouchers import voided
from rewards_catalog.domain.wallets import check_wallet
from rewards_catalog.operations.asking import Asking
from rewards_catalog.operations.progress import Progress
from rewards_catalog.store import redemptions, rewards, stock, vouchers
from rewards_catalog.store.changes import Change, note

_WITH_CODES = {Fulfilment.CODE_POOL, Fulfilment.PROVIDER}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be redeemed for whom; `version` is the one that the member was shown (0: whichever is current), and so
    many `points` are to be paid (0: the price); `member` says which tiers and segments the member is in; a value is
    paid into `wallet` (empty: none). Points of a partner go to its account `destination`, at least `least_received` of
    them. What is `granted` costs nothing, and is for whoever it is given to.
    """

    program: str
    reward: str
    account: str
    version: int
    points: int
    member: Groups
    wallet: str
    destination: str = ""
    least_received: int = 0
    granted: bool = False


@dataclass(frozen=True)
class Redemptions:
    """Redemptions, as their callers see them."""

    database: Database
    progress: Progress
    keys: CodeKeys
    hold_time: timedelta
    """How long a redemption may hold points before it is given up."""
    payment_time: timedelta
    """How long it may wait for money before that."""

    async def redeem(self, asking: Asking, wish: Wish) -> tuple[Redemption, bool]:
        """Buys the reward, to the end; answers the redemption, and whether the request was sent before. One that costs
        money too is answered as AWAITING_PAYMENT, one whose provider has not decided as FULFILMENT_UNKNOWN.

        Raises:
            NotFound, RewardNotActive, RewardNotStarted, RewardEnded, NotInAudience, RewardChanged, InvalidField:
                nothing was begun; the same request may pass later.
            InsufficientPoints, PointsLocked, OutOfStock, HoldLapsed, PaymentTooLate, CalledOff, FulfilmentRefused: it
                failed, and so it does for this request for ever.
            AccountLimit, AccountPeriodLimit, RewardLimit, PaymentRefused, CreditRefused, TransferRefused,
                TransferBelowMinimum: it failed; the same request may pass later.
            RedemptionUnfinished, Unavailable: send the same request again, or read the redemption.
        """

        async def accept(connection: Connection) -> bytes:
            await redemptions.insert(connection, fresh, now + self.progress.lease)
            return fresh.id.encode()

        outcome = await self._recorded(asking.fingerprint)
        replayed = outcome is not None
        if outcome is None:
            now = self.progress.clock.now()
            fresh = await self._fresh(asking, wish, now)
            outcome, replayed = await requests.once(self.database, asking.fingerprint, accept)
            if not replayed:
                self.progress.reached(State.PENDING)
        return await self._through(wish.program, outcome.decode(), asking.until), replayed

    async def pay(
        self, asking: Asking, program: str, redemption: str, payment: str, cash: Cash
    ) -> tuple[Redemption, bool]:
        """Sees a redemption through whose money is there, by the name of `payment`; answers it, and whether the request
        was sent before.

        Raises:
            InvalidField: it is another amount, or nothing is called so.
            NotFound: there is no such redemption.
            NotCancellableYet: its points and its piece are not set aside yet.
            NotAwaitingPayment, PaymentTooLate: no money is waited for, for this request for ever.
            HoldLapsed, PaymentRefused: it failed, since its points could not be spent.
            RedemptionUnfinished, Unavailable: send the same request again, or read the redemption.
        """
        check_payment(payment)

        async def confirm(connection: Connection) -> bytes:
            found = await redemptions.lock(connection, program, redemption)
            after = paid(found, payment, cash, self.progress.clock.now())
            await self._turn(connection, asking, found, after, Change.PAID)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, confirm)
        self.progress.reached(State.PAID)
        return await self._through(program, redemption, asking.until), replayed

    async def cancel(self, asking: Asking, program: str, redemption: str) -> tuple[Redemption, bool]:
        """Calls the redemption off and gives the points back; answers it, and whether the request was sent before.
        Where the ledger refuses to take them, it is answered as REFUND_REFUSED; one that was not paid yet, as FAILED.

        Raises:
            NotFound: there is no such redemption.
            NotCancellableYet: it is still under way.
            AlreadyFulfilled, AlreadyCancelled, TransferDone: it is too late, for this request for ever.
            VoucherRedeemed: its voucher was used, and that was not undone.
            RedemptionUnfinished, Unavailable: send the same request again, or read the redemption.
        """

        async def call_off(connection: Connection) -> bytes:
            found = await redemptions.lock(connection, program, redemption)
            check_cancellable(found)
            if found.state is State.AWAITING_PAYMENT:
                decided = failing(found, CalledOff(redemption=found.name))
                await self._turn(connection, asking, found, decided, Change.CANCELLED)
                return b""
            await self._turn(connection, asking, found, replace(found, state=State.CANCELLED), Change.CANCELLED)
            if found.fulfilment is Fulfilment.CODE_POOL:
                voucher = await vouchers.lock(connection, program, found.id)
                await vouchers.keep(connection, voided(voucher, found.name))
                await stock.discount(connection, found)
            else:
                await stock.put_back(connection, found)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, call_off)
        found = await self.progress.read(program, redemption)
        self.progress.reached(f"{found.state} failing" if found.failure else State.CANCELLED)
        return await self.progress.finish(found, asking.until), replayed

    async def refund(self, asking: Asking, program: str, redemption: str, points: int) -> tuple[Redemption, bool]:
        """Gives points back for what was handed over (0: all that are left of the price); answers the redemption, and
        whether the request was sent before. Where the ledger refuses to take them, it is answered as REFUND_REFUSED.

        Raises:
            InvalidField: no number of points.
            NotFound: there is no such redemption.
            NotFulfilled, NotCancellableYet: nothing was handed over yet, or another refund is under way.
            TransferDone: the points are a partner's.
            AlreadyCancelled, RefundNotAllowed, PartialRefundNotAllowed, RefundTooLate, OverRefund: no, for ever.
            WalletSpent: what was paid into a wallet is not all there; the same request may pass later.
            RedemptionUnfinished, Unavailable: send the same request again, or read the redemption.
        """
        if not 0 <= points <= MAX_POINTS:
            raise InvalidField.of("points", "must be between 0 and 2^53")

        async def begin(connection: Connection) -> bytes:
            found = await redemptions.lock(connection, program, redemption)
            reward = await rewards.get(connection, program, found.reward, found.reward_version)
            now = self.progress.clock.now()
            begun = replace(refunding(found, reward.refund, points, now), wallet=wallet)
            moved = await self.progress.move(connection, found, begun)
            assert moved, "it is locked"
            await note(connection, found, Change.REFUNDED, actor=asking.actor, time=now, amount=begun.refund_due)
            return b""

        found = await self.progress.read(program, redemption)
        wallet = found.wallet
        if found.credit and await self._recorded(asking.fingerprint) is None:
            wallet = await self._takable(asking, found, points)
        _, replayed = await requests.once(self.database, asking.fingerprint, begin)
        self.progress.reached(State.REFUNDING)
        return await self.progress.finish(await self.progress.read(program, redemption), asking.until), replayed

    async def fulfil(self, asking: Asking, program: str, redemption: str) -> tuple[Redemption, bool]:
        """Notes that the reward was handed over; answers the redemption, and whether the request was sent before.

        Raises:
            NotFound: there is no such redemption.
            NotIssued: it does not wait to be handed over.
        """

        async def hand_over(connection: Connection) -> bytes:
            found = await redemptions.lock(connection, program, redemption)
            check_fulfillable(found)
            await self._turn(connection, asking, found, replace(found, state=State.FULFILLED), Change.HANDED_OVER)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, hand_over)
        return await self.progress.read(program, redemption), replayed

    async def get(self, program: str, redemption: str) -> Redemption:
        """The redemption as it is now.

        Raises:
            NotFound: there is none.
        """
        return await self.progress.read(program, redemption)

    async def code_of(self, redemption: Redemption) -> str:
        """The code that was issued for the redemption; empty where none was. For those who may see codes only."""
        if redemption.fulfilment not in _WITH_CODES or redemption.state is not State.FULFILLED:
            return ""
        async with self.database.acquire() as connection:
            kept = await stock.code_of(connection, redemption)
        return "" if kept is None else self.keys.open(redemption.program, redemption.reward, kept)

    async def newest(self, program: str, account: str, before: tuple[datetime, str], most: int) -> Sequence[Redemption]:
        """Redemptions, newest first, that come before the given time and id; of one account, or of all (empty)."""
        async with self.database.acquire() as connection:
            return await redemptions.newest(connection, program, account, before, most)

    async def _turn(
        self, connection: Connection, asking: Asking, locked: Redemption, after: Redemption, change: Change
    ) -> None:
        """Moves a redemption because somebody wants it so, and notes who."""
        now = self.progress.clock.now()
        moved = await self.progress.move(connection, locked, replace(after, update_time=now))
        assert moved, "it is locked"
        await note(connection, locked, change, actor=asking.actor, time=now)

    async def _recorded(self, fingerprint: Fingerprint) -> bytes | None:
        async with self.database.acquire() as connection:
            return await requests.find(connection, fingerprint)

    async def _fresh(self, asking: Asking, wish: Wish, now: datetime) -> Redemption:
        async with self.database.acquire() as connection:
            wanted = await rewards.get(connection, wish.program, wish.reward)
        check_redeemable(wanted, now, wish.version, None if wish.granted else wish.member)
        points = wish.points or wanted.price
        cash = None if wish.granted else wanted.cost.cash_due(points)
        payment_end_time = None if cash is None else now + self.payment_time
        if wish.granted:
            check_grantable(wanted)
        elif await self.progress.ledger.unit_of(wish.account, asking.actor, asking.until) != wanted.unit:
            raise InvalidField.of("account", f"must count {wanted.unit}, the unit of the price")
        transfers = isinstance(wanted.kind, PartnerTransfer)
        if not wish.granted:
            check_wallet(wish.wallet, wish.program, budget_of(wanted.kind))
        fresh = Redemption(
            program=wish.program,
            id=new_id("rd"),
            reward=wish.reward,
            reward_version=wanted.version,
            account=wish.account,
            title=wanted.title,
            unit=wanted.unit,
            price=0 if wish.granted else points,
            cash=cash,
            value=wanted.cost.value_due(points),
            payment="",
            payment_end_time=payment_end_time,
            fulfilment=wanted.fulfilment,
            state=State.PENDING,
            failure=None,
            hold="",
            hold_expire_time=(payment_end_time or now) + self.hold_time,
            locked=None,
            transaction="",
            wallet=wish.wallet,
            credit="",
            transfer=transfer_of(transfers, wish.destination, wish.least_received),
            refund_transaction="",
            refunding=0,
            refunded=0,
            refunds=0,
            fulfil_time=None,
            asks=0,
            ask_time=None,
            actor=asking.actor,
            request_key=asking.fingerprint.key,
            create_time=now,
            update_time=now,
        )
        if fresh.wallet:
            budget = budget_of(wanted.kind)
            assert budget is not None, "a wallet is for what a budget pays"
            await self.progress.wallets.check_payable(fresh, budget, asking.until)
        if wish.granted or fresh.transfer or not isinstance(wanted.kind, CASH_LIKE):
            return fresh  # of a transfer, the coalition asks what is locked
        return replace(fresh, locked=await self.progress.locked_points.of(wish.account, asking.actor, asking.until))

    async def _takable(self, asking: Asking, found: Redemption, points: int) -> str:
        """Checks that what was paid into a wallet can go back now, without deciding that it does; answers the wallet
        that has it: of whoever stands for the member, who may have been merged since.

        Raises:
            DomainError: the terms say no, as they will.
            WalletSpent: it is not all there.
        """
        async with self.database.acquire() as connection:
            reward = await rewards.get(connection, found.program, found.reward, found.reward_version)
        refunding(found, reward.refund, points, self.progress.clock.now())
        try:
            await self.progress.wallets.check_has(found, asking.until)
        except WalletSpent:
            wallet = await self.progress.locked_points.surviving(found.wallet, asking.actor, asking.until)
            if wallet == found.wallet:
                raise
            await self.progress.wallets.check_has(replace(found, wallet=wallet), asking.until)
            return wallet
        return found.wallet

    async def _through(self, program: str, redemption: str, until: float) -> Redemption:
        """The redemption at rest, unless it failed.

        Raises:
            DomainError: why it failed.
            RedemptionUnfinished: what became of a step is not known yet.
        """
        found = await self.progress.finish(await self.progress.read(program, redemption), until)
        if found.state in {State.FAILED, State.REFUNDED} and found.failure is not None:
            raise found.failure.error()
        return found
