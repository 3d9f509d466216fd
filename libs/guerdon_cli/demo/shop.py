"""The shop: its members earn with real purchases, reach tiers, redeem, and bring some purchases back."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

import guerdon
from guerdon.ledger.v1.ledger_pb2 import ListEntriesRequest
from guerdon.ledger.v1.resources_pb2 import Entry
from guerdon.membership.v1 import membership_pb2 as membership
from guerdon.membership.v1 import program_pb2, purchase_pb2, rule_pb2
from guerdon.rewards.v1.resources_pb2 import FULFILMENT_CODE_POOL, FULFILMENT_STOCK
from guerdon.type.v1.cash_pb2 import Cash
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_cli.demo.catalog import Catalog
from guerdon_cli.demo.platform import PAGE, Books, Platform, several_at_once, stamp
from guerdon_cli.demo.purchases import Purchase, in_chunks
from guerdon_cli.demo.till import Store

TIME_ZONE = "America/New_York"
CURRENCY = "USD"
CHUNK = 1_000
RESUMED_AT_MOST = 5
TIERS = (("silver", 500, (5, 4)), ("gold", 1_000, (3, 2)))
"""Id, points to reach in a calendar year, and what they multiply the next purchases by."""
VOUCHER_PRICE, VOUCHERS = 100, 30
SALES_CENTS = (750, 250, 100)
"""What tills take off the first voucher, one after another: all of its $10, and what it has no more."""
TOTE_PRICE, TOTES = 60, 12
RETURNED_AFTER_S = 3 * 86_400
STATEMENT_LENGTH = 10


@dataclass(frozen=True)
class Imported:
    """What an import came to."""

    purchases: int
    base_points: int
    tier_points: int
    seconds: float


class ImportIncomplete(Exception):
    """Not every row was recorded; the text says how many were not, and why the first."""


class Shop:
    """The shop as its own back end sees it."""

    def __init__(
        self, books: Books, membership_client: guerdon.Client, catalog: Catalog, store: Store, run: str
    ) -> None:
        self.books = books
        self.catalog = catalog
        self.store = store
        self.voucher = ""
        self.tote = ""
        self.returns = 0
        self._membership = membership_client.membership
        self._run = run

    @classmethod
    async def open(cls, platform: Platform) -> Shop:
        """Make the program, its rules and its rewards."""
        program = f"programs/records-{platform.run}"
        owner = ("shop-backend", ["*"], [program])
        books = Books(await platform.client("ledger", *owner), program)
        catalog = Catalog(await platform.client("rewards_catalog", *owner), books)
        store = await Store.open(platform, program)
        shop = cls(books, await platform.client("membership", *owner), catalog, store, platform.run)
        await books.open("Harbour Records", TIME_ZONE)
        await shop._membership.CreateProgram(
            membership.CreateProgramRequest(program=_settings(books), request_id="settings")
        )
        return shop

    async def offer_rewards(self) -> None:
        """Put a voucher with codes and a bag in stock into the catalog."""
        codes = [f"RECORD-{secrets.token_hex(5).upper()}" for _ in range(VOUCHERS)]
        self.voucher = await self.catalog.offer(
            "voucher", "$10 voucher", VOUCHER_PRICE, FULFILMENT_CODE_POOL, codes=codes, worth=_cash(1_000)
        )
        self.tote = await self.catalog.offer("tote", "Tote bag", TOTE_PRICE, FULFILMENT_STOCK, stock=TOTES)

    def account(self, customer: str) -> str:
        """The ledger account of a customer, as membership names it."""
        return f"{self.books.program}/accounts/m-{customer}"

    async def import_purchases(
        self, purchases: Sequence[Purchase], recorded: Callable[[int], None] = lambda _rows: None
    ) -> Imported:
        """Bring in purchases as one stream, enrolling whoever is new; `recorded` is told rows as they are done.

        A stream that breaks is resumed after the last chunk that was answered. Raises ImportIncomplete.
        """
        begun = time.monotonic()
        chunks = in_chunks(purchases, CHUNK)
        done: list[membership.ImportPurchasesResponse] = []
        for attempt in range(RESUMED_AT_MOST + 1):
            try:
                async for answer in self._membership.ImportPurchases(self._chunks(chunks[len(done) :])):
                    done.append(answer)
                    recorded(answer.recorded_count + answer.already_recorded_count)
                break
            except guerdon.UnavailableError:
                if attempt == RESUMED_AT_MOST:
                    raise
        errors = [error for answer in done for error in answer.errors]
        if errors:
            raise ImportIncomplete(
                f"{len(errors)} rows were refused; the first, row {errors[0].row}: {errors[0].error.message}"
            )
        return Imported(
            purchases=sum(answer.recorded_count + answer.already_recorded_count for answer in done),
            base_points=sum(answer.base_points for answer in done),
            tier_points=sum(answer.tier_points for answer in done),
            seconds=time.monotonic() - begun,
        )

    async def redeem_vouchers(self, customers: Sequence[str]) -> None:
        """Each of them wants a voucher, whose code is issued at once; the first takes it to the store's tills."""
        got = await several_at_once(self.catalog.redeem(self.voucher, self.account(one)) for one in customers)
        for redemption in [one for one in got if one is not None][:1]:
            for number, cents in enumerate(SALES_CENTS, start=1):
                await self.store.take(redemption.code, _cash(cents), str(number))

    async def redeem_totes(self, customers: Sequence[str]) -> None:
        """Each of them wants a bag, of which there are fewer; the first who gets one calls it off again."""
        got = await several_at_once(self.catalog.redeem(self.tote, self.account(one)) for one in customers)
        issued = [redemption for redemption in got if redemption is not None]
        for redemption in issued[:1]:
            await self.catalog.cancel(redemption)
        await several_at_once(self.catalog.hand_over(redemption) for redemption in issued[1:])

    async def take_back(self, purchases: Sequence[Purchase]) -> None:
        """Record returns: every second purchase comes back whole, the others half."""
        await several_at_once(
            self._take_back(purchase, purchase.cents if place % 2 == 0 else purchase.cents // 2)
            for place, purchase in enumerate(purchases)
        )

    async def totals(self, second: int) -> membership.GetProgramTotalsResponse:
        """What membership has recorded, with the tiers held at a Unix time."""
        request = membership.GetProgramTotalsRequest(name=self.books.program, as_of_time=stamp(second))
        return await self._membership.GetProgramTotals(request)

    async def accounts(self) -> list[str]:
        """The ledger accounts of all members."""
        accounts: list[str] = []
        request = membership.ListMembersRequest(parent=self.books.program, page_size=PAGE)
        while True:
            page = await self._membership.ListMembers(request)
            accounts += [member.account for member in page.members]
            if not page.next_page_token:
                return accounts
            request.page_token = page.next_page_token

    async def statement(self, customer: str) -> list[Entry]:
        """The last entries of a member's account, newest first."""
        request = ListEntriesRequest(parent=self.account(customer), page_size=STATEMENT_LENGTH)
        return list((await self.books.client.ledger.ListEntries(request)).entries)

    async def _chunks(self, chunks: Iterable[Sequence[Purchase]]) -> AsyncIterator[membership.ImportPurchasesRequest]:
        for chunk in chunks:
            yield membership.ImportPurchasesRequest(
                parent=self.books.program,
                request_id=f"import-{chunk[0].row}",
                first_row=chunk[0].row,
                currency_code=CURRENCY,
                enroll_unknown_members=True,
                rows=[
                    membership.PurchaseRow(
                        purchase_id=purchase.id,
                        member_id=purchase.customer,
                        event_time=stamp(purchase.second),
                        amount_minor_units=purchase.cents,
                    )
                    for purchase in chunk
                ],
            )

    async def _take_back(self, purchase: Purchase, cents: int) -> None:
        goods_return = purchase_pb2.Return(
            name=f"{self.books.program}/returns/{purchase.id}",
            purchase=f"{self.books.program}/purchases/{purchase.id}",
            event_time=stamp(min(purchase.second + RETURNED_AFTER_S, int(time.time()))),
            amount=_cash(cents),
        )
        request = membership.RecordReturnRequest(goods_return=goods_return, request_id=f"return-{purchase.id}")
        await self._membership.RecordReturn(request)
        self.returns += 1


def _cash(cents: int) -> Cash:
    return Cash(minor_units=cents, currency_code=CURRENCY)


def worth_returning(purchases: Sequence[Purchase], customers: Sequence[str]) -> list[Purchase]:
    """The dearest purchase of each of these customers, if it cost anything to speak of."""
    dearest: dict[str, Purchase] = {}
    wanted = set(customers)
    for purchase in purchases:
        if purchase.customer in wanted and purchase.cents >= 2:
            best = dearest.setdefault(purchase.customer, purchase)
            if purchase.cents > best.cents:
                dearest[purchase.customer] = purchase
    return list(dearest.values())


def refusals_told(refusals: Counter[str]) -> str:
    """How often which reason was given, for people."""
    return ", ".join(f"{count} × {reason}" for reason, count in refusals.most_common()) or "none"


def _settings(books: Books) -> program_pb2.Program:
    return program_pb2.Program(
        name=books.program,
        unit=books.unit,
        currency_code=CURRENCY,
        earning_rule=rule_pb2.EarningRule(
            points_per_minor_unit=Rational(numerator=1, denominator=100), rounding=rule_pb2.ROUNDING_DOWN
        ),
        tiers=[
            program_pb2.Tier(tier_id=tier, threshold=threshold, multiplier=Rational(numerator=many, denominator=of))
            for tier, threshold, (many, of) in TIERS
        ],
    )
