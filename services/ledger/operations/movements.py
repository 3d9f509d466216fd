"""Everything that moves or sets aside points: checked against what never changes here, then committed in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from guerdon_kit.errors import DomainError, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.postgres import Database
from ledger.domain.holds import CaptureOrder, HoldOrder
from ledger.domain.lots import Activate, Cancel, LotsOrder, MoveExpiry
from ledger.domain.model import Account, AccountKind, Hold, HoldTerms, Kind, Program
from ledger.domain.permissions import require_resolvable
from ledger.domain.reversal import (
    FINAL,
    Original,
    OriginalPosting,
    ReversalOrder,
    consumed,
    require_cancellable,
)
from ledger.domain.transfer import made_lots
from ledger.operations.batch import Answer, Done
from ledger.operations.commit import Committer
from ledger.operations.holds import Holds
from ledger.operations.transactions import StoredTransaction, Transactions
from ledger.operations.work import Capture, Place, Post, Release, Reverse, UpdateLots, Work
from ledger.store.directory import Directory

OTHER_PROGRAMS_MAX = 100
"""An exchange has no more postings."""


@dataclass(frozen=True, slots=True)
class HoldAnswer:
    """A hold, with the outcome of a write to it."""

    terms: HoldTerms
    done: Done


class Movements:
    """Posts, holds, captures, releases and reverses."""

    def __init__(
        self, database: Database, directory: Directory, transactions: Transactions, committer: Committer
    ) -> None:
        self._directory = directory
        self._transactions = transactions
        self._committer = committer
        self._holds = Holds(database, directory)

    async def post(self, works: Sequence[Post], deadline: float, *, whole: bool = False) -> list[Answer]:
        """Posts transactions, each on its own, or as a `whole` all or none. Raises Overloaded."""
        return await self._committer.submit(works, deadline, whole=whole)

    async def place(self, order: HoldOrder, fingerprint: Fingerprint, deadline: float) -> HoldAnswer:
        """Places a hold. Raises the refusals of `domain.holds.place`."""
        account, forgotten = order.account, self._directory.forgotten
        done = await self._one(Place(fingerprint, account, order), deadline)
        if done.replayed:  # its purpose may have been erased meanwhile
            return HoldAnswer(await self._holds.terms(account.program, done.outcome.hold), done)
        terms = HoldTerms(done.outcome.hold, account, order.amount, order.expire_time, order.purpose)
        self._holds.learn(terms, forgotten)
        return HoldAnswer(terms, done)

    async def capture(self, name: str, order: CaptureRequest, fingerprint: Fingerprint, deadline: float) -> HoldAnswer:
        """Captures a hold. Raises NotFound, InvalidField, and the refusals of `domain.holds.capture`."""
        terms = await self._holds.terms(*await self._place_of(name))
        destination = await self._capture_destination(terms.account, order.destination)
        rules_order = CaptureOrder(order.amount, destination, order.actor, order.memo)
        done = await self._one(Capture(fingerprint, terms.account, terms.id, rules_order), deadline)
        return HoldAnswer(terms, done)

    async def release(self, name: str, actor: str, fingerprint: Fingerprint, deadline: float) -> HoldAnswer:
        """Releases a hold. Raises NotFound, and the refusals of `domain.holds.release`."""
        terms = await self._holds.terms(*await self._place_of(name))
        done = await self._one(Release(fingerprint, terms.account, terms.id, actor), deadline)
        return HoldAnswer(terms, done)

    async def reverse(
        self,
        name: str,
        others: Sequence[str],
        order: ReversalOrder,
        service: str | None,
        fingerprint: Fingerprint,
        deadline: float,
    ) -> tuple[Done, Original]:
        """Reverses a transaction for a caller, or Guerdon's own `service`. `others` are the programs that an exchange
        touches besides the one of its name.

        Raises:
            NotFound, KindNotAllowed, InvalidField, and the refusals of `domain.reversal.reverse`.
        """
        original = await self.original(name)
        if original.kind not in FINAL:
            require_resolvable(original.kind, service)
        if others or original.kind is Kind.EXCHANGE:
            original = await self._exchange(original, others)
        return await self._one(Reverse(fingerprint, order, original, original.program), deadline), original

    async def update_lots(
        self, account: Account, order: LotsRequest, service: str | None, fingerprint: Fingerprint, deadline: float
    ) -> Done:
        """Moves the expiry of lots, activates or cancels them, for a caller or Guerdon's own `service`.

        Raises:
            NotFound, InvalidField: a transaction does not exist, or brought nothing to the account.
            NotReversible, KindNotAllowed: the caller may not cancel what it brought.
            The refusals of `domain.lots.update_lots`.
        """
        originals = [await self.original(name) for name in order.transactions]
        made: set[int] = set()
        for index, original in enumerate(originals):
            lots = [lot for p in original.postings if p.destination == account for lot in p.made]
            if not lots:
                raise InvalidField.of(f"transactions[{index}]", "brought nothing to the account")
            made.update(lots)
        change: MoveExpiry | Activate | Cancel
        if order.change is not None:
            change = order.change
        else:
            for original in originals:
                require_cancellable(original)
                require_resolvable(original.kind, service)
            change = Cancel(tuple(originals))
        lots_order = LotsOrder(frozenset(made) if originals else None, change, order.actor)
        return await self._one(UpdateLots(fingerprint, account, lots_order), deadline)

    async def hold(self, name: str) -> tuple[Hold, Account]:
        """A hold as it is now, and its account. Raises InvalidField, NotFound."""
        return await self._holds.find(*await self._place_of(name))

    async def original(self, name: str) -> Original:
        """A transaction as it was posted, as far as it lies in its program. Raises InvalidField, NotFound."""
        return _original(await self._transactions.find(name))

    async def _exchange(self, part: Original, others: Sequence[str]) -> Original:
        """The whole exchange, of which one program's part is given. Raises InvalidField, NotFound."""
        if part.kind is not Kind.EXCHANGE:
            raise InvalidField.of("other_programs", "must be empty: only an EXCHANGE touches several programs")
        if len(others) > OTHER_PROGRAMS_MAX:
            raise InvalidField.of("other_programs", f"must be at most {OTHER_PROGRAMS_MAX}")
        postings = {posting.id: posting for posting in part.postings}
        for other in others:
            found = await self._transactions.find(f"{other}/transactions/{part.id}")
            postings |= {posting.id: posting for posting in _original(found).postings}
        if len(postings) < part.size:
            raise InvalidField.of("other_programs", "must be all that the EXCHANGE touches")
        return replace(part, postings=tuple(postings[id_] for id_ in sorted(postings)))

    async def _place_of(self, name: str) -> tuple[Program, int]:
        """The program and the id that a hold's name has. Raises InvalidField, NotFound."""
        program_id, hold = parse(name, "programs/{program}/holds/{hold}")
        program = await self._directory.program_by_id(program_id)
        if not hold.isdecimal() or int(hold) >= 2**63:
            raise NotFound(name)
        return program, int(hold)

    async def _capture_destination(self, account: Account, name: str) -> Account:
        if not name:
            if not self._directory.knows_system_accounts(account.program, account.unit):
                await self._directory.load_system_accounts(account.program)
            return self._directory.redemption(account.program, account.unit)
        found = await self._directory.account(name, "destination")
        if (found.program, found.unit, found.kind) != (account.program, account.unit, AccountKind.REDEMPTION):
            raise InvalidField.of("destination", "must be a REDEMPTION account of the hold's program and unit")
        return found

    async def _one(self, work: Work, deadline: float) -> Done:
        [answer] = await self._committer.submit([work], deadline)
        if isinstance(answer, DomainError):
            raise answer
        return answer


def _original(found: StoredTransaction) -> Original:
    postings = [
        OriginalPosting(
            p.id, p.source, p.destination, p.amount, consumed(p.source, p.moves, p.amount), made_lots(p.id, p.moves)
        )
        for p in found.postings
    ]
    return Original(found.id, found.program, found.kind, found.size, tuple(postings))


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """A capture as it is asked for. `destination` is a name, or empty for the unit's own REDEMPTION account."""

    amount: int
    destination: str
    actor: str
    memo: str


@dataclass(frozen=True, slots=True)
class LotsRequest:
    """A change of lots as it is asked for: of those that the transactions made, or of all that are open."""

    transactions: tuple[str, ...]
    change: MoveExpiry | Activate | None
    """None: they are cancelled."""
    actor: str
