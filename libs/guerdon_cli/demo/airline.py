"""The airline, and the coalition in which it and the shop convert points into each other's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from joserfc.jwk import ECKey

import guerdon
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import coalition_service_pb2 as coalition
from guerdon.exchange.v1 import partners_pb2 as partners
from guerdon.exchange.v1.resources_pb2 import Coalition, LinkPolicy, PairRate, Partner, Position, Quote, RateBook
from guerdon.membership.v1 import membership_pb2 as membership
from guerdon.membership.v1 import program_pb2, rule_pb2, times_pb2
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_cli.demo.platform import Books, Platform, several_at_once

TIME_ZONE = "Europe/London"
CURRENCY = "USD"
WELCOME_MILES = 250
RECEIVED_MILES_LIFETIME_DAYS = 3 * 365
# 8 points and 5 miles are worth the same, there and back: Nectar and Avios exchanged so, 400 against 250.
POINTS, MILES = 8, 5
POINT_PRICE = Rational(numerator=1, denominator=2)
MILE_PRICE = Rational(numerator=4, denominator=5)
KEY_ID = "first"


@dataclass
class Brand:
    """A partner of the coalition, with its books and its own way in."""

    name: str
    books: Books
    client: guerdon.Client

    @property
    def id(self) -> str:
        """The id in its name."""
        return self.name.partition("/")[2]


class Airline:
    """The airline as its own back end sees it."""

    def __init__(self, books: Books, client: guerdon.Client) -> None:
        self.books = books
        self._membership = client.membership

    @classmethod
    async def open(cls, platform: Platform) -> Airline:
        """Make the program and its rules."""
        program = f"programs/skyways-{platform.run}"
        owner = ("airline-backend", ["*"], [program])
        books = Books(await platform.client("ledger", *owner), program, "miles")
        airline = cls(books, await platform.client("membership", *owner))
        await books.open("Skyways", TIME_ZONE)
        settings = program_pb2.Program(
            name=program,
            unit=books.unit,
            currency_code="GBP",
            earning_rule=rule_pb2.EarningRule(
                points_per_minor_unit=Rational(numerator=5, denominator=100), rounding=rule_pb2.ROUNDING_DOWN
            ),
            expiry_policy=times_pb2.ExpiryPolicy(months=36, rounded_to=times_pb2.ExpiryPolicy.PERIOD_END_MONTH),
            welcome_points=WELCOME_MILES,
        )
        await airline._membership.CreateProgram(
            membership.CreateProgramRequest(program=settings, request_id="settings")
        )
        return airline

    async def enroll(self, customers: Sequence[str]) -> dict[str, str]:
        """Take customers of the shop in as members, with a welcome; their accounts by customer."""
        answers = await several_at_once(
            self._membership.EnrollMember(
                membership.EnrollMemberRequest(parent=self.books.program, member_id=one, request_id=f"enroll-{one}")
            )
            for one in customers
        )
        return {one: answer.member.account for one, answer in zip(customers, answers, strict=True)}


class Exchanges:
    """The coalition of the shop and the airline, and what is exchanged in it."""

    def __init__(self, operator: guerdon.Client, name: str, shop: Brand, airline: Brand) -> None:
        self.name = name
        self.shop = shop
        self.airline = airline
        self.committed = 0
        self.refusals: Counter[str] = Counter()
        """How often which reason was given."""
        self._operator = operator.coalition_admin

    @classmethod
    async def found(cls, platform: Platform, shop: Books, airline: Books) -> Exchanges:
        """Make the coalition, take both brands in with keys of their own, and publish rates."""
        operator = await platform.client("partner_exchange", "coalition-operator", ["exchange.*"], ["*"])
        name = f"coalitions/harbour-{platform.run}"
        found = Coalition(
            name=name,
            display_name="Harbour coalition",
            settlement_currency_code=CURRENCY,
            # The demo's customers are the same people at both: their accounts are not linked one by one.
            link_policy=LinkPolicy(optional=True),
        )
        await operator.coalition_admin.CreateCoalition(
            admin.CreateCoalitionRequest(coalition=found, request_id=f"coalition-{platform.run}")
        )
        brands = []
        for id_, books, price, days in (
            (f"records-{platform.run}", shop, POINT_PRICE, 0),
            (f"skyways-{platform.run}", airline, MILE_PRICE, RECEIVED_MILES_LIFETIME_DAYS),
        ):
            partner = Partner(
                name=f"partners/{id_}",
                coalition=name,
                unit=books.unit,
                agreed_price=price,
                received_points_lifetime_days=days,
            )
            brands.append(await _join(platform, operator, partner, books))
        exchanges = cls(operator, name, *brands)
        await exchanges._publish_rates()
        return exchanges

    async def to_airline(self, source: str, destination: str) -> int:
        """Half of what a member of the shop can spend becomes miles; how many."""
        points = await self.shop.books.available(source) // 2
        return await self._exchange(self.shop, source, self.airline, destination, points)

    async def to_shop(self, source: str, destination: str, miles: int) -> int:
        """Miles become points of the shop; how many."""
        return await self._exchange(self.airline, source, self.shop, destination, miles)

    async def positions(self) -> list[Position]:
        """What each brand has sent the other, and owes it."""
        request = admin.ListPositionsRequest(parent=self.name)
        return list((await self._operator.ListPositions(request)).positions)

    async def _exchange(self, sender: Brand, source: str, receiver: Brand, destination: str, send: int) -> int:
        quote = Quote(
            source_account=source, receiver_id=receiver.id, destination_account_id=destination.rpartition("/")[2]
        )
        quote.send = max(1, send)
        request_id = source.rpartition("/")[2]
        asked = coalition.CreateQuoteRequest(parent=sender.name, quote=quote, request_id=request_id)
        try:
            made = (await sender.client.coalition.CreateQuote(asked)).quote
            execution = coalition.ExecuteExchangeRequest(quote=made.name, request_id=request_id)
            exchange = (await sender.client.coalition.ExecuteExchange(execution)).exchange
        except guerdon.RefusedError as refusal:
            self.refusals[refusal.reason] += 1
            return 0
        self.committed += 1
        return exchange.received_amount

    async def _publish_rates(self) -> None:
        shop, airline = self.shop.name, self.airline.name
        there = Rational(numerator=MILES, denominator=POINTS)
        back = Rational(numerator=POINTS, denominator=MILES)
        book = RateBook(
            pairs=[
                PairRate(sender=shop, receiver=airline, rate=there, increment=POINTS, minimum=5 * POINTS),
                PairRate(sender=airline, receiver=shop, rate=back, increment=MILES, minimum=5 * MILES),
            ]
        )
        await self._operator.PublishRateBook(
            admin.PublishRateBookRequest(parent=self.name, rate_book=book, request_id=self.name.rpartition("/")[2])
        )


async def _join(platform: Platform, operator: guerdon.Client, partner: Partner, books: Books) -> Brand:
    """Take a brand in; from then on it signs for itself."""
    key = ECKey.generate_key("P-256")
    jwk = json.dumps({**key.as_dict(private=False), "kid": KEY_ID})
    request_id = partner.name.rpartition("/")[2]
    await operator.coalition_admin.CreatePartner(
        admin.CreatePartnerRequest(partner=partner, jwks=[jwk], request_id=request_id)
    )
    await operator.coalition_admin.StartPartnerSandbox(
        partners.StartPartnerSandboxRequest(name=partner.name, request_id=f"{request_id}-sandbox")
    )
    await operator.coalition_admin.LaunchPartner(
        partners.LaunchPartnerRequest(name=partner.name, request_id=f"{request_id}-launch")
    )
    return Brand(partner.name, books, await platform.partner_client(partner.name, key, KEY_ID))
