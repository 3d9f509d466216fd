"""A settlement of many partners and exchanges: how long it takes from closing the window until all have paid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

import guerdon
from guerdon import new_request_id
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import settlement_pb2 as pb
from guerdon.exchange.v1.partners_pb2 import LaunchPartnerRequest, StartPartnerSandboxRequest
from guerdon.exchange.v1.resources_pb2 import Coalition, PairRate, Partner, RateBook
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_cli.bench.bed import Ledger, Service, now_and_then
from guerdon_cli.bench.course import Course
from guerdon_cli.bench.programs import TIMEOUT_S, open_program
from guerdon_cli.bench.requests import CURRENCY, UNIT, partner
from guerdon_cli.stack import StackError

COALITION = "settled"
WITHIN_S = 600
AT_ONCE = 50_000
PRICE = Rational(numerator=2, denominator=7)

# As if each had been executed: every brand has sent to every other one.
_FILL = """
with brand as (select partner, row_number() over (order by partner) - 1 as place from partners where coalition = $1)
insert into exchanges (
    exchange, coalition, version, sender, receiver, source_account, destination_account, debited, received, bonus, fee,
    cash_fee, promoted, state, legs, commit_time, price_numerator, price_denominator, actor, create_time,
    settlement_window
)
select
    'settled-' || number, $1, 1, sender.partner, receiver.partner, 'm', 'm', 100, 1 + number % 999, 0, 0, 0, 0,
    'COMMITTED', '[]', now(), $4, $5, 'bench', now(), 1
from generate_series($2::bigint, $3::bigint - 1) as number
join brand as sender on sender.place = number % $6
join brand as receiver on receiver.place = (number + 1 + number / $6 % ($6 - 1)) % $6
"""


def run(course: Course, ledger: Ledger, exchange: Service) -> None:
    """Settles a window of as many exchanges as `course.length` has. Raises StackError, guerdon.GuerdonError."""
    length = course.length
    programs = [open_program(ledger, 0) for _ in range(length.settled_partners)]
    course.facts["settle_s"] = round(asyncio.run(_settled(course, exchange, programs)), 1)


async def _settled(course: Course, exchange: Service, programs: list[str]) -> float:
    async with guerdon.Client(exchange.target, token=exchange.bed.token, timeout_seconds=TIMEOUT_S) as client:
        await _found(client, programs)
        await _fill(course, exchange, len(programs))
        began = time.monotonic()
        window = f"coalitions/{COALITION}/settlementWindows/1"
        course.bed.report(f"settlement: closing a window of {course.length.settled_exchanges:,} exchanges")
        await client.settlement.CloseSettlementWindow(
            pb.CloseSettlementWindowRequest(name=window, request_id=new_request_id())
        )
        course.bed.report(f"settlement: {len(programs)} partners pay in {time.monotonic() - began:.1f} s")
        request = pb.SettleWindowRequest(name=window, request_id=new_request_id())
        waiting = (await client.settlement.SettleWindow(request)).window
        for one in waiting.participants:
            if one.missing_amount:
                await client.settlement.DepositSettlementFunds(
                    pb.DepositSettlementFundsRequest(
                        party=one.party, amount=one.missing_amount, reference="bench", request_id=new_request_id()
                    )
                )
        await _end(course, client, window, began)
        return time.monotonic() - began


async def _end(course: Course, client: guerdon.Client, window: str, began: float) -> None:
    """Has the settlement go on until it is through, and tells how far it is. Raises StackError."""
    tell = now_and_then(course.bed.report)
    going = asyncio.ensure_future(
        client.settlement.SettleWindow(pb.SettleWindowRequest(name=window, request_id=new_request_id()))
    )
    while True:
        found = (await client.settlement.GetSettlementWindow(pb.GetSettlementWindowRequest(name=window))).window
        paid = sum(one.state >= pb.PARTICIPANT_STATE_COMMITTED for one in found.participants)
        tell(f"settlement: {paid} of {len(found.participants)} partners committed")
        if found.state == pb.SETTLEMENT_WINDOW_STATE_SETTLED:
            await going
            return
        if time.monotonic() - began > WITHIN_S:
            going.cancel()
            raise StackError("the settlement does not end")
        await asyncio.sleep(0.2)


async def _found(client: guerdon.Client, programs: list[str]) -> None:
    operator = client.coalition_admin
    made = Coalition(name=f"coalitions/{COALITION}", settlement_currency_code=CURRENCY)
    await operator.CreateCoalition(admin.CreateCoalitionRequest(coalition=made, request_id=new_request_id()))
    for program in programs:
        await enter(client, Partner(name=partner(program), coalition=made.name, agreed_price=PRICE), program)
    one, other = map(partner, programs[:2])
    book = RateBook(pairs=[PairRate(sender=one, receiver=other, rate=Rational(numerator=1, denominator=1))])
    await operator.PublishRateBook(
        admin.PublishRateBookRequest(parent=made.name, rate_book=book, request_id=new_request_id())
    )


async def enter(client: guerdon.Client, brand: Partner, program: str) -> None:
    """Takes a brand into its coalition, LIVE."""
    operator = client.coalition_admin
    brand.unit = f"{program}/units/{UNIT}"
    await operator.CreatePartner(admin.CreatePartnerRequest(partner=brand, request_id=new_request_id()))
    await operator.StartPartnerSandbox(StartPartnerSandboxRequest(name=brand.name, request_id=new_request_id()))
    await operator.LaunchPartner(LaunchPartnerRequest(name=brand.name, request_id=new_request_id()))


async def _fill(course: Course, exchange: Service, partners: int) -> None:
    total = course.length.settled_exchanges
    async with _owner(exchange) as database:
        for first in range(0, total, AT_ONCE):
            course.bed.report(f"settlement: {first:,} of {total:,} exchanges made")
            last = min(first + AT_ONCE, total)
            await database.execute(_FILL, COALITION, first, last, PRICE.numerator, PRICE.denominator, partners)
        await database.execute("analyze exchanges")


@asynccontextmanager
async def _owner(exchange: Service) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(exchange.service.database.owner_url)
    try:
        yield connection
    finally:
        await connection.close()
