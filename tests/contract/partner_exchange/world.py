"""A ledger, partner exchange, and coalitions of brands to fill them with."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from guerdon import Client, new_request_id
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon.exchange.v1 import limits_pb2 as limits_pb
from guerdon.exchange.v1 import partners_pb2 as partners
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1 import reversals_pb2 as reversals_pb
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.type.v1 import rational_pb2
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import RunningService

AUDIENCE = "guerdon.partner_exchange"

_numbers = itertools.count(1)


def rational(value: str | int | Fraction) -> rational_pb2.Rational:
    """An exact number, also from text such as `0.05263158`."""
    exact = Fraction(value)
    return rational_pb2.Rational(numerator=exact.numerator, denominator=exact.denominator)


@dataclass
class World:
    """Both services, and clients of them."""

    ledger: RunningService
    exchange: RunningService
    identity: DevelopmentIdentity
    _clients: list[Client] = field(default_factory=list)

    def client(self, service: RunningService, token: str = "") -> Client:
        """A client of one service, by default with a token for everything."""
        self._clients.append(Client(service.target, token=token or self.identity.token()))
        return self._clients[-1]

    async def close(self) -> None:
        """Closes the clients."""
        for client in self._clients:
            await client.close()

    async def coalition(
        self, rate_move_max: str = "1000", time_zone: str = "", links: res.LinkPolicy | None = None
    ) -> Coalition:
        """A coalition of its own that settles in pounds, in which one person may move rates as far as they like. Any
        two accounts exchange, unless `links` says what is asked of them.
        """
        made = Coalition(f"coalitions/c-{next(_numbers)}", self, self.client(self.exchange), self.client(self.ledger))
        await made.operator.coalition_admin.CreateCoalition(
            admin.CreateCoalitionRequest(
                coalition=res.Coalition(
                    name=made.name,
                    settlement_currency_code="GBP",
                    rate_move_max=rational(rate_move_max),
                    time_zone=time_zone,
                    link_policy=res.LinkPolicy(optional=True) if links is None else links,
                ),
                request_id=new_request_id(),
            )
        )
        return made

    async def verify(self) -> None:
        """The whole ledger holds."""
        async for progress in self.client(self.ledger).ledger.Verify(ledger.VerifyRequest()):
            assert not progress.findings, progress.findings


@dataclass
class Coalition:
    """A coalition, its operator, and the ledger beneath it."""

    name: str
    world: World
    operator: Client
    books: Client

    async def program(self) -> str:
        """A program with a unit of points."""
        name = f"programs/p-{next(_numbers)}"
        program = ledger_res.Program(name=name, time_zone="UTC")
        await self.books.ledger.CreateProgram(ledger.CreateProgramRequest(program=program, request_id=new_request_id()))
        unit = ledger_res.Unit(name=f"{name}/units/points")
        await self.books.ledger.CreateUnit(ledger.CreateUnitRequest(unit=unit, request_id=new_request_id()))
        return name

    async def brand(self, price: str = "1", lifetime_days: int = 0, *, launch: bool = True) -> Brand:
        """A partner with a program and a key of its own; in the sandbox, unless it is launched."""
        program = await self.program()
        brand = Brand(f"partners/b-{next(_numbers)}", program, self, ECKey.generate_key("P-256"))
        await self.operator.coalition_admin.CreatePartner(
            brand.application(price, lifetime_days=lifetime_days, request_id=new_request_id())
        )
        await self.start(brand)
        if launch:
            await self.launch(brand)
        return brand

    async def remote_brand(
        self, target: str = "sandbox", *, name: str = "", price: str = "1", lifetime_days: int = 0
    ) -> Brand:
        """A partner whose points live in a ledger of its own; by default in one that the service plays."""
        brand = Brand(name or f"partners/b-{next(_numbers)}", "", self, ECKey.generate_key("P-256"))
        asked = brand.application(price, lifetime_days=lifetime_days, target=target, request_id=new_request_id())
        await self.operator.coalition_admin.CreatePartner(asked)
        await self.start(brand)
        await self.launch(brand)
        return brand

    async def start(self, brand: Brand) -> None:
        """Lets a brand try."""
        request = partners.StartPartnerSandboxRequest(name=brand.name, request_id=new_request_id())
        await self.operator.coalition_admin.StartPartnerSandbox(request)

    async def launch(self, brand: Brand) -> None:
        """Lets a brand that tries go live."""
        request = partners.LaunchPartnerRequest(name=brand.name, request_id=new_request_id())
        await self.operator.coalition_admin.LaunchPartner(request)

    async def publish(self, *pairs: res.PairRate, effective: datetime | None = None) -> res.RateBook:
        """Publishes a book of the pairs."""
        book = res.RateBook(pairs=pairs)
        if effective is not None:
            book.effective_time.FromDatetime(effective)
        request = admin.PublishRateBookRequest(parent=self.name, rate_book=book, request_id=new_request_id())
        return (await self.operator.coalition_admin.PublishRateBook(request)).rate_book

    async def pair(self, rate: str = "1/2", back: str = "2") -> tuple[Brand, Brand]:
        """Two brands with a book between them."""
        one, other = await self.brand(), await self.brand()
        await self.publish(one.to(other, rate), other.to(one, back))
        return one, other

    async def positions(self) -> list[res.Position]:
        """The first 1,000 positions."""
        request = admin.ListPositionsRequest(parent=self.name, page_size=1000)
        return list((await self.operator.coalition_admin.ListPositions(request)).positions)

    async def limit(self, brand: Brand, **limits: Any) -> limits_pb.PartnerLimits:
        """Sets all limits of a brand."""
        wanted = limits_pb.PartnerLimits(partner=brand.name, **limits)
        request = limits_pb.SetPartnerLimitsRequest(limits=wanted, reason="Agreed", request_id=new_request_id())
        return (await self.operator.exchange_limits.SetPartnerLimits(request)).limits

    async def net_debit(self, brand: Brand) -> Fraction:
        """What a brand owes, less what it is owed, in pence."""
        request = limits_pb.GetPartnerLimitsRequest(partner=brand.name)
        owed = (await self.operator.exchange_limits.GetPartnerLimits(request)).net_debit
        assert owed.currency_code == "GBP"
        return owed.minor_units + Fraction(owed.fraction.numerator, owed.fraction.denominator)

    async def reverse(self, exchange: res.Exchange, amount: int = 0, request_id: str = "") -> reversals_pb.Reversal:
        """Takes an exchange back."""
        request = reversals_pb.ReverseExchangeRequest(
            name=exchange.name, amount=amount, reason="Asked for", request_id=request_id or new_request_id()
        )
        return (await self.operator.reversals.ReverseExchange(request)).reversal

    async def move(self, brand: Brand, *, suspend: bool) -> res.Partner:
        """Suspends or resumes a brand."""
        if suspend:
            suspended = admin.SuspendPartnerRequest(name=brand.name, request_id=new_request_id())
            return (await self.operator.coalition_admin.SuspendPartner(suspended)).partner
        resumed = admin.ResumePartnerRequest(name=brand.name, request_id=new_request_id())
        return (await self.operator.coalition_admin.ResumePartner(resumed)).partner


@dataclass
class Brand:
    """A partner: its program, its members, and what it asks of the coalition with its own tokens."""

    name: str
    program: str
    coalition: Coalition
    key: ECKey
    _own: Client | None = None

    @property
    def id(self) -> str:
        """The id in its name."""
        return self.name.partition("/")[2]

    @property
    def own(self) -> Client:
        """A client with a token that the brand signed itself."""
        if self._own is None:
            world = self.coalition.world
            self._own = world.client(world.exchange, self.token())
        return self._own

    def application(
        self, price: str = "1", *, lifetime_days: int = 0, target: str = "", request_id: str
    ) -> admin.CreatePartnerRequest:
        """The request that makes it a partner."""
        partner = res.Partner(
            name=self.name,
            coalition=self.coalition.name,
            unit="" if target else f"{self.program}/units/points",
            target=target,
            agreed_price=rational(price),
            received_points_lifetime_days=lifetime_days,
        )
        return admin.CreatePartnerRequest(partner=partner, jwks=[jwk(self.key, "first")], request_id=request_id)

    def token(
        self, *, key: ECKey | OKPKey | None = None, kid: str = "first", algorithm: str = "ES256", **claims: Any
    ) -> str:
        """A token that the brand signs; claims replace the usual ones, and None leaves one out."""
        now = int(time.time())
        made = {"iss": self.name, "sub": "mobile", "aud": AUDIENCE, "iat": now, "exp": now + 300} | claims
        present = {name: value for name, value in made.items() if value is not None}
        return jwt.encode({"alg": algorithm, "kid": kid}, present, key or self.key, algorithms=[algorithm])

    def to(self, other: Brand, rate: str, **terms: Any) -> res.PairRate:
        """The terms of converting into another brand's points."""
        return res.PairRate(sender=self.name, receiver=other.name, rate=rational(rate), **terms)

    async def member(self, points: int = 0, *, expire: datetime | None = None) -> str:
        """A member account with so many points."""
        name = f"{self.program}/accounts/m-{next(_numbers)}"
        account = ledger_res.Account(
            name=name, unit=f"{self.program}/units/points", kind=ledger_res.ACCOUNT_KIND_MEMBER
        )
        await self.coalition.books.ledger.CreateAccount(
            ledger.CreateAccountRequest(account=account, request_id=new_request_id())
        )
        if points:
            await self.earn(name, points, expire=expire)
        return name

    async def earn(self, account: str, points: int, *, expire: datetime | None = None) -> None:
        """Points for an account."""
        posting = ledger_res.Posting(
            source=f"{self.program}/accounts/issuance.points", destination=account, amount=points
        )
        if expire is not None:
            posting.expire_time.FromDatetime(expire)
        transaction = ledger_res.Transaction(kind=ledger_res.TRANSACTION_KIND_EARN, postings=[posting])
        await self.coalition.books.ledger.PostTransaction(
            ledger.PostTransactionRequest(parent=self.program, transaction=transaction, request_id=new_request_id())
        )

    async def balance(self, account: str) -> ledger_res.Balance:
        """What an account has, straight from the ledger."""
        request = ledger.GetBalanceRequest(name=account, view=ledger.BALANCE_VIEW_FULL)
        return (await self.coalition.books.ledger.GetBalance(request)).balance

    async def posted(self, account: str) -> int:
        """What all entries of an account come to."""
        return (await self.balance(account)).posted

    async def exchanged_with(self, other: Brand) -> int:
        """What the brand's EXCHANGE account for the other one comes to."""
        return await self.posted(f"{self.program}/accounts/exchange.points.{other.id}")

    def asking(
        self, source: str, other: Brand, destination: str, *, request_id: str = "", **amount: int
    ) -> pb.CreateQuoteRequest:
        """The request for a quote; `send` or `receive_at_least` says what of."""
        quote = res.Quote(
            source_account=source, receiver_id=other.id, destination_account_id=destination.rpartition("/")[2]
        )
        for name, points in amount.items():
            setattr(quote, name, points)
        return pb.CreateQuoteRequest(parent=self.name, quote=quote, request_id=request_id or new_request_id())

    async def quote(self, source: str, other: Brand, destination: str, **amount: int) -> res.Quote:
        """A quote."""
        request = self.asking(source, other, destination, request_id=new_request_id(), **amount)
        return (await self.own.coalition.CreateQuote(request)).quote

    async def execute(self, quote: res.Quote | str, request_id: str = "", *, authorization: str = "") -> res.Exchange:
        """Executes a quote, under an id of its own unless one is given."""
        name = quote if isinstance(quote, str) else quote.name
        request = pb.ExecuteExchangeRequest(
            quote=name, request_id=request_id or new_request_id(), authorization_reference=authorization
        )
        return (await self.own.coalition.ExecuteExchange(request)).exchange

    async def exchange(self, name: str) -> res.Exchange:
        """An exchange as it is now."""
        return (await self.own.coalition.GetExchange(pb.GetExchangeRequest(name=name))).exchange

    async def exchanges(self) -> list[res.Exchange]:
        """The first 1,000 exchanges, newest first."""
        request = pb.ListExchangesRequest(parent=self.name, page_size=1000)
        return list((await self.own.coalition.ListExchanges(request)).exchanges)


def jwk(key: ECKey | OKPKey, kid: str, **members: object) -> str:
    """A public key as partners register it."""
    public: Mapping[str, object] = key.as_dict(private=False)
    return json.dumps({**public, "kid": kid, **members})
