"""Remote partners' ledgers, over gRPC.

Only a message decides. Whatever else comes back, an error of any status, an answer of no known form: it is not known
what the partner has done, and it is asked again. A partner is called at an address that it chose: the egress guard
looks at each address that its name resolves to, and the connection goes to the one that was looked at, while TLS is
about the name.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.message import Message

from guerdon.exchange.v1 import partner_ledger_service_pb2 as pb
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.grpc.outward import Outward
from partner_exchange.domain.exchanges import Exchange, Expiry, Refusal
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.steps import Answer, Done, Source, Unclear

Response = TypeVar("Response", bound=Message)

SERVICE = pb.DESCRIPTOR.services_by_name["PartnerLedgerService"]
_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
_REFERENCE_MAX = 63
_POINTS_MAX = 1000


@dataclass
class Slots:
    """How many calls to one partner are under way, and wait for their turn."""

    free: asyncio.Semaphore
    waiting: int = 0


@dataclass
class PartnerLedgers:
    """Calls remote partners, each in bounds of its own: a slow one has the others' calls wait for nothing."""

    outward: Outward
    timeout_s: float
    """How long one call may take."""
    calls_max: int
    """Calls to one partner that may be under way at once; eight times as many may wait for their turn."""
    _slots: dict[str, Slots] = field(default_factory=dict)

    async def ask(
        self, partner: Partner, rpc: str, request: Message, response: type[Response], until: float
    ) -> Response:
        """Asks a partner once.

        Raises:
            OutcomeUnknown: it has not answered, for whatever reason.
        """
        async with self.turn(partner, until):
            timeout_s = min(self.timeout_s, until - time.monotonic())
            if timeout_s <= 0:
                raise OutcomeUnknown
            return await self.outward.call(
                partner.profile.target, SERVICE, rpc, request, response, audience=partner.name, timeout_s=timeout_s
            )

    @asynccontextmanager
    async def turn(self, partner: Partner, until: float) -> AsyncIterator[None]:
        """While a call to the partner is under way.

        Raises:
            OutcomeUnknown: too many wait, or it was not its turn in time: nothing was asked.
        """
        slots = self._slots.setdefault(partner.name, Slots(asyncio.Semaphore(self.calls_max)))
        if slots.waiting >= 8 * self.calls_max:
            raise OutcomeUnknown
        slots.waiting += 1
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await slots.free.acquire()
        except TimeoutError as error:
            raise OutcomeUnknown from error
        finally:
            slots.waiting -= 1
        try:
            yield
        finally:
            slots.free.release()


@dataclass(frozen=True, slots=True)
class RemoteSide:
    """A partner whose points live in a ledger of its own."""

    ledgers: PartnerLedgers
    partner: Partner

    async def source(self, exchange: Exchange, until: float) -> Source | None:
        """It tells it with the reservation."""
        return None

    async def validate(self, exchange: Exchange, until: float) -> Answer:
        """ValidateMember."""
        request = pb.ValidateMemberRequest(member_id=exchange.destination_account_id)
        answer = await self._ask("ValidateMember", request, pb.ValidateMemberResponse, until)
        return _decided(answer, {"found": lambda _found: Done()})

    async def reserve(self, exchange: Exchange, until: float) -> Answer:
        """Reserve."""
        request = pb.ReserveRequest(
            exchange_id=exchange.exchange_id,
            member_id=exchange.source_account_id,
            amount=exchange.debited,
            receiver_id=exchange.receiver,
            reversal_of=exchange.reverses,
        )
        answer = await self._ask("Reserve", request, pb.ReserveResponse, until)
        return _decided(answer, {"reserved": lambda reserved: _reserved(reserved, exchange.debited)})

    async def credit(self, exchange: Exchange, until: float) -> Answer:
        """Credit."""
        request = pb.CreditRequest(
            exchange_id=exchange.exchange_id,
            member_id=exchange.destination_account_id,
            amount=exchange.received,
            points=[
                pb.PartnerPoints(
                    amount=leg.points, expire_time=None if leg.expire_time is None else timestamp(leg.expire_time)
                )
                for leg in exchange.legs
            ],
            sender_id=exchange.sender,
            reversal_of=exchange.reverses,
        )
        answer = await self._ask("Credit", request, pb.CreditResponse, until)
        return _decided(answer, {"credited": lambda credited: _of_amount(credited, exchange.received)})

    async def commit(self, exchange: Exchange, until: float) -> Answer:
        """Commit."""
        request = pb.CommitRequest(exchange_id=exchange.exchange_id)
        answer = await self._ask("Commit", request, pb.CommitResponse, until)
        return _decided(answer, {"committed": lambda committed: _of_amount(committed, exchange.debited)})

    async def cancel(self, exchange: Exchange, until: float) -> Answer:
        """Cancel."""
        request = pb.CancelRequest(exchange_id=exchange.exchange_id)
        answer = await self._ask("Cancel", request, pb.CancelResponse, until)
        return _decided(answer, {"cancelled": lambda _cancelled: Done()})

    async def _ask(self, rpc: str, request: Message, response: type[Response], until: float) -> Response:
        return await self.ledgers.ask(self.partner, rpc, request, response, until)


def _decided(answer: Message, done: dict[str, Callable[[Any], Answer]]) -> Answer:
    """What an answer decides.

    Raises:
        OutcomeUnknown: nothing: it is pending, or says nothing.
    """
    said = answer.WhichOneof("outcome")
    if said == "refused":
        reason: str = answer.refused.reason  # type: ignore[attr-defined]  # every answer has one
        return Refusal(reason if _REASON.fullmatch(reason) else "REFUSED", {}, kept=True)
    if said in done:
        return done[said](getattr(answer, said))
    raise OutcomeUnknown


def _reserved(reserved: pb.Reserved, asked: int) -> Answer:
    expiries = _expiries(reserved.points)
    if reserved.amount != asked or expiries is None or (reserved.points and _total(reserved.points) != asked):
        return Unclear("it reserved something else than it was asked to")
    return Done(_reference(reserved), Source(expiries, complete=True))


def _reference(answer: Any) -> str:
    """What can be kept of a partner's reference. One that is none, as with a NUL, which text in PostgreSQL does not
    hold, makes what the partner has done no less done.
    """
    return "".join(letter if letter.isprintable() else "?" for letter in answer.reference[:_REFERENCE_MAX])


def _expiries(points: Sequence[pb.PartnerPoints]) -> list[Expiry] | None:
    """When they expire, where they are in order; None where they are not, or a time is none."""
    if len(points) > _POINTS_MAX or any(some.amount < 1 for some in points):
        return None
    try:
        ends = [_end(some) for some in points]
    except ValueError:  # beyond what a timestamp can be: it says nothing, and least of all that they never expire
        return None
    if ends != sorted(ends):
        return None
    return [Expiry(end, some.amount) for some, end in zip(points, ends, strict=True) if end != _NEVER]


_NEVER = datetime.max.replace(tzinfo=UTC)


def _end(points: pb.PartnerPoints) -> datetime:
    return points.expire_time.ToDatetime(tzinfo=UTC) if points.HasField("expire_time") else _NEVER


def _total(points: Sequence[pb.PartnerPoints]) -> int:
    return sum(some.amount for some in points)


def _of_amount(answer: Any, asked: int) -> Answer:
    if answer.amount != asked:
        return Unclear("it answered another amount than it was asked")
    return Done(_reference(answer))
