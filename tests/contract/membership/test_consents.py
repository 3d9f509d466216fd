"""Consent to spend: a PIN, tried five times at most, and found nowhere."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, new_request_id
from guerdon.membership.v1 import consent_pb2, profile_pb2
from guerdon_kit.testing import RunningService
from tests.contract.membership.people import enroll, erase, merge, name
from tests.contract.membership.world import Shop


def set_pin(shop: Shop, member_id: str, pin: str, request_id: str = "") -> Any:
    """Sets a PIN."""
    return shop.membership.membership.SetPin(
        consent_pb2.SetPinRequest(name=name(shop, member_id), pin=pin, request_id=request_id or new_request_id())
    )


def verify(shop: Shop, member_id: str, pin: str) -> Any:
    """Asks for consent."""
    return shop.membership.membership.VerifyConsent(
        consent_pb2.VerifyConsentRequest(name=name(shop, member_id), pin=pin)
    )


async def reason(call: Any) -> str:
    """Why a call is refused; nothing where it is not."""
    try:
        await call
    except GuerdonError as refused:
        return refused.reason
    return ""


async def test_a_member_consents_with_the_pin_and_five_wrong_ones_in_a_row_lock_it(shop: Shop) -> None:
    await shop.enroll("ada")
    assert await reason(verify(shop, "ada", "4711")) == "PIN_NOT_SET"
    await set_pin(shop, "ada", "4711", "pin-1")
    for _ in range(2):
        for _ in range(4):
            assert await reason(verify(shop, "ada", "4712")) == "CONSENT_REFUSED"
        await verify(shop, "ada", "4711")
    for _ in range(5):
        assert await reason(verify(shop, "ada", "4712")) == "CONSENT_REFUSED"
    assert await reason(verify(shop, "ada", "4711")) == "PIN_LOCKED"
    await set_pin(shop, "ada", "4711", "pin-1")
    assert await reason(verify(shop, "ada", "4711")) == "PIN_LOCKED", "a request sent again sets nothing"
    await set_pin(shop, "ada", "000815")
    await verify(shop, "ada", "000815")
    await set_pin(shop, "ada", "")
    assert await reason(verify(shop, "ada", "000815")) == "PIN_NOT_SET"


async def test_of_many_who_guess_at_once_five_get_an_answer(shop: Shop) -> None:
    await shop.enroll("ada")
    await set_pin(shop, "ada", "4711")
    told = await asyncio.gather(*(reason(verify(shop, "ada", f"1{number:0>3}")) for number in range(12)))
    assert sorted(told) == ["CONSENT_REFUSED"] * 5 + ["PIN_LOCKED"] * 7


async def test_what_is_no_pin_or_nobodys_is_refused(shop: Shop) -> None:
    await shop.enroll("ada")
    for pin in ("123", "1234567890123", "12a4", "\u0661\u0662\u0663\u0664"):
        with pytest.raises(InvalidRequestError):
            await set_pin(shop, "ada", pin)
    for call in (set_pin(shop, "eve", "4711"), verify(shop, "eve", "4711")):
        with pytest.raises(NotFoundError):
            await call


async def test_the_survivors_pin_stays_and_an_erased_member_has_none(
    shop: Shop, running: tuple[RunningService, RunningService]
) -> None:
    for member_id, pin in (("old", "1111"), ("new", "2222")):
        await enroll(shop, member_id, profile_pb2.Profile())
        await set_pin(shop, member_id, pin)
    await merge(shop, "old", "new")
    await verify(shop, "old", "2222")
    assert await reason(verify(shop, "old", "1111")) == "CONSENT_REFUSED"
    await erase(shop, "new")
    assert await reason(verify(shop, "new", "2222")) == "MEMBER_ERASED"
    database = await asyncpg.connect(running[1].database.owner_url)
    left = await database.fetchval("select count(*) from pins join members using (member_no) where ended is not null")
    await database.close()
    assert left == 0
