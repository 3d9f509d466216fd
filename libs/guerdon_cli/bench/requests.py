"""The requests of a plan, as bytes."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import new_request_id
from guerdon.exchange.v1 import coalition_service_pb2
from guerdon.exchange.v1 import resources_pb2 as exchange_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon.membership.v1 import basket_pb2, membership_pb2, purchase_pb2
from guerdon.recognition.v1 import insights_pb2, recognition_pb2
from guerdon.type.v1.cash_pb2 import Cash
from guerdon_cli.bench.plan import Plan, Shape, Spread

DAY_S = 86_400
LOT_LIFE_S = 730 * DAY_S
HOLD_LIFE_S = 7 * DAY_S
UNIT = "points"
CURRENCY = "USD"
ORGANISATION = "organisations/bench"
SCREEN = 20
"""Recognitions that are read at once: as many as one looks at before turning the page."""
VALUES = ("#care", "#craft", "#customers", "#courage")
PICKED_AT_ONCE = 10_000


def requests(plan: Plan) -> Iterator[bytes]:
    """The plan's requests, `calls` of them; each with a random id."""
    make = {
        Shape.BATCH: _batches,
        Shape.POST: _posts,
        Shape.HOLD: _holds,
        Shape.READ: _reads,
        Shape.ECHO: _echoes,
        Shape.PURCHASE: _purchases,
        Shape.IMPORT: _chunks,
        Shape.EXCHANGE: _quotes,
        Shape.FEED: _feeds,
        Shape.LEADERBOARD: _leaderboards,
    }
    return itertools.islice(make[plan.shape](plan), plan.calls)


def capture(place_hold: bytes) -> bytes:
    """The request that captures in full what was placed."""
    hold = pb.PlaceHoldResponse.FromString(place_hold).hold.name
    return pb.CaptureHoldRequest(name=hold, request_id=new_request_id()).SerializeToString()


def execution(create_quote: bytes) -> bytes:
    """The request that does what was quoted."""
    quote = coalition_service_pb2.CreateQuoteResponse.FromString(create_quote).quote.name
    request = coalition_service_pb2.ExecuteExchangeRequest(quote=quote, request_id=new_request_id())
    return request.SerializeToString()


def partner(program: str) -> str:
    """The name of the partner whose program it is."""
    return f"partners/{program.rpartition('/')[2]}"


def _batches(plan: Plan) -> Iterator[bytes]:
    items = _transactions(plan)
    while True:
        some = [
            pb.PostTransactionItem(transaction=one, request_id=new_request_id())
            for one in itertools.islice(items, plan.items)
        ]
        request = pb.BatchPostTransactionsRequest(parent=plan.program, items=some, omit_balances=plan.omit_balances)
        yield request.SerializeToString()


def _posts(plan: Plan) -> Iterator[bytes]:
    for one in _transactions(plan):
        request = pb.PostTransactionRequest(parent=plan.program, transaction=one, request_id=new_request_id())
        yield request.SerializeToString()


def _holds(plan: Plan) -> Iterator[bytes]:
    until = Timestamp(seconds=int(time.time()) + HOLD_LIFE_S)
    for account in _accounts(plan):
        hold = res.Hold(account=account, amount=plan.amount or random.randint(1, 500), expire_time=until)
        request = pb.PlaceHoldRequest(parent=plan.program, hold=hold, request_id=new_request_id())
        yield request.SerializeToString()


def _reads(plan: Plan) -> Iterator[bytes]:
    for account in _accounts(plan):
        yield pb.GetBalanceRequest(name=account).SerializeToString()


def _purchases(plan: Plan) -> Iterator[bytes]:
    for member, event_time in _buyers(plan):
        prices = (random.randint(1_00, 250_00), random.randint(1_00, 250_00))
        purchase = purchase_pb2.Purchase(
            name=f"{plan.program}/purchases/{new_request_id()}",
            member=f"{plan.program}/members/{member}",
            event_time=event_time,
            amount=Cash(minor_units=sum(prices), currency_code=CURRENCY),
            basket=basket_pb2.Basket(
                lines=[
                    basket_pb2.BasketLine(line_id=line_id, category=category, quantity=1, unit_price=price)
                    for line_id, category, price in zip("ab", ("shoes", "shirts"), prices, strict=True)
                ],
                channel="store",
            ),
        )
        request = membership_pb2.RecordPurchaseRequest(purchase=purchase, request_id=new_request_id())
        yield request.SerializeToString()


