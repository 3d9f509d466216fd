"""A shop, an airline, their coalition and an employer on a running stack, and the five things that happen there."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

import guerdon
from guerdon.exchange.v1 import coalition_service_pb2 as coalition
from guerdon.exchange.v1.resources_pb2 import Exchange, Quote
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1.resources_pb2 import TRANSACTION_KIND_EARN, Posting, Transaction
from guerdon.membership.v1 import membership_pb2 as membership
from guerdon.membership.v1.purchase_pb2 import Purchase as PurchaseMessage
from guerdon.recognition.v1 import recognition_pb2 as recognition
from guerdon.recognition.v1.recognition_pb2 import VISIBILITY_PUBLIC, Recognition
from guerdon.rewards.v1 import rewards_pb2 as rewards
from guerdon.rewards.v1.resources_pb2 import FULFILMENT_CODE_POOL, FULFILMENT_STOCK, Redemption
from guerdon.type.v1.cash_pb2 import Cash
from guerdon_cli.demo.airline import Airline, Exchanges
from guerdon_cli.demo.employer import Employer
from guerdon_cli.demo.platform import PAGE, Platform, stamp
from guerdon_cli.demo.purchases import Purchase
from guerdon_cli.demo.shop import CURRENCY, Shop
from guerdon_cli.stack import Stack
from guerdon_cli.verification import Verdict, verify_ledger

T = TypeVar("T")

CUSTOMERS = tuple(f"c{number}" for number in range(12))
FIRST_PURCHASE_CENTS = 200_000
CODES = 1_000
VOUCHER_PRICE, TOTE_PRICE = 7, 5
SENT_POINTS = 40
THANKS_POINTS = 1
PURCHASE_CENTS = 1_234
NOON = 1_750_000_000
ANSWERED_WITHIN_S = 45.0


@dataclass
class Town:
    """Everybody, and clients for them."""

    stack: Stack
    shop: Shop
    exchanges: Exchanges
    employer: Employer
    books: guerdon.Client
    members: guerdon.Client
    catalog: guerdon.Client
    people: guerdon.Client
    flying: dict[str, str]
    voucher: str = ""
    tote: str = ""
    person_names: list[str] = field(default_factory=list)

    # What happens in the town. Every request is made here, so that it can be sent again.

    def earn(self, number: int, request_id: str) -> ledger.PostTransactionRequest:
        """A posting in the ledger itself."""
        posting = Posting(
            source=f"{self.shop.books.program}/accounts/issuance.points",
            destination=self.account(number),
            amount=PURCHASE_CENTS,
        )
        return ledger.PostTransactionRequest(
            parent=self.shop.books.program,
            transaction=Transaction(kind=TRANSACTION_KIND_EARN, postings=[posting]),
            request_id=request_id,
        )

    def purchase(self, number: int, request_id: str) -> membership.RecordPurchaseRequest:
        """A purchase of a member."""
        program = self.shop.books.program
        return membership.RecordPurchaseRequest(
            purchase=PurchaseMessage(
                name=f"{program}/purchases/{request_id}",
                member=f"{program}/members/{CUSTOMERS[number % len(CUSTOMERS)]}",
                event_time=stamp(NOON),
                amount=Cash(minor_units=PURCHASE_CENTS, currency_code=CURRENCY),
            ),
            request_id=request_id,
        )

    def redemption(self, number: int, request_id: str) -> rewards.RedeemRequest:
        """A wish for a voucher with a code, or every second time for a bag in stock."""
        reward = self.voucher if number % 2 else self.tote
        return rewards.RedeemRequest(reward=reward, account=self.account(number), request_id=request_id)

    def quote(self, number: int, request_id: str) -> coalition.CreateQuoteRequest:
        """A question for points of the shop to become miles."""
        customer = CUSTOMERS[number % len(CUSTOMERS)]
        quote = Quote(
            source_account=self.shop.account(customer),
            receiver_id=self.exchanges.airline.id,
            destination_account_id=self.flying[customer].rpartition("/")[2],
            send=SENT_POINTS,
        )
        return coalition.CreateQuoteRequest(parent=self.exchanges.shop.name, quote=quote, request_id=request_id)

    def thanks(self, number: int, request_id: str) -> recognition.CreateRecognitionRequest:
        """One colleague thanks another."""
        count = len(self.person_names)
        return recognition.CreateRecognitionRequest(
            parent=self.employer.organisation,
            recognition=Recognition(
                giver=self.person_names[number % count],
                receivers=[self.person_names[(number + 1) % count]],
                amount=THANKS_POINTS,
                message="Thank you",
                visibility=VISIBILITY_PUBLIC,
            ),
            request_id=request_id,
        )

    async def post(self, request: ledger.PostTransactionRequest) -> str:
        """The transaction's name."""
        return (await self.books.ledger.PostTransaction(request)).transaction

    async def buy(self, request: membership.RecordPurchaseRequest) -> str:
        """The purchase's name, and what it earned."""
        purchase = (await self.members.membership.RecordPurchase(request)).purchase
        return f"{purchase.name} {purchase.rating.base_points} {purchase.rating.tier_points}"

    async def redeem(self, request: rewards.RedeemRequest) -> str:
        """The redemption's name."""
        return (await self.catalog.rewards.Redeem(request)).redemption.name

    async def exchange(self, request: coalition.CreateQuoteRequest) -> str:
        """The exchange's name: quoted and executed under ids that follow from the request's."""
        client = self.exchanges.shop.client.coalition
        quote = (await client.CreateQuote(request)).quote
        return await self.execute(
            coalition.ExecuteExchangeRequest(quote=quote.name, request_id=f"{request.request_id}-go")
        )

    async def execute(self, request: coalition.ExecuteExchangeRequest) -> str:
        """The exchange's name."""
        return (await self.exchanges.shop.client.coalition.ExecuteExchange(request)).exchange.name

    async def thank(self, request: recognition.CreateRecognitionRequest) -> str:
        """The recognition's name."""
        return (await self.people.recognition.CreateRecognition(request)).recognition.name

    # What is there.

    def account(self, number: int) -> str:
        """A customer's account."""
        return self.shop.account(CUSTOMERS[number % len(CUSTOMERS)])

    async def redemptions(self) -> list[Redemption]:
        """All redemptions of the shop."""
        found: list[Redemption] = []
        request = rewards.ListRedemptionsRequest(parent=self.shop.books.program, page_size=PAGE)
        while True:
            page = await self.catalog.rewards.ListRedemptions(request)
            found += page.redemptions
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def code(self, redemption: Redemption) -> str:
        """The code that a redemption brought; empty for a bag."""
        request = rewards.GetRedemptionRequest(name=redemption.name)
        return (await self.catalog.rewards.GetRedemption(request)).redemption.code

    async def exchanges_made(self) -> list[Exchange]:
        """All exchanges that the shop sent."""
        found: list[Exchange] = []
        request = coalition.ListExchangesRequest(parent=self.exchanges.shop.name, page_size=PAGE)
        while True:
            page = await self.exchanges.shop.client.coalition.ListExchanges(request)
            found += page.exchanges
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def recognitions(self) -> list[Recognition]:
        """Everything in the feed."""
        found: list[Recognition] = []
        request = recognition.ListRecognitionsRequest(parent=self.employer.organisation, page_size=PAGE)
        while True:
            page = await self.people.recognition.ListRecognitions(request)
            found += page.recognitions
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def verify(self) -> Verdict:
        """The whole ledger's verdict."""
        return await verify_ledger(self.stack.targets["ledger"], self.stack.identity.token())


