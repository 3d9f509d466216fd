"""The cash of a coalition in the ledger: a program of its own, with an account for each partner, one of the
operator's own, which gets fees and pays for promotions, and one for the hub.

What a debtor pays is set aside by moving it to the hub, and what a creditor gets comes from there. So the hub has
nothing before a settlement and nothing after it; it can never pay more than it was paid, as its credit limit is zero.
Each step is asked for under one id of its own, so that asking again never does it twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from google.protobuf.message import Message

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import limits_pb2
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.errors import Status
from guerdon_kit.grpc import OutcomeUnknown, Remote, RemoteError
from partner_exchange.domain.currencies import minor_digits
from partner_exchange.domain.partners import Coalition
from partner_exchange.domain.settlement import Participant, Refused
from partner_exchange.domain.windows import HUB, Window

Answer = TypeVar("Answer", bound=Message)

_HUB = "hub"
_BANK = "bank"
_OPERATOR = "the-operators-own-account"
"""Longer than any partner's id."""
_DECIDED = {Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.FAILED_PRECONDITION, Status.OUT_OF_RANGE}
_OTHER_WORDS = "REQUEST_ID_REUSED"
"""The ledger knows the step in other words, such as those of another release: it was decided, perhaps by doing it."""
_LONGEST_CALL_S = 10.0
# What is left of the caller's deadline after a call: enough to say that the outcome is not known.
_MARGIN_S = 0.2


@dataclass(frozen=True)
class Treasury:
    """A coalition's cash, moved for `actor` and waited for until `until` (`time.monotonic()`).

    Every method raises OutcomeUnknown where the ledger did not answer: ask again.
    """

    remote: Remote
    coalition: Coalition
    actor: str
    until: float

    @property
    def _program(self) -> str:
        return f"programs/settlement.{self.coalition.coalition_id}"

    async def open_accounts(self, partners: Iterable[str]) -> None:
        """Makes the coalition's program, its unit and its accounts, as far as there are none yet."""
        currency = self.coalition.currency
        unit = f"{self._program}/units/{self._unit}"
        program = res.Program(name=self._program, display_name="Settlement", time_zone="UTC")
        await self._make("CreateProgram", pb.CreateProgramRequest(program=program, request_id="program"))
        cash = res.Unit(name=unit, display_name=currency, scale=minor_digits(currency))
        await self._make("CreateUnit", pb.CreateUnitRequest(unit=cash, request_id="unit"))
        kinds = {self._side(other): res.ACCOUNT_KIND_EXCHANGE for other in (_HUB, _BANK)}
        kinds |= {self._account_of(partner): res.ACCOUNT_KIND_MEMBER for partner in sorted(partners)}
        digest = blake2b(" ".join(kinds).encode(), digest_size=16).hexdigest()
        accounts = pb.BatchCreateAccountsRequest(
            parent=self._program,
            accounts=[res.Account(name=name, unit=unit, kind=kind) for name, kind in kinds.items()],
            request_id=f"accounts-{digest}",
        )
        await self._call("BatchCreateAccounts", accounts, pb.BatchCreateAccountsResponse)
        limit = limits_pb2.SetCreditLimitRequest(
            name=self._side(_HUB), credit_limit=0, reason="The hub pays only what it was paid", request_id="hub"
        )
        await self._call("SetCreditLimit", limit, limits_pb2.SetCreditLimitResponse)

    async def available(self, partner: str) -> int:
        """What a partner's account has, in minor units."""
        return (await self._balance(self._account_of(partner))).available

    async def hub(self) -> int:
        """What the hub's account comes to, in minor units."""
        return (await self._balance(self._side(_HUB))).posted

    async def reserve(self, window: Window, debtor: Participant) -> str | Refused:
        """Moves what a debtor pays to the hub, and answers the transaction."""
        route = self._account_of(debtor.partner), self._side(_HUB)
        return await self._move(route, -debtor.net, debtor.request_id(window, "reserve"), window.name)

    async def pay(self, window: Window, creditor: Participant) -> str | Refused:
        """Moves what a creditor gets from the hub, and answers the transaction."""
        route = self._side(_HUB), self._account_of(creditor.partner)
        return await self._move(route, creditor.net, creditor.request_id(window, "pay"), window.name)

    async def give_back(self, window: Window, debtor: Participant, transaction: str) -> None:
        """Undoes what `reserve` did."""
        request = pb.ReverseTransactionRequest(
            name=transaction, memo=window.name, request_id=debtor.request_id(window, "give-back")
        )
        await self._call("ReverseTransaction", request, pb.ReverseTransactionResponse)

    async def deposit(self, partner: str, amount: int, request_id: str, memo: str) -> str | Refused:
        """Books money that came in from a partner, and answers the transaction."""
        return await self._move((self._side(_BANK), self._account_of(partner)), amount, request_id, memo)

    async def withdraw(self, partner: str, amount: int, request_id: str, memo: str) -> str | Refused:
        """Books money that goes out to a partner, and answers the transaction."""
        return await self._move((self._account_of(partner), self._side(_BANK)), amount, request_id, memo)

    @property
    def _unit(self) -> str:
        return self.coalition.currency.lower()

    def _side(self, other: str) -> str:
        return f"{self._program}/accounts/exchange.{self._unit}.{other}"

    def _account_of(self, party: str) -> str:
        return f"{self._program}/accounts/{_OPERATOR if party == HUB else party}"

    async def _move(self, route: tuple[str, str], amount: int, request_id: str, memo: str) -> str | Refused:
        posting = res.Posting(source=route[0], destination=route[1], amount=amount)
        request = pb.PostTransactionRequest(
            parent=self._program,
            transaction=res.Transaction(kind=res.TRANSACTION_KIND_EXCHANGE, postings=[posting], memo=memo),
            request_id=request_id,
        )
        try:
            answer = await self._call("PostTransaction", request, pb.PostTransactionResponse)
        except RemoteError as refusal:
            if refusal.remote_status not in _DECIDED or refusal.remote_reason == _OTHER_WORDS:
                raise OutcomeUnknown from refusal
            return Refused(refusal.remote_reason or refusal.remote_status.name, refusal.remote_metadata)
        return answer.transaction

    async def _balance(self, account: str) -> res.Balance:
        answer = await self._call("GetBalance", pb.GetBalanceRequest(name=account), pb.GetBalanceResponse)
        return answer.balance

    async def _make(self, rpc: str, request: Message) -> None:
        """Makes what may be there already, from an earlier call whose record the ledger has no more."""
        try:
            await self._call(rpc, request, Message)
        except RemoteError as refusal:
            if refusal.remote_status is not Status.ALREADY_EXISTS:
                raise

    async def _call(self, rpc: str, request: Message, answer: type[Answer]) -> Answer:
        left = min(self.until - time.monotonic() - _MARGIN_S, _LONGEST_CALL_S)
        if left <= 0:
            raise OutcomeUnknown
        return await self.remote.call(rpc, request, answer, tenants=[self._program], act=self.actor, timeout_s=left)
