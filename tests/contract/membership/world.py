"""A ledger, a membership service, and programs to fill them with."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import Client, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import program_pb2, purchase_pb2, rule_pb2
from guerdon.type.v1 import cash_pb2, rational_pb2
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import RunningService

_numbers = itertools.count(1)

TIERS = (("silver", 100, (5, 4)), ("gold", 500, (2, 1)))
"""Id, threshold and multiplier."""


def when(*parts: int) -> Timestamp:
    """A moment in UTC."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]  # year, month, day and so on
    return stamp


def usd(cents: int) -> cash_pb2.Cash:
    """An amount in dollars."""
    return cash_pb2.Cash(minor_units=cents, currency_code="USD")


@dataclass
class World:
    """Both services, and clients of them."""

    ledger: RunningService
    membership: RunningService
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

    async def books(self) -> Shop:
        """A program in the ledger, with a unit of points, that membership does not know yet."""
        shop = Shop(f"programs/shop-{next(_numbers)}", self.client(self.ledger), self.client(self.membership))
        program = ledger_res.Program(name=shop.program, time_zone="America/New_York")
        await shop.books.ledger.CreateProgram(ledger.CreateProgramRequest(program=program, request_id=new_request_id()))
        unit = ledger_res.Unit(name=f"{shop.program}/units/points")
        await shop.books.ledger.CreateUnit(ledger.CreateUnitRequest(unit=unit, request_id=new_request_id()))
        return shop

    async def shop(self, **changes: Any) -> Shop:
        """A program that earns 1 point per whole dollar, with a welcome bonus of 50 and two tiers, unless changed."""
        shop = await self.books()
        await shop.membership.membership.CreateProgram(
            pb.CreateProgramRequest(program=shop.settings(**changes), request_id=new_request_id())
        )
        return shop


