"""Rate books: published with their proof, by one person or two, withdrawn, and read for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.clients.ledger import Ledger
from partner_exchange.domain.book import (
    BookState,
    Edition,
    Person,
    Record,
    check,
    check_approval,
    check_open,
    check_withdrawal,
    effective_time,
)
from partner_exchange.domain.errors import RateBooksBusy
from partner_exchange.domain.proof import Proof, prove
from partner_exchange.domain.rates import PairRate
from partner_exchange.operations.asking import Asking, recorded
from partner_exchange.store import partners, quotes, rates

_PROOFS_MAX = 5
"""Times that a book is proved anew because another one was published meanwhile."""


class _Overtaken(Exception):
    """Another book was published, or withdrawn, since the one that this one was proved with."""


@dataclass(frozen=True)
class Draft:
    """A book to publish."""

    coalition_id: str
    pairs: Sequence[PairRate]
    effective_time: datetime | None
    """None: at once."""
    revaluation: bool


@dataclass(frozen=True)
class RateBooks:
    """A coalition's rate books."""

    database: Database
    ledger: Ledger
    clock: Clock

    async def publish(self, asking: Asking, publisher: Person, draft: Draft) -> tuple[Record, Sequence[PairRate], bool]:
        """Publishes a book once it is proved that it cannot be played, or proposes it where it takes two people;
        answers it, and whether it was sent before.

        The ledger's exchange accounts are opened first, so that what is published can be exchanged.

        Raises:
            NotFound: there is no such coalition.
            InvalidField: a pair, or the effective time, is out of bounds.
            ArbitrageFound, ArbitrageAcrossBooks: with the cycle and the amounts that gain.
            RateBooksBusy, OutcomeUnknown: send the same request again.
        """
        outcome = await recorded(self.database, asking)
        replayed = outcome is not None
        if outcome is None:
            await self._open_accounts(asking, draft)
            outcome, replayed = await self._publish_proved(asking, publisher, draft)
        return *await self.get(draft.coalition_id, int(outcome)), replayed

    async def approve(
        self, asking: Asking, approver: Person, coalition_id: str, version: int
    ) -> tuple[Record, Sequence[PairRate], bool]:
        """Publishes a proposed book, proved anew; answers it, and whether the request was sent before.

        Raises:
            NotFound: there is no such book.
            RateBookSettled, ProposedByYou, RateBookSuperseded: it cannot be approved, or not by this person.
            ArbitrageFound, ArbitrageAcrossBooks: it can be played by now, as a book before was withdrawn.
            RateBooksBusy: send the same request again.
        """
        record, pairs = await self.get(coalition_id, version)
        outcome = await recorded(self.database, asking)
        replayed = outcome is not None

        async def decide(proof: Proof, before: int, connection: Connection) -> bytes:
            found, newest = await self._locked(connection, coalition_id, version)
            check_approval(found, approver, newest.published)
            if newest.held != before:
                raise _Overtaken
            now = self.clock.now()
            asked = max(found.edition.effective_time, now)
            begins = effective_time(asked, now, await _begin_of(connection, coalition_id, before))
            edition = replace(found.edition, effective_time=begins)
            await rates.decide(connection, edition, BookState.PUBLISHED, approver, now)
            await rates.insert_best(connection, coalition_id, version, proof)
            await publish(connection, _event("published", edition, now))
            return b""

        if not replayed:
            replayed = (await self._proved(asking, coalition_id, pairs, record.revaluation, decide))[1]
        return *await self.get(coalition_id, version), replayed

    async def reject(
        self, asking: Asking, decider: Person, coalition_id: str, version: int
    ) -> tuple[Record, Sequence[PairRate], bool]:
        """Rejects a proposed book, or takes the proposal back; answers it, and whether the request was sent before.

        Raises:
            NotFound: there is no such book.
            RateBookSettled: it is no proposal, or no longer.
        """

        async def decide(connection: Connection) -> bytes:
            found, _ = await self._locked(connection, coalition_id, version)
            check_open(found)
            now = self.clock.now()
            await rates.decide(connection, found.edition, BookState.REJECTED, decider, now)
            await publish(connection, _event("rejected", found.edition, now))
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, decide)
        return *await self.get(coalition_id, version), replayed

    async def withdraw(
        self, asking: Asking, coalition_id: str, version: int
    ) -> tuple[Record, Sequence[PairRate], bool]:
        """Withdraws a published book: from now on it does not hold, and nothing that was quoted by it is accepted. One
        that is withdrawn stays so.

        Raises:
            NotFound: there is no such book.
            RateBookSettled: it was never published.
        """

        async def end(connection: Connection) -> bytes:
            found, _ = await self._locked(connection, coalition_id, version)
            if check_withdrawal(found):
                # Rare and short; so nothing is accepted by the book once its withdrawal is answered.
                await quotes.fence(connection)
                now = self.clock.now()
                await rates.withdraw(connection, coalition_id, version, asking.actor, now)
                await publish(connection, _event("withdrawn", found.edition, now))
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, end)
        return *await self.get(coalition_id, version), replayed

    async def get(self, coalition_id: str, version: int) -> tuple[Record, Sequence[PairRate]]:
        """A book with its rates.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await rates.book(connection, coalition_id, version)

    async def newest(self, coalition_id: str, before_version: int, most: int) -> Sequence[Record]:
        """Books without their rates, newest first, from below a version on.

        Raises:
            NotFound: there is no such coalition.
        """
        async with self.database.acquire() as connection:
            await partners.coalition(connection, coalition_id)
            return await rates.newest_first(connection, coalition_id, before_version, most)

    async def _publish_proved(self, asking: Asking, publisher: Person, draft: Draft) -> tuple[bytes, bool]:
        async def insert(proof: Proof, before: int, connection: Connection) -> bytes:
            await partners.lock_coalition(connection, draft.coalition_id)
            newest = await rates.newest(connection, draft.coalition_id)
            if newest.held != before:
                raise _Overtaken
            now = self.clock.now()
            begins = effective_time(draft.effective_time, now, await _begin_of(connection, draft.coalition_id, before))
            edition = Edition(draft.coalition_id, newest.version + 1, begins, None)
            state = BookState.PROPOSED if proof.takes_two else BookState.PUBLISHED
            record = Record(edition, state, bool(proof.review.gain), proof.review, publisher)
            await rates.insert(connection, record, draft.pairs, now)
            if state is BookState.PUBLISHED:
                await rates.insert_best(connection, draft.coalition_id, edition.version, proof)
            await publish(connection, _event(state.value.lower(), edition, now))
            return str(edition.version).encode()

        return await self._proved(asking, draft.coalition_id, draft.pairs, draft.revaluation, insert)

    async def _proved(
        self,
        asking: Asking,
        coalition_id: str,
        pairs: Sequence[PairRate],
        revaluation: bool,
        work: Callable[[Proof, int, Connection], Awaitable[bytes]],
    ) -> tuple[bytes, bool]:
        """Does `work` with the proof of a book and the version of the one before; proves it anew where that has
        changed meanwhile.
        """
        for _ in range(_PROOFS_MAX):
            async with self.database.acquire() as connection:
                coalition = await partners.coalition(connection, coalition_id)
                before = await rates.before(connection, coalition_id)
            # A large book is half a second of arithmetic: other calls go on meanwhile.
            proof = await asyncio.to_thread(prove, pairs, before, coalition.rate_move_max, revaluation=revaluation)
            try:
                return await requests.once(self.database, asking.fingerprint, partial(work, proof, before.version))
            except _Overtaken:
                continue
        raise RateBooksBusy

    async def _locked(self, connection: Connection, coalition_id: str, version: int) -> tuple[Record, rates.Newest]:
        """A book as it is, while nobody else publishes or decides in the coalition."""
        await partners.lock_coalition(connection, coalition_id)
        found, _ = await rates.book(connection, coalition_id, version)
        return found, await rates.newest(connection, coalition_id)

    async def _open_accounts(self, asking: Asking, draft: Draft) -> None:
        """Opens the ledger's accounts for the partners of a well-formed book."""
        async with self.database.acquire() as connection:
            await partners.coalition(connection, draft.coalition_id)
            brands = await partners.of_coalition(connection, draft.coalition_id)
        check(draft.pairs, brands)
        others: dict[str, set[str]] = {}
        for pair in draft.pairs:
            others.setdefault(pair.sender, set()).add(pair.receiver)
            others.setdefault(pair.receiver, set()).add(pair.sender)
        for brand, counterparts in sorted(others.items()):
            if not brands[brand].profile.remote:
                await self.ledger.open_exchange_accounts(brands[brand], counterparts, asking.actor, asking.until)


async def _begin_of(connection: Connection, coalition_id: str, version: int) -> datetime | None:
    """From when on a book holds that was published; None for version 0."""
    return None if version == 0 else (await rates.edition_of(connection, coalition_id, version)).effective_time


def _event(what: str, edition: Edition, now: datetime) -> Event:
    return Event(
        type=f"guerdon.exchange.v1.rate_book_{what}",
        subject=edition.name,
        key=f"coalitions/{edition.coalition_id}",
        time=now,
        data={"version": edition.version, "effective_time": edition.effective_time.isoformat()},
    )
