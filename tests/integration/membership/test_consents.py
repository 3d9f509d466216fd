"""Codes and tokens by which members consent are good for a time."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from guerdon.membership.v1 import consent_pb2 as pb
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database
from membership.domain.consents import CODE_LIFE, CODES_MAX, CODES_WITHIN, TOKEN_LIFE
from membership.domain.errors import ConsentCodeLimit, ConsentExpired
from membership.domain.program import Program
from membership.operations.consents import Hashing
from membership.operations.one_time_consents import OneTimeConsents
from membership.store import members
from tests.integration.membership.conftest import NOW, SetClock

_numbers = itertools.count()


def request() -> Fingerprint:
    """A request of its own."""
    return Fingerprint(f"request-{next(_numbers):0>8}".encode(), b"", b"", pb.VerifyConsentRequest.DESCRIPTOR)


async def test_a_code_and_a_token_are_good_up_to_their_time_and_no_hour_has_more_than_five_codes(
    db: Database, program: Program
) -> None:
    clock = SetClock(NOW)
    service = OneTimeConsents(db, Hashing(), clock)
    async with db.transaction() as connection:
        await members.insert(connection, program, ["ada"], NOW, "tester")
    code, code_end, _ = await service.create_code(program, "ada", request())
    token, token_end, _ = await service.create_token(program, "ada", request())
    assert (code_end, token_end) == (NOW + CODE_LIFE, NOW + TOKEN_LIFE)
    clock.time = token_end
    with pytest.raises(ConsentExpired):
        await service.verify_token(program, "ada", token, request())
    clock.time = code_end
    with pytest.raises(ConsentExpired):
        await service.verify_code(program, "ada", code, request())
    clock.time = NOW + CODES_WITHIN - timedelta(microseconds=1)
    for _ in range(CODES_MAX - 1):
        code, *_ = await service.create_code(program, "ada", request())
    with pytest.raises(ConsentCodeLimit) as refused:
        await service.create_code(program, "ada", request())
    assert refused.value.metadata["reset_time"] == (NOW + CODES_WITHIN).isoformat()
    clock.time = NOW + CODES_WITHIN
    code, code_end, _ = await service.create_code(program, "ada", request())
    clock.time = code_end - timedelta(microseconds=1)
    await service.verify_code(program, "ada", code, request())
    with pytest.raises(ConsentCodeLimit):  # four of the hour before still count
        await service.create_code(program, "ada", request())