@dataclass
class Shop:
    """One program: its members and what they buy."""

    program: str
    books: Client
    membership: Client

    def settings(self, **changes: Any) -> program_pb2.Program:
        """The settings of the program."""
        values: dict[str, Any] = {
            "name": self.program,
            "unit": f"{self.program}/units/points",
            "currency_code": "USD",
            "earning_rule": rule_pb2.EarningRule(
                points_per_minor_unit=rational_pb2.Rational(numerator=1, denominator=100),
                rounding=rule_pb2.ROUNDING_DOWN,
            ),
            "welcome_points": 50,
            "tiers": [
                program_pb2.Tier(
                    tier_id=tier_id,
                    threshold=threshold,
                    multiplier=rational_pb2.Rational(numerator=multiplier[0], denominator=multiplier[1]),
                )
                for tier_id, threshold, multiplier in TIERS
            ],
        }
        return program_pb2.Program(**(values | changes))

    async def enroll(self, member_id: str, request_id: str = "") -> pb.EnrollMemberResponse:
        """Enrols a person, under an id of its own unless one is given."""
        return await self.membership.membership.EnrollMember(
            pb.EnrollMemberRequest(parent=self.program, member_id=member_id, request_id=request_id or new_request_id())
        )

    def purchase(
        self, purchase_id: str, member_id: str, cents: int, event_time: Timestamp | None = None
    ) -> purchase_pb2.Purchase:
        """A purchase."""
        return purchase_pb2.Purchase(
            name=f"{self.program}/purchases/{purchase_id}",
            member=f"{self.program}/members/{member_id}",
            event_time=event_time or when(2026, 1, 5, 12),
            amount=usd(cents),
        )

    async def buy(
        self,
        purchase_id: str,
        member_id: str,
        cents: int,
        event_time: Timestamp | None = None,
        request_id: str = "",
    ) -> pb.RecordPurchaseResponse:
        """Records a purchase, under a request id of its own unless one is given."""
        purchase = self.purchase(purchase_id, member_id, cents, event_time)
        return await self.membership.membership.RecordPurchase(
            pb.RecordPurchaseRequest(purchase=purchase, request_id=request_id or new_request_id())
        )

    def returned(self, return_id: str, purchase_id: str, cents: int) -> purchase_pb2.Return:
        """A return."""
        return purchase_pb2.Return(
            name=f"{self.program}/returns/{return_id}",
            purchase=f"{self.program}/purchases/{purchase_id}",
            event_time=when(2026, 1, 9, 12),
            amount=usd(cents),
        )

    async def bring_back(
        self, return_id: str, purchase_id: str, cents: int, request_id: str = ""
    ) -> pb.RecordReturnResponse:
        """Records a return, under a request id of its own unless one is given."""
        return await self.membership.membership.RecordReturn(
            pb.RecordReturnRequest(
                goods_return=self.returned(return_id, purchase_id, cents), request_id=request_id or new_request_id()
            )
        )

    def chunk(
        self, first_row: int, rows: Sequence[pb.PurchaseRow], *, enroll: bool = True, request_id: str = ""
    ) -> pb.ImportPurchasesRequest:
        """A chunk of an import."""
        return pb.ImportPurchasesRequest(
            parent=self.program,
            request_id=request_id or new_request_id(),
            first_row=first_row,
            currency_code="USD",
            enroll_unknown_members=enroll,
            rows=rows,
        )

    async def import_(self, chunks: Iterable[pb.ImportPurchasesRequest]) -> list[pb.ImportPurchasesResponse]:
        """Imports chunks through one stream."""
        return [answer async for answer in self.membership.membership.ImportPurchases(stream(chunks))]

    async def balance(self, member_id: str) -> ledger_res.Balance:
        """What a member has, straight from the ledger."""
        name = f"{self.program}/accounts/m-{member_id}"
        return (await self.books.ledger.GetBalance(ledger.GetBalanceRequest(name=name))).balance

    async def statement(self, member_id: str) -> list[tuple[int, str]]:
        """Amounts and memos of a member's entries, oldest first."""
        name = f"{self.program}/accounts/m-{member_id}"
        page = await self.books.ledger.ListEntries(ledger.ListEntriesRequest(parent=name, page_size=1000))
        return [(entry.amount, entry.memo) for entry in reversed(page.entries)]

    async def take_account(self, member_id: str) -> str:
        """Opens the account that a member of this id would have, straight in the ledger and in another unit."""
        unit, name = f"{self.program}/units/stamps", f"{self.program}/accounts/m-{member_id}"
        await self.books.ledger.CreateUnit(
            ledger.CreateUnitRequest(unit=ledger_res.Unit(name=unit), request_id=f"stamps-{self.program[9:]}")
        )
        account = ledger_res.Account(name=name, unit=unit, kind=ledger_res.ACCOUNT_KIND_MEMBER)
        await self.books.ledger.CreateAccount(ledger.CreateAccountRequest(account=account, request_id=new_request_id()))
        return name

    async def spend(self, member_id: str, points: int) -> None:
        """Spends points of a member's, straight in the ledger."""
        posting = ledger_res.Posting(
            source=f"{self.program}/accounts/m-{member_id}",
            destination=f"{self.program}/accounts/redemption.points",
            amount=points,
        )
        spend = ledger_res.Transaction(kind=ledger_res.TRANSACTION_KIND_SPEND, postings=[posting])
        await self.books.ledger.PostTransaction(
            ledger.PostTransactionRequest(parent=self.program, transaction=spend, request_id=new_request_id())
        )

    async def close_account(self, member_id: str) -> None:
        """Closes a member's account, straight in the ledger."""
        name = f"{self.program}/accounts/m-{member_id}"
        await self.books.ledger.CloseAccount(ledger.CloseAccountRequest(name=name, request_id=new_request_id()))

    async def totals(self, as_of_time: Timestamp | None = None) -> pb.GetProgramTotalsResponse:
        """The program's totals."""
        request = pb.GetProgramTotalsRequest(name=self.program, as_of_time=as_of_time)
        return await self.membership.membership.GetProgramTotals(request)

    async def progress(self, member_id: str, as_of_time: Timestamp | None = None) -> pb.GetTierProgressResponse:
        """Where a member stands."""
        request = pb.GetTierProgressRequest(name=f"{self.program}/members/{member_id}", as_of_time=as_of_time)
        return await self.membership.membership.GetTierProgress(request)


def row(purchase_id: str, member_id: str, cents: int, event_time: Timestamp | None = None) -> pb.PurchaseRow:
    """A row of an import."""
    return pb.PurchaseRow(
        purchase_id=purchase_id,
        member_id=member_id,
        event_time=event_time or when(2026, 1, 5, 12),
        amount_minor_units=cents,
    )


async def stream(chunks: Iterable[pb.ImportPurchasesRequest]) -> AsyncIterator[pb.ImportPurchasesRequest]:
    """The chunks, as a client sends them."""
    for chunk in chunks:
        yield chunk
