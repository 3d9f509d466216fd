"""The ledger, in the catalog's words: redemptions, and what they do to an account's points.

Each step of a redemption is asked for under one id of its own, so asking again never does it twice. A refusal counts
as one only where the ledger has decided on the request itself; anything else leaves the outcome unknown.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from google.protobuf.message import Message

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.errors import DomainError, NotFound, Status
from guerdon_kit.grpc import OutcomeUnknown, Remote, RemoteError
from guerdon_kit.grpc.locked import LOOK_AGAIN, write_locked
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import tenant_of
from rewards_catalog.domain.errors import HoldLapsed, InsufficientPoints, PaymentRefused, PointsLocked
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.wallets import ALLOWED, BUDGET_LABEL, Funding

Answer = TypeVar("Answer", bound=Message)

LEDGER = pb.DESCRIPTOR.services_by_name["LedgerService"]

_DECIDED = {Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.FAILED_PRECONDITION, Status.OUT_OF_RANGE}
_NO_REFUSAL = "REQUEST_ID_REUSED"
"""The ledger knows the step in other words, such as those of another release: it was decided, perhaps by doing it."""
_LONGEST_CALL_S = 10.0
# What is left of the caller's deadline after a call: enough to say that the outcome is not known.
_MARGIN_S = 0.2


class LookAgain(Exception):
    """The account has changed since it was found what is locked of it."""


class Ledger:
    """The ledger's account side of redemptions. `until` is of `time.monotonic()`."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def unit_of(self, account: str, actor: str, until: float) -> str:
        """The id of the unit that the account counts; a unit belongs to the account's program.

        Raises:
            NotFound: there is no such account.
        """
        request = pb.GetAccountRequest(name=account)
        try:
            answer = await self._call(
                "GetAccount", request, pb.GetAccountResponse, tenant_of(account), actor=actor, until=until
            )
        except RemoteError as refusal:
            if refusal.remote_status in {Status.NOT_FOUND, Status.INVALID_ARGUMENT}:  # or no account can have the id
                raise NotFound(account) from refusal
            raise
        return answer.account.unit.rpartition("/")[2]

    async def funding(self, budget: str, actor: str, until: float) -> Funding:
        """What an account is that is to pay into wallets.

        Raises:
            NotFound: there is no such account.
        """
        tenant = tenant_of(budget)
        reading = pb.GetAccountRequest(name=budget)
        try:
            account = (
                await self._call("GetAccount", reading, pb.GetAccountResponse, tenant, actor=actor, until=until)
            ).account
        except RemoteError as refusal:
            if refusal.remote_status in {Status.NOT_FOUND, Status.INVALID_ARGUMENT}:
                raise NotFound(budget) from refusal
            raise
        asked = pb.GetUnitRequest(name=account.unit)
        unit = (await self._call("GetUnit", asked, pb.GetUnitResponse, tenant, actor=actor, until=until)).unit
        allowed = account.labels.get(BUDGET_LABEL) == ALLOWED
        return Funding(unit.scale, account.state == res.ACCOUNT_STATE_CLOSED, allowed)

    async def has_unit(self, program: str, unit: str, actor: str, until: float) -> bool:
        """Whether the program has the unit: a unit comes with its REDEMPTION account."""
        try:
            await self.unit_of(redemption_account(program, unit), actor, until)
        except NotFound:
            return False
        return True

    async def time_zone(self, program: str, actor: str, until: float) -> str:
        """The IANA name of the program's time zone, which it keeps for ever."""
        name = f"programs/{program}"
        request = pb.GetProgramRequest(name=name)
        answer = await self._call("GetProgram", request, pb.GetProgramResponse, name, actor=actor, until=until)
        return answer.program.time_zone

    async def available(self, account: str, actor: str, until: float) -> int:
        """What the account can spend now.

        Raises:
            NotFound: there is no such account.
        """
        request = pb.GetBalanceRequest(name=account)
        try:
            answer = await self._call(
                "GetBalance", request, pb.GetBalanceResponse, tenant_of(account), actor=actor, until=until
            )
        except RemoteError as refusal:
            if refusal.remote_status is Status.NOT_FOUND:
                raise NotFound(account) from refusal
            raise
        return answer.balance.available

    async def place_hold(self, redemption: Redemption, until: float) -> str:
        """Sets the price aside, and answers the hold's name.

        Raises:
            InsufficientPoints, PointsLocked: the account has fewer, or does not keep what is locked.
            LookAgain: the account has changed since that was found.
            PaymentRefused: the ledger refused for another reason.
            OutcomeUnknown: ask again.
        """
        hold = res.Hold(
            account=redemption.account,
            amount=redemption.price,
            expire_time=timestamp(redemption.hold_expire_time),
            purpose=redemption.title,
            locked=write_locked(redemption.locked),
        )
        request = pb.PlaceHoldRequest(
            parent=redemption.parent, hold=hold, request_id=redemption.ledger_request_id("hold")
        )
        with refusals():
            try:
                answer = await self.step("PlaceHold", request, pb.PlaceHoldResponse, redemption, until)
            except RemoteError as refusal:
                if refusal.remote_reason == LOOK_AGAIN:
                    raise LookAgain from refusal
                raise
        return answer.hold.name

    async def capture(self, redemption: Redemption, until: float) -> str:
        """Spends what was set aside, and answers the transaction's name.

        Raises:
            HoldLapsed: its time had passed.
            PaymentRefused: the ledger refused for another reason.
            OutcomeUnknown: ask again.
        """
        request = pb.CaptureHoldRequest(
            name=redemption.hold,
            amount=redemption.price,
            # Named, and not left to the ledger: a hold on an account of another unit is refused here.
            destination=redemption_account(redemption.program, redemption.unit),
            memo=redemption.title,
            request_id=redemption.ledger_request_id("capture"),
        )
        with refusals():
            answer = await self.step("CaptureHold", request, pb.CaptureHoldResponse, redemption, until)
        return answer.transaction

    async def release(self, redemption: Redemption, until: float) -> bool:
        """Gives back what was set aside; False where it was captured before, by a call whose answer was lost.

        Raises:
            OutcomeUnknown: ask again.
        """
        request = pb.ReleaseHoldRequest(name=redemption.hold, request_id=redemption.ledger_request_id("release"))
        try:
            await self.step("ReleaseHold", request, pb.ReleaseHoldResponse, redemption, until)
        except RemoteError as refusal:
            require_decided(refusal)
            # It is resolved already: by us, by time, or by a capture.
            reading = pb.GetHoldRequest(name=redemption.hold)
            answer = await self.step("GetHold", reading, pb.GetHoldResponse, redemption, until)
            if answer.hold.state == res.HOLD_STATE_ACTIVE:
                raise OutcomeUnknown from refusal
            return answer.hold.state != res.HOLD_STATE_CAPTURED
        return True

    async def refund(self, redemption: Redemption, until: float) -> str:
        """Gives back what is due of what was spent, into the lots it came from, and answers the reversal's name.

        Raises:
            PaymentRefused: the ledger refused.
            OutcomeUnknown: ask again.
        """
        request = pb.ReverseTransactionRequest(
            name=redemption.transaction,
            amount=redemption.refund_due,
            memo=redemption.title,
            request_id=redemption.ledger_request_id(redemption.refund_step),
        )
        with refusals():
            answer = await self.step("ReverseTransaction", request, pb.ReverseTransactionResponse, redemption, until)
        return answer.transaction

    async def step(
        self, rpc: str, request: Message, answer: type[Answer], redemption: Redemption, until: float
    ) -> Answer:
        """Asks for one step of a redemption, under its tenant and for whom it is booked to.

        Raises:
            RemoteError: the ledger refused.
            OutcomeUnknown: ask again.
        """
        return await self._call(rpc, request, answer, redemption.parent, actor=redemption.actor, until=until)

    async def _call(
        self, rpc: str, request: Message, answer: type[Answer], tenant: str, *, actor: str, until: float
    ) -> Answer:
        return await call(self._remote, rpc, request, answer, tenant, actor=actor, until=until)


