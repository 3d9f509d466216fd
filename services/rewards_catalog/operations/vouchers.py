"""The promise of a voucher: it is used once, or as far as its balance goes, whoever comes with its code.

A use is one local transaction: the voucher's row is locked, what it allows is decided, and the use, its request's
record and its event are written with it. So of two tills that come at once one finds what the other did, and a till
that lost its answer gets it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, InvalidField
from guerdon_kit.events import Event, publish
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.domain.codes import CodeKeys
from rewards_catalog.domain.errors import RateLimited, VoucherMistyped, VoucherUnknown
from rewards_catalog.domain.generated import CodeScheme
from rewards_catalog.domain.kinds import Cash
from rewards_catalog.domain.reward import Fulfilment, check_fulfilment
from rewards_catalog.domain.vouchers import (
    Till,
    Undoing,
    Use,
    Voucher,
    VoucherTerms,
    check_terms,
    check_till,
    check_usable,
    unused,
    used,
)
from rewards_catalog.operations.asking import Asking
from rewards_catalog.operations.progress import Reached, nowhere
from rewards_catalog.store import rewards, vouchers

MAX_READ = 200
"""The longest text that may be a code: one of 128 characters, with blanks and hyphens."""
_MINUTE = timedelta(minutes=1)
_REDEEMED = "guerdon.rewards.v1.voucher_redeemed"
_UNDONE = "guerdon.rewards.v1.voucher_redemption_undone"


@dataclass(frozen=True)
class Vouchers:
    """The vouchers of all programs. No code is kept, or written anywhere, that is asked for here."""

    database: Database
    keys: CodeKeys
    scheme: CodeScheme
    clock: Clock
    undo_time: timedelta
    """How long a till may undo a use."""
    lookups_per_minute: int
    """For how many codes a caller may look, unknown ones of `redeem` included."""
    reached: Reached = nowhere

    def digest(self, program: str, read: str) -> bytes:
        """The keyed digest of a code, however it was typed."""
        return self.keys.digest(program, self.scheme.canonical(read))

    async def set_terms(self, asking: Asking, program: str, reward: str, terms: VoucherTerms) -> bool:
        """Puts the terms in force for redemptions from now on; answers whether the request was sent before.

        Raises:
            InvalidField: a bound is broken.
            NotFound: there is no such reward.
            WrongFulfilment: it has no codes.
        """
        check_terms(terms)

        async def work(connection: Connection) -> bytes:
            found = await rewards.get(connection, program, reward)
            check_fulfilment(found, Fulfilment.CODE_POOL)
            await vouchers.set_terms(connection, found, terms, actor=asking.actor, time=self.clock.now())
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        return replayed

    async def terms(self, program: str, reward: str) -> VoucherTerms:
        """The terms that are in force now.

        Raises:
            NotFound: there is no such reward.
        """
        async with self.database.acquire() as connection:
            await rewards.get(connection, program, reward)
            return await vouchers.terms_at(connection, program, reward, self.clock.now())

    async def validate(
        self, caller: str, program: str, read: str, amount: Cash | None
    ) -> tuple[Voucher, DomainError | None]:
        """The voucher of a code, and why a till could not use it now; changes nothing.

        Raises:
            VoucherMistyped, VoucherUnknown: it is no voucher's code.
            RateLimited: the caller has looked for too many.
            InvalidField: the voucher cannot be used by such an amount.
        """
        self._check_typing(read)
        now = self.clock.now()
        await self._count(caller, program, now)
        async with self.database.acquire() as connection:
            voucher = await vouchers.get(connection, program, await self._find(connection, program, read))
            last = await vouchers.last_use(connection, voucher)
        try:
            check_usable(voucher, amount, now, last)
        except DomainError as refusal:
            if refusal.violations:
                raise
            return voucher, refusal
        return voucher, None

    async def redeem(
        self, asking: Asking, caller: str, program: str, read: str, amount: Cash | None, till: Till
    ) -> tuple[Use, bool]:
        """Uses the voucher of a code; answers the use as it is now, and whether the request was sent before.

        Raises:
            InvalidField: the till's texts are out of bounds, or the voucher cannot be used by such an amount.
            VoucherMistyped, VoucherUnknown, RateLimited: it is no voucher's code, or nobody looks any more.
            VoucherNotYetValid: it may pass later.
            AlreadyRedeemed, InsufficientBalance, VoucherExpired, VoucherIsVoid: so for this request for ever.
        """
        check_till(till)
        self._check_typing(read)

        async def work(connection: Connection) -> bytes:
            now = self.clock.now()
            if await vouchers.lookups(connection, program, caller, _minute(now)) >= self.lookups_per_minute:
                raise self._limited(now)
            voucher = await vouchers.lock(connection, program, await self._find(connection, program, read))
            after = used(voucher, amount, now, await vouchers.last_use(connection, voucher))
            await vouchers.keep(connection, after)
            use = Use(
                voucher=after,
                id=new_id("vu"),
                amount=None if amount is None else amount.minor_units,
                balance=after.balance,
                till=till,
                actor=asking.actor,
                create_time=now,
                undo_end_time=now + self.undo_time,
                undoing=None,
            )
            await vouchers.insert_use(connection, use)
            await publish(connection, _event(_REDEEMED, use, till, now))
            self.reached("voucher used")
            return f"{use.voucher.id}/{use.id}".encode()

        try:
            outcome, replayed = await requests.once(self.database, asking.fingerprint, work)
        except VoucherUnknown:
            await self._count(caller, program, self.clock.now())
            raise
        self.reached("voucher redeemed")
        return await self.use(program, *outcome.decode().split("/")), replayed

    async def undo(self, asking: Asking, program: str, voucher: str, use: str, till: Till) -> tuple[Use, bool]:
        """Takes a use back; answers it as it is now, and whether the request was sent before.

        Raises:
            InvalidField: the till's texts are out of bounds.
            NotFound: there is no such use.
            AlreadyUndone, UndoTooLate: so for this request for ever.
        """
        check_till(till)

        async def work(connection: Connection) -> bytes:
            locked = await vouchers.lock(connection, program, voucher)
            found = await vouchers.use_of(connection, locked, use)
            now = self.clock.now()
            await vouchers.keep(connection, unused(locked, found, now))
            await vouchers.undo(connection, found, Undoing(now, till, asking.actor))
            await publish(connection, _event(_UNDONE, found, till, now))
            self.reached("voucher use undone")
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        self.reached("voucher undone")
        return await self.use(program, voucher, use), replayed

    async def get(self, program: str, voucher: str) -> Voucher:
        """The voucher as it is now.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await vouchers.get(connection, program, voucher)

    async def use(self, program: str, voucher: str, use: str) -> Use:
        """A use as it is now.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await vouchers.use_of(connection, await vouchers.get(connection, program, voucher), use)

    async def uses(self, program: str, voucher: str, before: tuple[datetime, str], most: int) -> Sequence[Use]:
        """What tills did with the voucher, newest first, that comes before the given time and id.

        Raises:
            NotFound: there is no such voucher.
        """
        async with self.database.acquire() as connection:
            found = await vouchers.get(connection, program, voucher)
            return await vouchers.newest_uses(connection, found, before, most)

    def _check_typing(self, read: str) -> None:
        if len(read) > MAX_READ:
            raise InvalidField.of("code", f"must have at most {MAX_READ} characters")
        if self.scheme.mistyped(self.scheme.canonical(read)):
            raise VoucherMistyped

    async def _find(self, connection: Connection, program: str, read: str) -> str:
        found = await vouchers.id_of(connection, program, self.digest(program, read))
        if found is None:
            raise VoucherUnknown(program=f"programs/{program}")
        return found

    async def _count(self, caller: str, program: str, now: datetime) -> None:
        """Counts that the caller looks for a code.

        In a transaction of its own, before the look: what is refused later was looked for all the same.
        """

        async def unit(connection: Connection) -> bool:
            return await vouchers.count_lookup(connection, program, caller, _minute(now), self.lookups_per_minute)

        if not await self.database.run(unit):
            raise self._limited(now)

    def _limited(self, now: datetime) -> RateLimited:
        return RateLimited(self.lookups_per_minute, _minute(now) + _MINUTE, now)


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _event(type_: str, use: Use, till: Till, now: datetime) -> Event:
    """What the world is told. No code is in it, and nobody's name."""
    voucher = use.voucher
    data: dict[str, str | int] = {
        "use": use.name,
        "reward": voucher.reward_name,
        "account": voucher.account,
        "store": till.store,
        "terminal": till.terminal,
    }
    if voucher.value is not None and use.amount is not None:
        data |= {"minor_units": use.amount, "currency_code": voucher.value.currency}
    return Event(type=type_, subject=voucher.name, key=voucher.name, time=now, data=data)
