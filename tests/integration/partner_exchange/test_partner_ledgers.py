"""What a remote partner's server answers, down to the bytes: each answer decides, or leaves the outcome unknown."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.exchange.v1 import partner_ledger_service_pb2 as pb
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.grpc.outward import Outward
from guerdon_kit.launch.ports import LOOPBACK
from partner_exchange.clients.partner_ledgers import SERVICE, PartnerLedgers, RemoteSide
from partner_exchange.domain.exchanges import Exchange, State
from partner_exchange.domain.lifecycle import PartnerState
from partner_exchange.domain.partners import Partner, Profile
from partner_exchange.domain.steps import Done, Unclear

NOW = datetime(2026, 5, 1, tzinfo=UTC)
EXCHANGE = Exchange(
    "qt-1", "c", 1, "there", "here", "m-1", "m-2", 100, 50, 0, Fraction(1), "someone", NOW, State.RECEIVED
)


@asynccontextmanager
async def partner(answer: Message | bytes) -> AsyncIterator[RemoteSide]:
    """A partner whose server says this to whatever it is asked."""
    said = answer if isinstance(answer, bytes) else answer.SerializeToString()

    async def handler(_request: bytes, _context: object) -> bytes:
        return said

    server = grpc.aio.server()
    handlers: dict[str, Any] = {method.name: grpc.unary_unary_rpc_method_handler(handler) for method in SERVICE.methods}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),))
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    await server.start()
    outward = Outward(lambda _audience, _scope: "token", private=True)
    profile = Profile("there", "c", "", "", "", Fraction(1), None, target=f"{LOOPBACK}:{port}")
    try:
        yield RemoteSide(PartnerLedgers(outward, 5.0, 4), Partner(profile, PartnerState.LIVE, NOW))
    finally:
        await outward.close()
        await server.stop(None)


def soon() -> float:
    return time.monotonic() + 5


@pytest.mark.parametrize("answer", [b"\xff", pb.CreditResponse(), pb.CreditResponse(pending=pb.Pending())])
async def test_what_says_nothing_leaves_the_outcome_unknown(answer: Message | bytes) -> None:
    async with partner(answer) as side:
        with pytest.raises(OutcomeUnknown):
            await side.credit(EXCHANGE, soon())


async def test_a_reference_that_cannot_be_kept_makes_what_was_done_no_less_done() -> None:
    """Text in PostgreSQL holds no NUL: with it the exchange would stay where it is for ever."""
    credited = pb.Credited(amount=EXCHANGE.received, reference="c\0-1\n" + "x" * 100)
    async with partner(pb.CreditResponse(credited=credited)) as side:
        assert await side.credit(EXCHANGE, soon()) == Done("c?-1?" + "x" * 58)


@pytest.mark.parametrize("expiry", [Timestamp(seconds=2**40), Timestamp(seconds=-(2**40)), Timestamp(nanos=-1)])
async def test_an_expiry_that_is_no_time_is_not_taken_for_never(expiry: Timestamp) -> None:
    points = [pb.PartnerPoints(amount=EXCHANGE.debited, expire_time=expiry)]
    async with partner(pb.ReserveResponse(reserved=pb.Reserved(amount=EXCHANGE.debited, points=points))) as side:
        assert isinstance(await side.reserve(EXCHANGE, soon()), Unclear)
