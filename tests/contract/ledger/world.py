"""A ledger as its callers see it: programs of a test's own, and the calls that tests make most."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import Client, GuerdonError, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import limits_pb2
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.auth.service_tokens import ServiceTokens

_numbers = itertools.count(1)

EARN, SPEND, EXCHANGE = res.TRANSACTION_KIND_EARN, res.TRANSACTION_KIND_SPEND, res.TRANSACTION_KIND_EXCHANGE
GRANT, RECOGNITION = res.TRANSACTION_KIND_GRANT, res.TRANSACTION_KIND_RECOGNITION
FUND, ADJUSTMENT = res.TRANSACTION_KIND_FUND, res.TRANSACTION_KIND_ADJUSTMENT
TRANSFER = res.TRANSACTION_KIND_TRANSFER
MERGE = res.TRANSACTION_KIND_MERGE
OPEN, FROZEN, CLOSED = res.ACCOUNT_STATE_OPEN, res.ACCOUNT_STATE_FROZEN, res.ACCOUNT_STATE_CLOSED
MEMBER, BUDGET = res.ACCOUNT_KIND_MEMBER, res.ACCOUNT_KIND_BUDGET
EXCHANGE_ACCOUNT = res.ACCOUNT_KIND_EXCHANGE


def stamp(time: datetime) -> Timestamp:
    """A time as a message."""
    made = Timestamp()
    made.FromDatetime(time)
    return made


def time_of(message: Timestamp) -> datetime:
    """A message as a time."""
    return message.ToDatetime(tzinfo=UTC)


def ahead(**span: float) -> datetime:
    """A time so far from now: `ahead(days=1)`."""
    return datetime.now(UTC) + timedelta(**span)


@dataclass
class World:
    """A running ledger, and clients of it."""

    target: str
    identity: DevelopmentIdentity
    _clients: list[Client] = field(default_factory=list)

    def client(self, token: str | None = None, **options: Any) -> Client:
        """A client, by default with a token for everything."""
        self._clients.append(Client(self.target, token=self.identity.token() if token is None else token, **options))
        return self._clients[-1]

    def service_token(self, service: str, *tenants: str) -> str:
        """The token with which one of Guerdon's own services calls the ledger."""
        return ServiceTokens(service, self.identity.signing_key_file(service)).token("ledger", "ledger.*", tenants, "")

    def service(self, service: str, *tenants: str) -> Client:
        """A client that calls as one of Guerdon's own services."""
        return self.client(self.service_token(service, *(tenants or ("programs/*",))))

    async def shop(self, client: Client | None = None, name: str = "") -> Shop:
        """A new program with a unit of points."""
        shop = Shop(f"programs/{name or f'shop-{next(_numbers)}'}", client or self.client())
        program = res.Program(name=shop.name, display_name="Shop", time_zone="Europe/London")
        await shop.ledger.CreateProgram(pb.CreateProgramRequest(program=program, request_id=new_request_id()))
        unit = res.Unit(name=f"{shop.name}/units/points")
        await shop.ledger.CreateUnit(pb.CreateUnitRequest(unit=unit, request_id=new_request_id()))
        return shop

    async def close(self) -> None:
        """Closes the clients."""
        for client in self._clients:
            await client.close()


