"""The conformance suite passes on the example partner, and what is broken in others its own check finds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent import futures
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from examples.partner.books import Books, Leg
from examples.partner.servicer import PartnerLedger
from guerdon.exchange.v1 import partner_ledger_service_pb2 as pb
from guerdon.exchange.v1.partner_ledger_service_pb2_grpc import add_PartnerLedgerServiceServicer_to_server
from guerdon_cli.main import app
from guerdon_cli.partner import checks
from guerdon_cli.partner.conformance import asking, tried


class CommitsTwice(Books):
    def commit(self, exchange: str) -> Leg | None:
        leg = super().commit(exchange)
        if leg is not None and leg.member is not None:
            self.give(leg.member, -leg.amount)
        return leg


class CreditsTwice(Books):
    def credit(self, exchange: str, member: str, amount: int, points: tuple[tuple[int, int], ...]) -> Leg:
        leg = super().credit(exchange, member, amount, points)
        if leg.state == "CREDITED":
            self.give(member, amount)
        return leg


class CancelsAfterCommit(Books):
    def cancel(self, exchange: str) -> bool:
        leg = self.leg(exchange)
        if leg is not None and leg.state == "COMMITTED" and leg.member is not None:
            self.give(leg.member, leg.amount)
            return True
        return super().cancel(exchange)


class CommitsWhatWasCancelled(Books):
    def commit(self, exchange: str) -> Leg | None:
        leg = self.leg(exchange)
        return leg if leg is not None and leg.state == "CANCELLED" else super().commit(exchange)


class ForgetsCancellations(Books):
    def cancel(self, exchange: str) -> bool:
        return True if self.leg(exchange) is None else super().cancel(exchange)


class CancelsTwice(Books):
    def cancel(self, exchange: str) -> bool:
        leg = self.leg(exchange)
        if leg is not None and leg.state == "CANCELLED" and leg.member is not None:
            self.give(leg.member, leg.amount)
        return super().cancel(exchange)


class Lapses(Books):
    def leg(self, exchange: str) -> Leg | None:
        known = super().leg(exchange)
        if known is not None and known.state == "RESERVED":
            super().cancel(exchange)
        return super().leg(exchange)


class ReservesOtherwise(Books):
    def reserve(self, exchange: str, member: str, amount: int) -> Leg:
        leg = super().reserve(exchange, member, amount)
        return replace(leg, amount=leg.amount - 1)


class TakesOtherWords(Books):
    def reserve(self, exchange: str, member: str, amount: int) -> Leg:
        known = self.leg(exchange)
        return super().reserve(exchange, member, amount if known is None else known.amount)


class ReservesMoreThanThereIs(Books):
    def reserve(self, exchange: str, member: str, amount: int) -> Leg:
        if amount > (self.available(member) or 0):
            return Leg("RESERVE", member, amount, "RESERVED", "", ())
        return super().reserve(exchange, member, amount)


BROKEN = {
    CommitsTwice: checks.commits_once,
    CreditsTwice: checks.credits_once,
    CancelsAfterCommit: checks.keeps_what_was_committed,
    CommitsWhatWasCancelled: checks.commits_nothing_cancelled,
    ForgetsCancellations: checks.remembers_what_it_never_reserved,
    CancelsTwice: checks.cancels_once,
    Lapses: checks.keeps_a_reservation,
    ReservesOtherwise: checks.reserves_what_is_asked,
    TakesOtherWords: checks.knows_other_words,
    ReservesMoreThanThereIs: checks.refuses_for_ever,
}


def started(ledger: PartnerLedger) -> tuple[Any, str]:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    add_PartnerLedgerServiceServicer_to_server(ledger, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def filled(books: Books) -> Books:
    books.give("ada", 10_000)
    books.give("bob", 0)
    return books


@asynccontextmanager
async def partner(ledger: PartnerLedger) -> AsyncIterator[checks.Partner]:
    server, target = started(ledger)

    async def restart() -> None:
        ledger.books = Books(ledger.books.file)

    async with grpc.aio.insecure_channel(target) as channel:
        yield checks.Partner(asking(channel, "partners/x", None), "ada", "bob", 10, 0.0, restart)
    await asyncio.to_thread(server.stop(0).wait)


async def test_the_example_keeps_every_promise(tmp_path: Path) -> None:
    async with partner(PartnerLedger(filled(Books(tmp_path / "books.db")), None)) as under_test:
        results = [await tried(check, under_test) for check in checks.CHECKS]
    assert [result for result in results if result.verdict != "kept"] == []


@pytest.mark.parametrize("variant", BROKEN, ids=lambda variant: variant.__name__)
async def test_a_broken_promise_is_found_by_its_check(tmp_path: Path, variant: type[Books]) -> None:
    async with partner(PartnerLedger(filled(variant(tmp_path / "books.db")), None)) as under_test:
        result = await tried(BROKEN[variant], under_test)
    assert result.verdict == "broken", result


async def test_one_that_forgets_with_a_restart_is_found(tmp_path: Path) -> None:
    ledger = PartnerLedger(filled(Books(tmp_path / "books.db")), None)
    async with partner(ledger) as under_test:

        async def forget() -> None:
            ledger.books = filled(Books(tmp_path / "others.db"))

        result = await tried(checks.survives_a_restart, replace(under_test, restart=forget))
    assert result.verdict == "broken"


async def test_one_that_reserves_each_time_it_is_asked_is_found(tmp_path: Path) -> None:
    class Again(PartnerLedger):
        asked = 0

        def Reserve(  # noqa: N802 - the contract's name
            self, request: pb.ReserveRequest, context: grpc.ServicerContext
        ) -> pb.ReserveResponse:
            self.asked += 1
            request.exchange_id = f"{request.exchange_id[:40]}-{self.asked}"
            return super().Reserve(request, context)

    async with partner(Again(filled(Books(tmp_path / "books.db")), None)) as under_test:
        result = await tried(checks.reserves_once, under_test)
    assert result.verdict == "broken"


async def test_one_that_calls_the_exchange_off_with_its_reversal_is_found(tmp_path: Path) -> None:
    class CallsOff(PartnerLedger):
        def GetLeg(  # noqa: N802 - the contract's name
            self, request: pb.GetLegRequest, context: grpc.ServicerContext
        ) -> pb.GetLegResponse:
            if request.exchange_id in called_off:
                return pb.GetLegResponse(state=pb.LEG_STATE_CANCELLED)
            return super().GetLeg(request, context)

        def Reserve(  # noqa: N802 - the contract's name
            self, request: pb.ReserveRequest, context: grpc.ServicerContext
        ) -> pb.ReserveResponse:
            called_off.append(request.reversal_of)
            return super().Reserve(request, context)

    called_off: list[str] = []
    async with partner(CallsOff(filled(Books(tmp_path / "books.db")), None)) as under_test:
        result = await tried(checks.takes_back_what_it_credited, under_test)
    assert result.verdict == "broken"


async def test_one_that_gives_back_an_exchange_once_and_not_by_parts_is_found(tmp_path: Path) -> None:
    class Once(PartnerLedger):
        def Credit(  # noqa: N802 - the contract's name
            self, request: pb.CreditRequest, context: grpc.ServicerContext
        ) -> pb.CreditResponse:
            if request.reversal_of:
                request.exchange_id = f"{request.reversal_of[:50]}-back"
            return super().Credit(request, context)

    async with partner(Once(filled(Books(tmp_path / "books.db")), None)) as under_test:
        result = await tried(checks.gives_back_in_parts, under_test)
    assert result.verdict == "broken"


def test_the_command_shows_a_table_and_says_by_its_exit_code_whether_all_was_kept(tmp_path: Path) -> None:
    for number, (books, code) in enumerate(((Books, 0), (CommitsTwice, 1))):
        server, target = started(PartnerLedger(filled(books(tmp_path / f"{number}.db")), None))
        result = CliRunner().invoke(app, ["partner", "conformance", "--target", target, "--patience", "0"])
        server.stop(0).wait()
        assert result.exit_code == code, result.output
        assert "not tried" in result.output
        assert ("broken" in result.output) is bool(code)
