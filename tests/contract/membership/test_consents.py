"""Consent to spend: by a PIN, tried five times at most and found nowhere; by codes and tokens that are good once."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, new_request_id, was_replayed
from guerdon.membership.v1 import consent_pb2, profile_pb2
from guerdon_kit.testing import RunningService
from tests.contract.membership.people import enroll, erase, merge, name
from tests.contract.membership.world import Shop


def set_pin(shop: Shop, member_id: str, pin: str, request_id: str = "") -> Any:
    """Sets a PIN."""
    return shop.membership.membership.SetPin(
        consent_pb2.SetPinRequest(name=name(shop, member_id), pin=pin, request_id=request_id or new_request_id())
    )


def verify(shop: Shop, member_id: str, pin: str = "", request_id: str = "", **by: str) -> Any:
    """Asks for consent by a PIN, or by what else is given."""
    given = by or {"pin": pin}
    return shop.membership.membership.VerifyConsent(
        consent_pb2.VerifyConsentRequest(name=name(shop, member_id), request_id=request_id or new_request_id(), **given)
    )


def make_code(shop: Shop, member_id: str, request_id: str = "") -> Any:
    """Makes a code."""
    return shop.membership.membership.CreateConsentCode(
        consent_pb2.CreateConsentCodeRequest(name=name(shop, member_id), request_id=request_id or new_request_id())
    )


def make_token(shop: Shop, member_id: str, request_id: str = "") -> Any:
    """Makes a token."""
    return shop.membership.membership.CreateConsentToken(
        consent_pb2.CreateConsentTokenRequest(name=name(shop, member_id), request_id=request_id or new_request_id())
    )


def other(code: str) -> str:
    """A code that it is not."""
    return f"{(int(code) + 1) % 10**6:06}"


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
        await make_code(shop, member_id)
        await make_token(shop, member_id)
    await merge(shop, "old", "new")
    await verify(shop, "old", "2222")
    assert await reason(verify(shop, "old", "1111")) == "CONSENT_REFUSED"
    await erase(shop, "new")
    assert await reason(verify(shop, "new", "2222")) == "MEMBER_ERASED"
    database = await asyncpg.connect(running[1].database.owner_url)
    left = [
        await database.fetchval(f"select count(*) from {table} join members using (member_no) where ended is not null")
        for table in ("pins", "consent_codes", "consent_tokens")
    ]
    await database.close()
    assert left == [0, 0, 0]


async def test_a_code_is_told_once_and_good_once_also_for_many_who_send_it_at_once(shop: Shop) -> None:
    await shop.enroll("ada")
    assert await reason(verify(shop, "ada", code="000000")) == "CONSENT_EXPIRED"
    code = (await make_code(shop, "ada", "make")).code
    assert len(code) == 6
    assert code.isdigit()
    again = make_code(shop, "ada", "make")
    assert ((await again).code, await was_replayed(again)) == ("", True)
    told = await asyncio.gather(*(reason(verify(shop, "ada", code=code, request_id=f"till-{n}")) for n in range(3)))
    assert sorted(told) == ["", "CONSENT_EXPIRED", "CONSENT_EXPIRED"]
    till = verify(shop, "ada", code=code, request_id=f"till-{told.index('')}")
    await till
    assert await was_replayed(till), "a till that lost its answer gets it again"
    assert await reason(verify(shop, "ada", code=code)) == "CONSENT_EXPIRED"


async def test_three_wrong_codes_make_the_right_one_worthless_and_five_codes_are_made_within_an_hour(
    shop: Shop,
) -> None:
    await shop.enroll("ada")
    first = (await make_code(shop, "ada")).code
    for _ in range(3):
        assert await reason(verify(shop, "ada", code=other(first))) == "CONSENT_REFUSED"
    assert await reason(verify(shop, "ada", code=first)) == "CONSENT_EXPIRED"
    codes = [(await make_code(shop, "ada")).code for _ in range(4)]
    assert await reason(make_code(shop, "ada")) == "CONSENT_CODE_LIMIT"
    if codes[2] != codes[3]:
        assert await reason(verify(shop, "ada", code=codes[2])) == "CONSENT_REFUSED", "another has taken its place"
    await verify(shop, "ada", code=codes[3])


async def test_a_token_is_good_once_until_another_takes_its_place(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.enroll("ben")
    first = (await make_token(shop, "ada", "make")).token
    assert len(first) == 32
    assert (await make_token(shop, "ada", "make")).token == ""
    assert await reason(verify(shop, "ben", token=first)) == "CONSENT_EXPIRED"
    second = (await make_token(shop, "ada")).token
    assert await reason(verify(shop, "ada", token=first)) == "CONSENT_EXPIRED"
    await verify(shop, "ada", token=second, request_id="till")
    await verify(shop, "ada", token=second, request_id="till")
    assert await reason(verify(shop, "ada", token=second)) == "CONSENT_EXPIRED"
    request = consent_pb2.VerifyConsentRequest(name=name(shop, "ada"), request_id=new_request_id())
    with pytest.raises(InvalidRequestError):
        await shop.membership.membership.VerifyConsent(request)
    for call in (
        make_code(shop, "eve"),
        make_token(shop, "eve"),
        verify(shop, "eve", code="1"),
        verify(shop, "eve", token="1"),
    ):
        with pytest.raises(NotFoundError):
            await call