@dataclass
class Shop:
    """One program."""

    name: str
    client: Client

    @property
    def ledger(self) -> Any:
        """The stub."""
        return self.client.ledger

    def account(self, id_: str) -> str:
        """An account's name."""
        return f"{self.name}/accounts/{id_}"

    async def add(self, id_: str, kind: int = MEMBER, unit: str = "points") -> str:
        """Makes an account and answers its name."""
        account = res.Account(name=self.account(id_), unit=f"{self.name}/units/{unit}", kind=kind)  # type: ignore[arg-type]  # an enum's number
        await self.ledger.CreateAccount(pb.CreateAccountRequest(account=account, request_id=new_request_id()))
        return account.name

    async def add_many(self, ids: Sequence[str]) -> None:
        """Makes member accounts."""
        accounts = [res.Account(name=self.account(i), unit=f"{self.name}/units/points", kind=MEMBER) for i in ids]
        await self.ledger.BatchCreateAccounts(
            pb.BatchCreateAccountsRequest(parent=self.name, accounts=accounts, request_id=new_request_id())
        )

    def posting(self, source: str, destination: str, amount: int, **times: datetime) -> res.Posting:
        """A posting between two accounts of this program, given by their ids."""
        fields: dict[str, Any] = {key: stamp(value) for key, value in times.items()}
        return res.Posting(source=self.account(source), destination=self.account(destination), amount=amount, **fields)

    def transaction(self, kind: int, *postings: res.Posting, **fields: Any) -> res.Transaction:
        """A transaction."""
        return res.Transaction(kind=kind, postings=postings, **fields)  # type: ignore[arg-type]  # an enum's number

    def request(
        self, kind: int, *postings: res.Posting, request_id: str = "", **fields: Any
    ) -> pb.PostTransactionRequest:
        """A request to post."""
        return pb.PostTransactionRequest(
            parent=self.name,
            transaction=self.transaction(kind, *postings, **fields),
            request_id=request_id or new_request_id(),
        )

    async def post(self, kind: int, *postings: res.Posting, **fields: Any) -> pb.PostTransactionResponse:
        """Posts."""
        answer: pb.PostTransactionResponse = await self.ledger.PostTransaction(self.request(kind, *postings, **fields))
        return answer

    async def earn(self, member: str, amount: int, *, request_id: str = "", **times: datetime) -> str:
        """Credits a member, and answers the transaction's name."""
        posting = self.posting("issuance.points", member, amount, **times)
        return (await self.post(EARN, posting, request_id=request_id)).transaction

    async def spend(self, member: str, amount: int, request_id: str = "") -> str:
        """Debits a member, and answers the transaction's name."""
        posting = self.posting(member, "redemption.points", amount)
        return (await self.post(SPEND, posting, request_id=request_id)).transaction

    async def state(self, id_: str) -> int:
        """An account's state now."""
        answer = await self.ledger.GetAccount(pb.GetAccountRequest(name=self.account(id_)))
        return answer.account.state  # type: ignore[no-any-return]  # the stub is Any here

    async def hold(self, member: str, amount: int, until: datetime, request_id: str = "") -> res.Hold:
        """Places a hold."""
        request = pb.PlaceHoldRequest(
            parent=self.name,
            hold=res.Hold(account=self.account(member), amount=amount, expire_time=stamp(until)),
            request_id=request_id or new_request_id(),
        )
        return (await self.ledger.PlaceHold(request)).hold  # type: ignore[no-any-return]  # the stub is Any here

    async def capture(self, hold: str, amount: int = 0, request_id: str = "") -> pb.CaptureHoldResponse:
        """Captures a hold."""
        request = pb.CaptureHoldRequest(name=hold, amount=amount, request_id=request_id or new_request_id())
        return await self.ledger.CaptureHold(request)  # type: ignore[no-any-return]  # the stub is Any here

    async def release(self, hold: str, request_id: str = "") -> pb.ReleaseHoldResponse:
        """Releases a hold."""
        request = pb.ReleaseHoldRequest(name=hold, request_id=request_id or new_request_id())
        return await self.ledger.ReleaseHold(request)  # type: ignore[no-any-return]  # the stub is Any here

    async def reverse(
        self, transaction: str, amount: int = 0, policy: int = 0, request_id: str = ""
    ) -> pb.ReverseTransactionResponse:
        """Reverses a transaction."""
        request = pb.ReverseTransactionRequest(
            name=transaction,
            amount=amount,
            policy=policy,  # type: ignore[arg-type]  # an enum's number
            request_id=request_id or new_request_id(),
        )
        return await self.ledger.ReverseTransaction(request)  # type: ignore[no-any-return]  # the stub is Any here

    async def freeze(self, id_: str, request_id: str = "") -> pb.FreezeAccountResponse:
        """Freezes an account."""
        request = pb.FreezeAccountRequest(name=self.account(id_), request_id=request_id or new_request_id())
        return await self.ledger.FreezeAccount(request)  # type: ignore[no-any-return]  # the stub is Any here

    async def unfreeze(self, id_: str, request_id: str = "") -> pb.UnfreezeAccountResponse:
        """Opens a frozen account again."""
        request = pb.UnfreezeAccountRequest(name=self.account(id_), request_id=request_id or new_request_id())
        return await self.ledger.UnfreezeAccount(request)  # type: ignore[no-any-return]  # the stub is Any here

    async def close(self, id_: str, request_id: str = "") -> pb.CloseAccountResponse:
        """Closes an account."""
        request = pb.CloseAccountRequest(name=self.account(id_), request_id=request_id or new_request_id())
        return await self.ledger.CloseAccount(request)  # type: ignore[no-any-return]  # the stub is Any here

    async def limit(
        self, id_: str, credit_limit: int | None, reason: str = "This year's budget", request_id: str = ""
    ) -> limits_pb2.CreditLimitChange:
        """Sets an account's credit limit, or takes it away."""
        request = limits_pb2.SetCreditLimitRequest(
            name=self.account(id_),
            credit_limit=credit_limit,
            reason=reason,
            request_id=request_id or new_request_id(),
        )
        return (await self.ledger.SetCreditLimit(request)).change  # type: ignore[no-any-return]  # the stub is Any here

    async def balance(self, id_: str, *, full: bool = False, min_version: int = 0) -> res.Balance:
        """A balance now."""
        view = pb.BALANCE_VIEW_FULL if full else pb.BALANCE_VIEW_BASIC
        request = pb.GetBalanceRequest(name=self.account(id_), view=view, min_version=min_version)
        return (await self.ledger.GetBalance(request)).balance  # type: ignore[no-any-return]  # the stub is Any here

    async def entries(self, id_: str) -> list[res.Entry]:
        """A whole statement of at most a thousand lines, oldest first."""
        answer = await self.ledger.ListEntries(pb.ListEntriesRequest(parent=self.account(id_), page_size=1000))
        return list(reversed(answer.entries))


async def findings(client: Client) -> list[pb.Finding]:
    """What a verification of the whole ledger finds."""
    progress = [step async for step in client.ledger.Verify(pb.VerifyRequest())]
    assert progress[-1].done
    return list(progress[-1].findings)


@asynccontextmanager
async def refused(
    code: grpc.StatusCode, reason: str = "", *, violated: Sequence[str] = (), **metadata: str | int
) -> AsyncIterator[None]:
    """Expects a refusal with this status, reason, violated fields and metadata."""
    with pytest.raises(GuerdonError) as raised:
        yield
    error = raised.value
    assert (error.code, error.reason) == (code, reason), error
    assert [violation.field for violation in error.violations] == list(violated), error.violations
    assert {key: error.metadata.get(key) for key in metadata} == {key: str(v) for key, v in metadata.items()}
    assert "Traceback" not in error.message


INVALID = grpc.StatusCode.INVALID_ARGUMENT
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
NOT_FOUND = grpc.StatusCode.NOT_FOUND
DENIED = grpc.StatusCode.PERMISSION_DENIED
EXISTS = grpc.StatusCode.ALREADY_EXISTS
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
