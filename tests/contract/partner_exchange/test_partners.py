"""Partners: taken in once, with keys that speak for them, and only within their state and their own side."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Awaitable
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey

from guerdon import (
    Client,
    GuerdonError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    UnauthenticatedError,
    new_request_id,
    was_replayed,
)
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.world import Brand, Coalition, World, jwk, rational

WITHIN_S = 5.0
"""A suspension, or a key's retirement, works within so many seconds."""


async def reason(call: Awaitable[Any]) -> str:
    """Why a call is refused."""
    with pytest.raises(GuerdonError) as refused:
        await call
    return refused.value.reason


def reading(brand: Brand) -> pb.ListExchangesRequest:
    return pb.ListExchangesRequest(parent=brand.name)


def unsigned(token: str) -> str:
    """The same claims under `none`."""
    header = encoded(json.dumps({"alg": "none", "kid": "first"}).encode())
    return f"{header}.{token.split('.')[1]}."


def symmetric(token: str, secret: bytes) -> str:
    """The same claims, signed with a secret that everybody knows."""
    header = encoded(json.dumps({"alg": "HS256", "kid": "first"}).encode())
    signed = f"{header}.{token.split('.')[1]}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


async def accepts(client: Client, brand: Brand) -> bool:
    try:
        await client.coalition.ListExchanges(reading(brand))
    except UnauthenticatedError:
        return False
    return True


async def test_a_partner_is_kept_as_it_was_described(coalition: Coalition) -> None:
    brand = await coalition.brand("0.7", lifetime_days=365)
    got = (await coalition.operator.coalition_admin.GetPartner(admin.GetPartnerRequest(name=brand.name))).partner
    assert (got.name, got.coalition, got.unit) == (brand.name, coalition.name, f"{brand.program}/units/points")
    assert (got.agreed_price, got.received_points_lifetime_days) == (rational("7/10"), 365)
    assert got.state == res.PARTNER_STATE_LIVE
    [key] = got.keys
    assert (key.name, key.algorithm) == (f"{brand.name}/keys/first", res.KEY_ALGORITHM_ES256)
    assert not key.HasField("retire_time")


async def test_the_same_request_again_takes_in_nobody_else_and_another_body_is_refused(coalition: Coalition) -> None:
    brand = Brand("partners/twice", await coalition.program(), coalition, ECKey.generate_key("P-256"))
    request = brand.application(request_id="join")
    first = await coalition.operator.coalition_admin.CreatePartner(request)
    call = coalition.operator.coalition_admin.CreatePartner(request)
    assert (await call).partner == first.partner
    assert await was_replayed(call)
    request.partner.display_name = "Somebody else"
    with pytest.raises(InvalidRequestError) as refused:
        await coalition.operator.coalition_admin.CreatePartner(request)
    assert (refused.value.reason, refused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "partner")


async def test_a_name_and_a_program_are_taken_once(coalition: Coalition) -> None:
    brand = await coalition.brand()
    same_name = Brand(brand.name, await coalition.program(), coalition, ECKey.generate_key("P-256"))
    same_program = Brand("partners/impostor", brand.program, coalition, ECKey.generate_key("P-256"))
    create = coalition.operator.coalition_admin.CreatePartner
    assert await reason(create(same_name.application(request_id="n"))) == "ALREADY_EXISTS"
    assert await reason(create(same_program.application(request_id="p"))) == "PROGRAM_TAKEN"
    again = admin.CreateCoalitionRequest(
        coalition=res.Coalition(name=coalition.name, settlement_currency_code="GBP"), request_id=new_request_id()
    )
    assert await reason(coalition.operator.coalition_admin.CreateCoalition(again)) == "ALREADY_EXISTS"