def _chunks(plan: Plan) -> Iterator[bytes]:
    buyers = _buyers(plan)
    while True:
        rows = [
            membership_pb2.PurchaseRow(
                purchase_id=new_request_id(),
                member_id=member,
                event_time=event_time,
                amount_minor_units=random.randint(1_00, 500_00),
            )
            for member, event_time in itertools.islice(buyers, plan.items)
        ]
        request = membership_pb2.ImportPurchasesRequest(
            parent=plan.program, request_id=new_request_id(), first_row=1, currency_code=CURRENCY, rows=rows
        )
        yield request.SerializeToString()


def _quotes(plan: Plan) -> Iterator[bytes]:
    sender, receiver = partner(plan.program), partner(plan.receiver).rpartition("/")[2]
    for account in _accounts(plan):
        quote = exchange_pb2.Quote(
            source_account=account,
            receiver_id=receiver,
            destination_account_id=account.rpartition("/")[2],
            send=plan.amount or random.randint(2, 500),
        )
        request = coalition_service_pb2.CreateQuoteRequest(parent=sender, quote=quote, request_id=new_request_id())
        yield request.SerializeToString()


def _feeds(plan: Plan) -> Iterator[bytes]:
    while True:
        viewer = f"{plan.program}/people/p{random.randrange(plan.members)}"
        yield recognition_pb2.ListRecognitionsRequest(
            parent=plan.program, viewer=viewer, page_size=SCREEN
        ).SerializeToString()


def _leaderboards(plan: Plan) -> Iterator[bytes]:
    today = datetime.now(UTC)
    months = today.year * 12 + today.month - 1
    while True:
        year, month = divmod(months - random.randrange(12), 12)
        request = insights_pb2.ListLeaderboardRequest(
            parent=plan.program,
            measure=random.choice((insights_pb2.MEASURE_GIVEN, insights_pb2.MEASURE_RECEIVED)),
            first_period=f"{year}-{month + 1:02}",
            value=random.choice(("", *VALUES)),
        )
        yield request.SerializeToString()


def _buyers(plan: Plan) -> Iterator[tuple[str, Timestamp]]:
    """Ids of members, and when they buy: after the program's rules were made."""
    event_time = Timestamp(seconds=int(time.time()) + 1)
    return ((account.rpartition("/")[2], event_time) for account in _accounts(plan))


def _echoes(_plan: Plan) -> Iterator[bytes]:
    return itertools.repeat(b"")


def _transactions(plan: Plan) -> Iterator[res.Transaction]:
    system = f"{plan.program}/accounts/{'redemption' if plan.spends else 'issuance'}.{UNIT}"
    kind = res.TRANSACTION_KIND_SPEND if plan.spends else res.TRANSACTION_KIND_EARN
    until = Timestamp(seconds=int(time.time()) + LOT_LIFE_S)
    for member in _accounts(plan):
        amount = plan.amount or random.randint(1, 500)
        if plan.spends:
            posting = res.Posting(source=member, destination=system, amount=amount)
        else:
            posting = res.Posting(source=system, destination=member, amount=amount, expire_time=until)
        yield res.Transaction(kind=kind, postings=[posting])


def _accounts(plan: Plan) -> Iterator[str]:
    names = [f"{plan.program}/accounts/m{number}" for number in range(plan.members)]
    if plan.spread is Spread.TURNS:
        while True:
            random.shuffle(names)
            yield from names
    weights = None
    if plan.spread is Spread.ZIPF:
        weights = list(itertools.accumulate(1 / (rank + 1) ** 2 for rank in range(plan.members)))
    while True:
        yield from random.choices(names, cum_weights=weights, k=PICKED_AT_ONCE)
