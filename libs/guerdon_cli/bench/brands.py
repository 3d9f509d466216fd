"""Partner exchange's workload beside that of the ledger under it, which posts without partner exchange."""

from __future__ import annotations

import asyncio

import guerdon
from guerdon import new_request_id
from guerdon.exchange.v1 import coalition_admin_service_pb2 as pb
from guerdon.exchange.v1.resources_pb2 import Coalition, LinkPolicy, PairRate, Partner, RateBook
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_cli.bench import settlements
from guerdon_cli.bench.bed import Service
from guerdon_cli.bench.course import Course
from guerdon_cli.bench.plan import Shape
from guerdon_cli.bench.programs import TIMEOUT_S, open_program
from guerdon_cli.bench.requests import CURRENCY, partner

COALITION = "coalitions/bench"
PLENTY = 10**9
THERE, BACK = Rational(numerator=5, denominator=8), Rational(numerator=8, denominator=5)
PRICES = (Rational(numerator=1, denominator=2), Rational(numerator=4, denominator=5))


def run(course: Course) -> None:
    """Quotes that are made and executed between two brands whose points are in the ledger, and earns of the ledger
    under them; then the settlement of many brands. Raises StackError, guerdon.GuerdonError.
    """
    course.run_tpcb()
    with course.ledger("exchange") as ledger, course.bed.over(ledger, "partner_exchange") as exchange:
        bare = open_program(ledger, course.length.members)
        shop = open_program(ledger, course.length.members, lots=3, amount=PLENTY)
        airline = open_program(ledger, course.length.members)
        asyncio.run(_found(exchange, shop, airline))
        for _ in range(course.length.rounds):
            course.measure("ledger_post", ledger, course.plan(ledger, Shape.POST, bare))
            course.measure("exchange", exchange, course.plan(exchange, Shape.EXCHANGE, shop, receiver=airline))
        settlements.run(course, ledger, exchange)
    course.run_tpcb()


async def _found(exchange: Service, *programs: str) -> None:
    """A coalition of two brands, with rates there and back."""
    async with guerdon.Client(exchange.target, token=exchange.bed.token, timeout_seconds=TIMEOUT_S) as client:
        operator = client.coalition_admin
        made = Coalition(name=COALITION, settlement_currency_code=CURRENCY, link_policy=LinkPolicy(optional=True))
        await operator.CreateCoalition(pb.CreateCoalitionRequest(coalition=made, request_id=new_request_id()))
        for program, price in zip(programs, PRICES, strict=True):
            await settlements.enter(
                client, Partner(name=partner(program), coalition=COALITION, agreed_price=price), program
            )
        one, other = map(partner, programs)
        book = RateBook(
            pairs=[
                PairRate(sender=one, receiver=other, rate=THERE, minimum=2),
                PairRate(sender=other, receiver=one, rate=BACK),
            ]
        )
        request = pb.PublishRateBookRequest(parent=COALITION, rate_book=book, request_id=new_request_id())
        await operator.PublishRateBook(request)