async def test_a_partner_needs_a_coalition_and_a_unit_that_exist(coalition: Coalition) -> None:
    brand = Brand("partners/lonely", await coalition.program(), coalition, ECKey.generate_key("P-256"))
    elsewhere = brand.application(request_id="1")
    elsewhere.partner.coalition = "coalitions/nowhere"
    assert await reason(coalition.operator.coalition_admin.CreatePartner(elsewhere)) == "NOT_FOUND"
    for number, unit in enumerate(("stars", "s" * 63), start=2):
        unitless = brand.application(request_id=f"{number}")
        unitless.partner.unit = f"{brand.program}/units/{unit}"
        with pytest.raises(InvalidRequestError) as refused:
            await coalition.operator.coalition_admin.CreatePartner(unitless)
        assert [violation.field for violation in refused.value.violations] == ["partner.unit"]


async def test_two_keys_are_active_at_most_and_an_id_is_never_used_again(coalition: Coalition) -> None:
    brand = await coalition.brand()
    service = coalition.operator.coalition_admin

    def adding(kid: str, **members: object) -> admin.AddPartnerKeyRequest:
        key = jwk(ECKey.generate_key("P-256"), kid, **members)
        return admin.AddPartnerKeyRequest(parent=brand.name, jwk=key, request_id=new_request_id())

    def retiring(kid: str) -> admin.RetirePartnerKeyRequest:
        return admin.RetirePartnerKeyRequest(name=f"{brand.name}/keys/{kid}", request_id=new_request_id())

    await service.AddPartnerKey(adding("second"))
    assert await reason(service.AddPartnerKey(adding("third"))) == "TOO_MANY_KEYS"
    retired = (await service.RetirePartnerKey(retiring("first"))).partner
    again = (await service.RetirePartnerKey(retiring("first"))).partner
    assert again.keys == retired.keys
    now = (await service.AddPartnerKey(adding("third"))).partner
    active = {key.name for key in now.keys if not key.HasField("retire_time")}
    assert active == {f"{brand.name}/keys/second", f"{brand.name}/keys/third"}
    await service.RetirePartnerKey(retiring("third"))
    assert await reason(service.AddPartnerKey(adding("first"))) == "ALREADY_EXISTS"
    assert await reason(service.RetirePartnerKey(retiring("fourth"))) == "NOT_FOUND"
    assert await reason(service.AddPartnerKey(adding("fifth", d="AAAA"))) == "INVALID_FIELD"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_a_partner_signs_its_own_tokens_with_either_kind_of_key(coalition: Coalition, world: World) -> None:
    brand = await coalition.brand()
    key = OKPKey.generate_key("Ed25519")
    await coalition.operator.coalition_admin.AddPartnerKey(
        admin.AddPartnerKeyRequest(parent=brand.name, jwk=jwk(key, "second"), request_id=new_request_id())
    )
    assert await accepts(brand.own, brand)
    tokens = [brand.token(key=key, kid="second", algorithm=algorithm) for algorithm in ("Ed25519", "EdDSA")]
    for token in tokens:
        assert await accepts(world.client(world.exchange, token), brand)
    # The one goes on when the other is retired, whose id is no good for it either.
    await coalition.operator.coalition_admin.RetirePartnerKey(
        admin.RetirePartnerKeyRequest(name=f"{brand.name}/keys/first", request_id=new_request_id())
    )

    async def refused() -> bool:
        return not await accepts(world.client(world.exchange, brand.token()), brand)

    await wait_until(refused, timeout_s=WITHIN_S)
    assert await accepts(world.client(world.exchange, tokens[0]), brand)
    crossed = brand.token(key=key, kid="first", algorithm="Ed25519")
    assert not await accepts(world.client(world.exchange, crossed), brand)


