"""What callers ask of redemptions: redeem, cancel, hand over, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.domain.codes import CodeKeys
from rewards_catalog.domain.errors import RedemptionUnfinished
from rewards_catalog.domain.redemption import Redemption, State, check_cancellable, check_fulfillable
from rewards_catalog.domain.refunds import refunding
from rewards_catalog.domain.reward import MAX_POINTS, Fulfilment, check_redeemable
from rewards_catalog.domain.vouchers import voided
from rewards_catalog.operations.asking import Asking
from rewards_catalog.operations.progress import Progress
from rewards_catalog.store import redemptions, rewards, stock, vouchers
from rewards_catalog.store.changes import Change, note


@dataclass(frozen=True)
class Redemptions:
    """Redemptions, as their callers see them."""

    database: Database
    progress: Progress
    keys: CodeKeys
    hold_time: timedelta
    """How long a redemption may hold points before it is given up."""

    async def redeem(
        self, asking: Asking, program: str, reward: str, account: str, version: int
    ) -> tuple[Redemption, bool]:
        """Buys the reward, to the end; answers the redemption, and whether the request was sent before.

        `version` is the one that the member was shown; 0 takes whichever is current.

        Raises:
            NotFound, RewardNotActive, RewardNotStarted, RewardEnded, RewardChanged, InvalidField: nothing was begun;
                the same request may pass later.
            InsufficientPoints, OutOfStock, HoldLapsed: it failed, and so it does for this request for ever.
            AccountLimit, AccountPeriodLimit, RewardLimit, PaymentRefused: it failed; the same request may pass later.
            RedemptionUnfinished, Unavailable: send the same request again, or read the redemption.
        """

        async def accept(connection: Connection) -> bytes:
            await redemptions.insert(connection, fresh, now + self.progress.lease)
            return fresh.id.encode()

        outcome = await self._recorded(asking.fingerprint)
        replayed = outcome is not None
        if outcome is None:
            now = self.progress.clock.now()
            fresh = await self._fresh(asking, (program, reward, version), account, now)
            outcome, replayed = await requests.once(self.database, asking.fingerprint, accept)
            if not replayed:
                self.progress.reached(State.PENDING)
        redemption = await self._finish(await self.progress.read(program, outcome.decode()), asking.until)
        if redemption.state is State.FAILED and redemption.failure is not None:
            raise redemption.failure.error()
        return redemption, replayed

    async def cancel(self, asking: Asking, program: str, redemption: str) -> tuple[Redemption, bool]:
        """Calls the redemption off and gives the points back; answers it, and whether the request was sent before.
        Where the ledger refuses to take them, it is answered as REFUND_REFUSED.

        Raises:
            NotFound: there is no such redemption.
            NotCancellableYet: it is still under way.
            AlreadyFulfilled, AlreadyCancelled: it is too late, for this request for ever.
            VoucherRedeemed: its voucher was used, and that was not undone.
            RedemptionUnfinished, Unavailable: send the same request again, or read the redemption.
        """

        async def call_off(connection: Connection) -> bytes:
            found = await redemptions.lock(connection, program, redemption)
            check_cancellable(found)
            await self._turn(connection, asking, found, State.CANCELLED, Change.CANCELLED)
            if found.fulfilment is Fulfilment.CODE_POOL:
                voucher = await vouchers.lock(connection, program, found.id)
                await vouchers.keep(connection, voided(voucher, found.name))
                await stock.discount(connection, found)
            else:
                await stock.put_back(connection, found)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, call_off)
        self.progress.reached(State.CANCELLED)
        return await self._finish(await self.progress.read(program, redemption), asking.until), replayed

    async def refund(self, asking: Asking, program: str, redemption: str, points: int) -> tuple[Redemption, bool]:
        """Gives points back for what was handed over (0: all that are left of the price); answers the redemption, and
        whether the request was sent before. Where the ledger refuses to take them, it is answered as REFUND_REFUSED.

        Raises:
            InvalidField: no number of points.
            NotFound: there is no such redemption.
            NotFulfilled, NotCancellableYet: nothing was handed over yet, or another refund is under way.
            AlreadyCancelled, RefundNotAllowed, PartialRefundNotAllowed, RefundTooLate, OverRefund: no, for ever.
            RedemptionUnfinished, Unavailable: send the same request again, or read the redemption.
        """
        if not 0 <= points <= MAX_POINTS:
            raise InvalidField.of("points", "must be between 0 and 2^53")

        async def begin(connection: Connection) -> bytes:
            found = await redemptions.lock(connection, program, redemption)
            reward = await rewards.get(connection, program, found.reward, found.reward_version)
            now = self.progress.clock.now()
            begun = refunding(found, reward.refund, points, now)
            moved = await self.progress.move(connection, found, begun)
            assert moved, "it is locked"
            await note(connection, found, Change.REFUNDED, actor=asking.actor, time=now, amount=begun.refund_due)
            if begun.refunded + begun.refund_due == found.price:
                await stock.discount(connection, found)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, begin)
        self.progress.reached(State.REFUNDING)
        return await self._finish(await self.progress.read(program, redemption), asking.until), replayed

    async def fulfil(self, asking: Asking, program: str, redemption: str) -> tuple[Redemption, bool]:
        """Notes that the reward was handed over; answers the redemption, and whether the request was sent before.

        Raises:
            NotFound: there is no such redemption.
            NotIssued: it does not wait to be handed over.
        """

        async def hand_over(connection: Connection) -> bytes:
            found = await redemptions.lock(connection, program, redemption)
            check_fulfillable(found)
            await self._turn(connection, asking, found, State.FULFILLED, Change.HANDED_OVER)
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
        if redemption.fulfilment is not Fulfilment.CODE_POOL or redemption.state is not State.FULFILLED:
            return ""
        async with self.database.acquire() as connection:
            kept = await stock.code_of(connection, redemption)
        assert kept is not None, "an issued redemption of a code pool has its code"
        return self.keys.open(redemption.program, redemption.reward, kept)

    async def newest(self, program: str, account: str, before: tuple[datetime, str], most: int) -> Sequence[Redemption]:
        """Redemptions, newest first, that come before the given time and id; of one account, or of all (empty)."""
        async with self.database.acquire() as connection:
            return await redemptions.newest(connection, program, account, before, most)

    async def _turn(
        self, connection: Connection, asking: Asking, locked: Redemption, state: State, change: Change
    ) -> None:
        """Moves a redemption because somebody wants it so, and notes who."""
        now = self.progress.clock.now()
        moved = await self.progress.move(connection, locked, replace(locked, state=state, update_time=now))
        assert moved, "it is locked"
        await note(connection, locked, change, actor=asking.actor, time=now)

    async def _recorded(self, fingerprint: Fingerprint) -> bytes | None:
        async with self.database.acquire() as connection:
            return await requests.find(connection, fingerprint)

    async def _fresh(self, asking: Asking, of: tuple[str, str, int], account: str, now: datetime) -> Redemption:
        program, reward, version = of
        async with self.database.acquire() as connection:
            wanted = await rewards.get(connection, program, reward)
        check_redeemable(wanted, now, version)
        if await self.progress.ledger.unit_of(account, asking.actor, asking.until) != wanted.unit:
            raise InvalidField.of("account", f"must count {wanted.unit}, the unit of the price")
        return Redemption(
            program=program,
            id=new_id("rd"),
            reward=reward,
            reward_version=wanted.version,
            account=account,
            title=wanted.title,
            unit=wanted.unit,
            price=wanted.price,
            fulfilment=wanted.fulfilment,
            state=State.PENDING,
            failure=None,
            hold="",
            hold_expire_time=now + self.hold_time,
            transaction="",
            refund_transaction="",
            refunding=0,
            refunded=0,
            refunds=0,
            fulfil_time=None,
            actor=asking.actor,
            request_key=asking.fingerprint.key,
            create_time=now,
            update_time=now,
        )

    async def _finish(self, redemption: Redemption, until: float) -> Redemption:
        """The redemption at rest.

        Raises:
            RedemptionUnfinished: what became of a step is not known yet.
        """
        try:
            return await self.progress.drive(redemption, until)
        except OutcomeUnknown as error:
            now = await self.progress.read(redemption.program, redemption.id)
            raise RedemptionUnfinished(redemption=now.name, state=now.state) from error
