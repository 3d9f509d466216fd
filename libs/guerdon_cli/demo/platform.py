"""The running platform as the demo's parties see it: each calls with a token of its own, for its own tenants."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from joserfc import jwt
from joserfc.jwk import ECKey

import guerdon
from guerdon.ledger.v1.ledger_pb2 import (
    BatchGetBalancesRequest,
    CreateProgramRequest,
    CreateUnitRequest,
    GetBalanceRequest,
)
from guerdon.ledger.v1.resources_pb2 import Program, Unit
from guerdon_kit.auth.development import DevelopmentIdentity

T = TypeVar("T")

AT_ONCE = 8
"""How many of the demo's members act at the same time."""
PAGE = 1_000
PARTNER_TOKEN_LIFETIME_S = 300
PARTNER_TOKEN_RENEWED_S = 60
EXCHANGE_AUDIENCE = "guerdon.partner_exchange"


class Platform:
    """Clients for the demo's parties, and what they all do in the ledger.

    `run` is in every name that this run makes, so that a data directory can hold many runs.
    """

    def __init__(self, targets: Mapping[str, str], identity: DevelopmentIdentity, run: str) -> None:
        self.targets = targets
        self.identity = identity
        self.run = run
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Platform:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._open.aclose()

    async def client(
        self, service: str, subject: str, scopes: Sequence[str], tenants: Sequence[str] = ()
    ) -> guerdon.Client:
        """A client of one service for a party of the development issuer."""
        token = self.identity.token(subject, scopes, tenants, [f"guerdon.{service}"])
        return await self._open.enter_async_context(guerdon.Client(self.targets[service], token=token))

    async def partner_client(self, partner: str, key: ECKey, kid: str) -> guerdon.Client:
        """A client of partner exchange for a partner that signs its own short-lived tokens."""
        tokens = PartnerTokens(partner, key, kid)
        client = guerdon.Client(self.targets["partner_exchange"], token=tokens)
        return await self._open.enter_async_context(client)


class PartnerTokens:
    """Tokens that a partner signs for itself, each used until a minute before its end."""

    def __init__(self, partner: str, key: ECKey, kid: str) -> None:
        self._partner = partner
        self._key = key
        self._kid = kid
        self._token = ""
        self._renew_time = 0

    async def __call__(self) -> str:
        """The token for the next call."""
        now = int(time.time())
        if now >= self._renew_time:
            expire_time = now + PARTNER_TOKEN_LIFETIME_S
            claims = {"iss": self._partner, "sub": "app", "aud": EXCHANGE_AUDIENCE, "iat": now, "exp": expire_time}
            self._token = jwt.encode({"alg": "ES256", "kid": self._kid}, claims, self._key, algorithms=["ES256"])
            self._renew_time = expire_time - PARTNER_TOKEN_RENEWED_S
        return self._token


class Books:
    """One program in the ledger, with one unit, for the party that owns it."""

    def __init__(self, client: guerdon.Client, program: str, unit_id: str = "points") -> None:
        self.client = client
        self.program = program
        self.unit_id = unit_id
        self.unit = f"{program}/units/{unit_id}"

    async def open(self, display_name: str, time_zone: str) -> None:
        """Make the program and its unit."""
        program = Program(name=self.program, display_name=display_name, time_zone=time_zone)
        await self.client.ledger.CreateProgram(CreateProgramRequest(program=program, request_id="program"))
        unit = Unit(name=self.unit, display_name=self.unit_id.title())
        await self.client.ledger.CreateUnit(CreateUnitRequest(unit=unit, request_id="unit"))

    async def system(self, kind: str) -> int:
        """What a system account of the unit comes to: `issuance`, or `exchange` with the partner's id after a dot."""
        kind, _, rest = kind.partition(".")
        suffix = f".{rest}" if rest else ""
        return await self.posted(f"{self.program}/accounts/{kind}.{self.unit_id}{suffix}")

    async def posted(self, account: str) -> int:
        """What all entries of an account come to."""
        return (await self.client.ledger.GetBalance(GetBalanceRequest(name=account))).balance.posted

    async def available(self, account: str) -> int:
        """What a member can spend now."""
        return (await self.client.ledger.GetBalance(GetBalanceRequest(name=account))).balance.available

    async def sum_posted(self, accounts: Sequence[str]) -> int:
        """What many member accounts come to together."""
        total = 0
        for start in range(0, len(accounts), PAGE):
            request = BatchGetBalancesRequest(parent=self.program, names=accounts[start : start + PAGE])
            answer = await self.client.ledger.BatchGetBalances(request)
            total += sum(balance.posted for balance in answer.balances)
        return total


async def several_at_once(work: Iterable[Awaitable[T]]) -> list[T]:
    """The results in their order; a bounded number is under way at any time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(item: Awaitable[T]) -> T:
        async with turn:
            return await item

    return list(await asyncio.gather(*map(one, work)))


def stamp(second: int) -> Timestamp:
    """A Unix time as the contracts have it."""
    return Timestamp(seconds=second)


def day(moment: Timestamp) -> str:
    """The day of a moment in UTC, for people."""
    return f"{datetime.fromtimestamp(moment.seconds, UTC):%Y-%m-%d}"