async def found(stack: Stack) -> AsyncIterator[Town]:
    """Make a town: every customer has earned 2,000 points, every colleague has this month's allowance."""
    async with Platform(stack.targets, stack.identity, secrets.token_hex(3)) as platform:
        shop = await Shop.open(platform)
        airline = await Airline.open(platform)
        exchanges = await Exchanges.found(platform, shop.books, airline.books)
        employer = await Employer.open(platform)
        await shop.import_purchases(
            [Purchase(row, one, NOON, FIRST_PURCHASE_CENTS) for row, one in enumerate(CUSTOMERS, start=1)]
        )
        program = shop.books.program
        town = Town(
            stack=stack,
            shop=shop,
            exchanges=exchanges,
            employer=employer,
            books=shop.books.client,
            members=await platform.client("membership", "till", ["*"], [program]),
            catalog=await platform.client("rewards_catalog", "till", ["*"], [program]),
            people=await platform.client("recognition", "hr", ["*"], [employer.organisation]),
            flying=await airline.enroll(CUSTOMERS),
            person_names=[person.name for person in employer.people.values()],
        )
        codes = [f"CODE-{secrets.token_hex(6)}" for _ in range(CODES)]
        town.voucher = await shop.catalog.offer("v", "Voucher", VOUCHER_PRICE, FULFILMENT_CODE_POOL, codes=codes)
        town.tote = await shop.catalog.offer("t", "Tote bag", TOTE_PRICE, FULFILMENT_STOCK, stock=CODES)
        yield town


async def answered(send: Callable[[], Awaitable[T]]) -> T | guerdon.RefusedError:
    """The definite answer to a request: it is sent again, the same, for as long as nobody knows what came of it."""
    deadline = time.monotonic() + ANSWERED_WITHIN_S
    while True:
        try:
            return await send()
        except guerdon.RefusedError as refusal:
            return refusal
        except guerdon.UnavailableError:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(0.05)


def changed(request: Message, *, other_quote: str, other_account: str) -> Message:
    """The same request id with another body, as good as the first."""
    other = type(request)()
    other.CopyFrom(request)
    match other:
        case ledger.PostTransactionRequest():
            other.transaction.postings[0].amount += 1
        case membership.RecordPurchaseRequest():
            other.purchase.amount.minor_units += 100
        case rewards.RedeemRequest():
            other.account = other_account
        case coalition.ExecuteExchangeRequest():
            other.quote = other_quote
        case recognition.CreateRecognitionRequest():
            other.recognition.amount += 1
        case _:
            raise TypeError(f"no way to change a {type(request).__name__}")
    return other
