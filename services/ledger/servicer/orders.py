"""Requests into the rules' orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from types import MappingProxyType

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.ledger.v1 import ledger_pb2
from guerdon.ledger.v1 import resources_pb2 as pb
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.grpc.messages import instant
from guerdon_kit.names import parse, tenant_of
from ledger.domain.books import IfClosed
from ledger.domain.chain import HASH_BYTES, Head
from ledger.domain.locked import LOCKABLE, Locked
from ledger.domain.lots import Activate, MoveExpiry
from ledger.domain.model import AMOUNT_MAX, LONG_AGO, MOVING, NEVER, SIDES, Account, Kind, Program
from ledger.domain.permissions import DIRECTED, require_direction, require_kind, require_outgoing, require_program
from ledger.domain.posting import PostingOrder, TransactionOrder
from ledger.operations.movements import LotsRequest

KnownAccount = Callable[[str], Account | None]
"""Finds an account by its name among those in memory."""

MEMO_MAX = 200
POSTINGS_MAX = 100
UPDATED_TRANSACTIONS_MAX = 100
HOLD_MAX = timedelta(days=90)
_AHEAD_MAX = timedelta(seconds=1)
HEADS_MAX = 10_000
_NONE: Mapping[str, Account] = MappingProxyType({})


class TransactionOrders:
    """Makes orders of the transactions that one call asks for. Their accounts were read before, where they exist; those
    `unopened`, by name, may be credited besides.
    """

    __slots__ = ("_actor", "_kinds", "_known", "_latest", "_program", "_service", "_unopened")

    def __init__(
        self,
        program: Program,
        known: KnownAccount,
        actor: str,
        service: str | None,
        now: datetime,
        unopened: Mapping[str, Account] = _NONE,
    ) -> None:
        self._program = program
        self._known = known
        self._actor = actor
        self._service = service
        self._latest = now + _AHEAD_MAX
        self._unopened = unopened
        self._kinds: dict[int, Kind] = {}
        """The kinds that the caller was found to be allowed."""

    def order(self, message: pb.Transaction) -> TransactionOrder:
        """A transaction that is asked for.

        Raises:
            InvalidField: paths are relative to the transaction.
            NotFound: an account does not exist.
            KindNotAllowed, SpansPrograms: the caller may not post this.
        """
        kind = self._kinds.get(message.kind) or self._allowed(message.kind)
        memo = message.memo
        if memo:
            text(memo, "memo")
        asked = message.postings
        if len(asked) > POSTINGS_MAX:
            raise InvalidField.of("postings", f"must be 1 to {POSTINGS_MAX}")
        known, unopened = self._known, self._unopened
        postings = tuple([_posting(posting, index, kind, known, unopened) for index, posting in enumerate(asked)])
        program = self._program
        for posting in postings:
            if posting.source.program is not program:  # the directory has one object for each, mostly
                require_program(posting.source.program, program, kind)
        if kind in DIRECTED:
            require_direction(kind, [posting.source.kind for posting in postings], self._service)
        effective = None
        if message.HasField("effective_time"):
            effective = instant(message.effective_time, "effective_time")
            if effective > self._latest:
                raise InvalidField.of("effective_time", "must not lie in the future")
        if_closed = _IF_CLOSED.get(message.if_closed)
        if if_closed is None:
            raise InvalidField.of("if_closed", "is not a choice")
        return TransactionOrder(program, kind, postings, effective, self._actor, memo, if_closed)

    def _allowed(self, value: int) -> Kind:
        kind = _KINDS.get(value)
        if kind is None:
            raise InvalidField.of("kind", "must be a kind that a caller can post")
        require_kind(kind, self._service)
        self._kinds[value] = kind
        return kind


_KINDS = {int(kind): kind for kind in SIDES}
_IF_CLOSED = {0: IfClosed.REFUSE} | {int(choice): choice for choice in IfClosed}


def _posting(
    message: pb.Posting, index: int, kind: Kind, known: KnownAccount, unopened: Mapping[str, Account]
) -> PostingOrder:
    source = known(message.source) or _missing(message.source, f"postings[{index}].source")
    destination = (
        known(message.destination)
        or unopened.get(message.destination)
        or _missing(message.destination, f"postings[{index}].destination")
    )
    amount = message.amount
    if not 1 <= amount <= AMOUNT_MAX:
        raise InvalidField.of(f"postings[{index}].amount", "must be 1 to 2^53")
    expire, available = _times(message, index, kind)
    _check_sides(source, destination, kind, index)
    if not message.HasField("locked"):
        return PostingOrder(source, destination, amount, expire, available)
    if kind not in LOCKABLE or not source.is_member:
        raise InvalidField.of(f"postings[{index}].locked", f"is not for a {kind.name} from {source.kind.name}")
    return PostingOrder(
        source, destination, amount, expire, available, locked_of(message.locked, f"postings[{index}].locked")
    )


def _times(message: pb.Posting, index: int, kind: Kind) -> tuple[datetime, datetime]:
    """When what a posting makes expires, and from when on it can be spent. Raises InvalidField."""
    expire, available = NEVER, LONG_AGO
    try:
        if message.HasField("expire_time"):
            expire = instant(message.expire_time, "expire_time")
        if message.HasField("available_time"):
            available = instant(message.available_time, "available_time")
    except InvalidField as error:  # so that the path is put together where it is told
        raise error.within(f"postings[{index}]") from error
    if available is not LONG_AGO and available >= expire:
        raise InvalidField.of(f"postings[{index}].available_time", "must be before the expiry")
    if message.pending:
        if available != LONG_AGO:
            raise InvalidField.of(f"postings[{index}].pending", "must not be set beside available_time")
        available = NEVER
    timed = expire is not NEVER or available is not LONG_AGO
    if timed and kind in MOVING and (kind is not Kind.MERGE or not message.pending or expire is not NEVER):
        raise InvalidField.of(f"postings[{index}]", f"a {kind.name} keeps the times of the points that it moves")
    return expire, available


def _missing(name: str, field: str) -> Account:
    parse(name, "programs/{program}/accounts/{account}", field)
    raise NotFound(name)


def _check_sides(source: Account, destination: Account, kind: Kind, index: int) -> None:
    if (source.kind, destination.kind) not in SIDES[kind]:
        raise InvalidField.of(
            f"postings[{index}]",
            f"{kind.name} does not move points from {source.kind.name} to {destination.kind.name}",
        )
    if source.outgoing:
        require_outgoing(source, kind)
    if source.id == destination.id:
        raise InvalidField.of(f"postings[{index}].destination", "must differ from the source")
    if source.program is not destination.program and source.program != destination.program:
        raise InvalidField.of(f"postings[{index}].destination", "must be of the source's program")
    if source.unit != destination.unit:
        raise InvalidField.of(f"postings[{index}].destination", "must be of the source's unit")


def locked_of(message: pb.Locked, field: str) -> Locked:
    """What a debit has to leave. Raises InvalidField."""
    version = message.account_version if message.HasField("account_version") else None
    if version is not None and version < 0:
        raise InvalidField.of(f"{field}.account_version", "must be at least 0")
    until = NEVER
    if message.HasField("valid_until"):
        if version is None:
            raise InvalidField.of(f"{field}.valid_until", "is for what was found at an account_version")
        until = instant(message.valid_until, f"{field}.valid_until")
    return Locked(amount(message.amount, f"{field}.amount", least=0), version, until)


def hold_expiry(message: Timestamp, now: datetime) -> datetime:
    """When a hold lapses. Raises InvalidField where that is more than 90 days ahead.

    That it is later than now is decided under lock: the same request, sent again after the hold has lapsed, is
    answered as it was the first time.
    """
    time = instant(message, "hold.expire_time")
    if time > now + HOLD_MAX:
        raise InvalidField.of("hold.expire_time", f"must be at most {HOLD_MAX.days} days ahead")
    return time


def lots_request(message: ledger_pb2.UpdateLotsRequest, account: Account, actor: str) -> LotsRequest:
    """A change of lots that is asked for. Raises InvalidField."""
    names = tuple(message.transactions)
    if len(names) > UPDATED_TRANSACTIONS_MAX:
        raise InvalidField.of("transactions", f"must be at most {UPDATED_TRANSACTIONS_MAX}")
    if len(set(names)) < len(names):
        raise InvalidField.of("transactions", "must each occur once")
    same_tenant(names, account.program.name, "transactions")
    match message.WhichOneof("change"):
        case "move_expiry":
            to = NEVER
            if message.move_expiry.HasField("expire_time"):
                to = instant(message.move_expiry.expire_time, "move_expiry.expire_time")
            return LotsRequest(names, MoveExpiry(to, message.move_expiry.only_extend), actor)
        case "activate":
            return LotsRequest(names, Activate(), actor)
        case "cancel":
            if not names:
                raise InvalidField.of("transactions", "must be named where their lots are cancelled")
            return LotsRequest(names, None, actor)
        case _:
            raise InvalidField.of("change", "must be one of move_expiry, activate and cancel")


def amount(value: int, field: str, *, least: int) -> int:
    """An amount within its bounds. Raises InvalidField."""
    if not least <= value <= AMOUNT_MAX:
        raise InvalidField.of(field, f"must be {least} to 2^53")
    return value


def text(value: str, field: str) -> str:
    """Words of at most 200 characters, without NUL, which PostgreSQL does not store. Raises InvalidField."""
    if len(value) > MEMO_MAX or "\0" in value:
        raise InvalidField.of(field, f"must have at most {MEMO_MAX} characters, none of them NUL")
    return value


def one_of(values: type[IntEnum], value: int, field: str) -> int:
    """A filter: one of the values, or 0 for none. Raises InvalidField."""
    if value and value not in {one.value for one in values}:
        raise InvalidField.of(field, "must be one of its values")
    return value


def same_tenant(names: Sequence[str], parent: str, field: str) -> None:
    """Raises InvalidField where a name is of another program than `parent`."""
    for index, name in enumerate(names):
        if tenant_of(name) != parent:
            raise InvalidField.of(f"{field}[{index}]", f"must be of {parent}")


def chain_heads(messages: Sequence[ledger_pb2.ChainHead]) -> list[Head]:
    """Blocks that the caller was told of earlier. Raises InvalidField."""
    if len(messages) > HEADS_MAX:
        raise InvalidField.of("heads", f"must be at most {HEADS_MAX:,}")
    for index, message in enumerate(messages):
        if message.shard < 0:
            raise InvalidField.of(f"heads[{index}].shard", "must be at least 0")
        if message.block < 1:
            raise InvalidField.of(f"heads[{index}].block", "must be at least 1")
        if len(message.hash) != HASH_BYTES:
            raise InvalidField.of(f"heads[{index}].hash", f"must have {HASH_BYTES} bytes")
    return [Head(message.shard, message.block, message.hash, LONG_AGO) for message in messages]