async def test_a_token_that_is_not_quite_right_is_no_token(coalition: Coalition, world: World) -> None:
    brand, other = await coalition.brand(), await coalition.brand()
    now = int(time.time())
    stranger = ECKey.generate_key("P-256")
    wrong = {
        "longer than five minutes": brand.token(exp=now + 301),
        "for another service": brand.token(aud="guerdon.ledger"),
        "for nobody": brand.token(aud=None),
        "without its time": brand.token(iat=None),
        "without its end": brand.token(exp=None),
        "expired": brand.token(iat=now - 200, exp=now - 1),
        "of an unknown key": brand.token(kid="unknown"),
        "signed by a stranger": brand.token(key=stranger),
        "in another's name": brand.token(iss=other.name),
        "in nobody's name": brand.token(iss="partners/nobody"),
        "in no name": brand.token(iss="partners/"),
        "for a subject that cannot be written down": brand.token(sub="nul \0"),
        "of a time to come": brand.token(iat=now + 60, exp=now + 120),
        "not good before a time to come": brand.token(nbf=now + 60),
        "signed by nobody": unsigned(brand.token()),
        **{
            f"signed with the public key as a secret, as {form}": symmetric(brand.token(), secret)
            for form, secret in {
                "PEM": brand.key.as_pem(private=False),
                "DER": brand.key.as_der(private=False),
                "a JWK": jwk(brand.key, "first").encode(),
                "a coordinate": str(brand.key.as_dict(private=False)["x"]).encode(),
            }.items()
        },
    }
    for description, token in wrong.items():
        assert not await accepts(world.client(world.exchange, token), brand), description


async def test_claims_of_a_partner_count_for_nothing(coalition: Coalition, world: World) -> None:
    brand, other = await coalition.brand(), await coalition.brand()
    token = brand.token(scope="*", tenants=["*"])
    client = world.client(world.exchange, token)
    assert await reason(client.coalition_admin.GetPartner(admin.GetPartnerRequest(name=brand.name))) == "SCOPE_REQUIRED"
    assert await reason(client.coalition.ListExchanges(reading(other))) == "NOT_FOUND"
    assert await accepts(client, brand)


async def test_a_partners_token_opens_no_other_service(coalition: Coalition, world: World) -> None:
    brand = await coalition.brand()
    client = world.client(world.ledger, brand.token(aud=["guerdon.partner_exchange", "guerdon.ledger"]))
    with pytest.raises(UnauthenticatedError):
        await client.ledger.GetProgram(ledger.GetProgramRequest(name=brand.program))


async def test_a_retired_key_is_refused_within_five_seconds(coalition: Coalition) -> None:
    brand = await coalition.brand()
    assert await accepts(brand.own, brand)
    await coalition.operator.coalition_admin.RetirePartnerKey(
        admin.RetirePartnerKeyRequest(name=f"{brand.name}/keys/first", request_id=new_request_id())
    )

    async def refused() -> bool:
        return not await accepts(brand.own, brand)

    await wait_until(refused, timeout_s=WITHIN_S)


async def test_a_suspended_partner_reads_and_exchanges_nothing(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(100), await other.member(100)
    before = await one.quote(source, other, destination, send=10)
    assert (await coalition.move(other, suspend=True)).state == res.PARTNER_STATE_SUSPENDED
    # At once nobody exchanges with it, quoted before or not.
    with pytest.raises(RefusedError) as refused:
        await one.execute(before, "waits")
    assert (refused.value.reason, refused.value.metadata["partner"]) == ("PARTNER_SUSPENDED", other.name)
    assert await reason(one.quote(source, other, destination, send=10)) == "PARTNER_SUSPENDED"

    # And within five seconds its own tokens only read.
    async def only_reads() -> bool:
        try:
            await other.quote(destination, one, source, send=10)
        except PermissionDeniedError:
            return True
        except RefusedError:
            return False
        return False

    await wait_until(only_reads, timeout_s=WITHIN_S)
    assert await other.exchanges() == []
    # The same request passes once it may.
    assert (await coalition.move(other, suspend=False)).state == res.PARTNER_STATE_LIVE
    assert (await one.execute(before, "waits")).state == res.EXCHANGE_STATE_COMMITTED


async def test_a_partner_that_is_not_there_is_not_found(coalition: Coalition) -> None:
    with pytest.raises(NotFoundError):
        await coalition.operator.coalition_admin.GetPartner(admin.GetPartnerRequest(name="partners/nobody"))