async def call(
    remote: Remote, rpc: str, request: Message, answer: type[Answer], tenant: str, *, actor: str, until: float
) -> Answer:
    """Asks the ledger for somebody.

    Raises:
        RemoteError: it refused.
        OutcomeUnknown: it did not answer in time, or no time is left.
    """
    left = min(until - time.monotonic() - _MARGIN_S, _LONGEST_CALL_S)
    if left <= 0:
        raise OutcomeUnknown
    return await remote.call(rpc, request, answer, tenants=[tenant], act=actor, timeout_s=left)


@contextmanager
def refusals() -> Iterator[None]:
    """The ledger's refusals of moving points, in the catalog's words."""
    try:
        yield
    except RemoteError as refusal:
        require_refused(refusal)
        raise _translated(refusal) from refusal


def require_decided(refusal: RemoteError) -> None:
    """Raises OutcomeUnknown unless the ledger has decided on the request itself.

    A token that was not accepted, say, tells nothing about what an earlier try of the same request has done.
    """
    if refusal.remote_status not in _DECIDED:
        raise OutcomeUnknown from refusal


def require_refused(refusal: RemoteError) -> None:
    """Raises OutcomeUnknown unless the ledger has decided, and not by doing it before."""
    require_decided(refusal)
    if refusal.remote_reason == _NO_REFUSAL:
        raise OutcomeUnknown from refusal


def _translated(refusal: RemoteError) -> DomainError:
    match refusal.remote_reason:
        case "INSUFFICIENT_POINTS":
            numbers = refusal.remote_metadata
            return InsufficientPoints(**{name: numbers[name] for name in ("required", "available", "missing")})
        case "POINTS_LOCKED":
            numbers = refusal.remote_metadata
            return PointsLocked(**{name: numbers[name] for name in ("required", "available", "locked", "missing")})
        case "HOLD_EXPIRED":
            return HoldLapsed()
        case reason:
            return PaymentRefused(ledger_reason=reason or refusal.remote_status.name)


def redemption_account(program: str, unit: str) -> str:
    """Where a unit's spent points go."""
    return f"programs/{program}/accounts/redemption.{unit}"
