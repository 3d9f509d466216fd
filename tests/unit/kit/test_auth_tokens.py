"""Whose tokens are taken, for what, and how long they are remembered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OKPKey

from guerdon_kit.auth import Caller, Grant, Issuer, TokenVerifier, verifier
from guerdon_kit.errors import Unauthenticated

AUDIENCE = "guerdon.ledger"
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
SECOND = OKPKey.generate_key("Ed25519", {"kid": "two", "use": "sig"})
STRANGER = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
EVERYTHING = Grant(frozenset({"*"}), frozenset({"*"}))
SHOP = Issuer("https://shop.example", KeySet([KEY, SECOND]), EVERYTHING)
MEMBERSHIP = Issuer("service:membership", KeySet([KEY]), EVERYTHING, service="membership", max_lifetime_s=60)
ISSUERS = {issuer.name: issuer for issuer in (SHOP, MEMBERSHIP)}


def claims(**changed: Any) -> dict[str, Any]:
    """Claims of the shop that are taken; None leaves one out."""
    now = int(time.time())
    made = {"iss": SHOP.name, "sub": "till-7", "aud": AUDIENCE, "iat": now, "exp": now + 60}
    made |= {"scope": "ledger.read", "tenants": ["programs/acme"]} | changed
    return {name: value for name, value in made.items() if value is not None}


def service_claims(**changed: Any) -> dict[str, Any]:
    return claims(iss=MEMBERSHIP.name, sub="membership") | changed


def signed(payload: dict[str, Any], key: ECKey | OKPKey = KEY, **header: Any) -> str:
    algorithm = "ES256" if isinstance(key, ECKey) else "Ed25519"
    content = json.dumps(payload).encode()
    return jws.serialize_compact({"alg": algorithm, "kid": key.kid} | header, content, key, ["ES256", "Ed25519"])


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: Callable[[bytes], bytes]) -> str:
    parts = [_segment(json.dumps(part).encode()) for part in (header, payload)]
    return ".".join([*parts, _segment(signature(".".join(parts).encode()))])


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


async def verify(token: str) -> Caller:
    return await TokenVerifier(AUDIENCE, ISSUERS).verify(token)


@pytest.mark.parametrize(
    ("patterns", "scope", "granted"),
    [
        ({"ledger.balances.read"}, "ledger.balances.read", True),
        ({"ledger.*"}, "ledger.balances.read", True),
        ({"ledger.balances.*"}, "ledger.balances.read", True),
        ({"*"}, "ledger.balances.read", True),
        ({"ledger.balances"}, "ledger.balances.read", False),
        ({"ledger*"}, "ledger.balances.read", False),
        ({"ledger.balances.r*"}, "ledger.balances.read", False),
        ({"*.read"}, "ledger.balances.read", False),
        ({"ledger.*"}, "ledger", False),
        ({"ledger.*"}, "ledgerx.read", False),
        (set(), "ledger.read", False),
    ],
)
def test_a_scope_is_granted_by_itself_or_by_a_star_that_follows_a_dot(
    patterns: set[str], scope: str, granted: bool
) -> None:
    assert Grant(frozenset(patterns), frozenset()).may(scope) is granted


@pytest.mark.parametrize(
    ("patterns", "tenant", "granted"),
    [
        ({"programs/acme"}, "programs/acme", True),
        ({"programs/*"}, "programs/acme", True),
        ({"*"}, "organisations/umbrella", True),
        ({"programs/*"}, "partners/acme", False),
        ({"programs/acme"}, "programs/acme2", False),
        ({"programs/ac*"}, "programs/acme", False),
        ({"programs"}, "programs/acme", False),
        ({"programs/acme"}, "programs", False),
        (set(), "programs/acme", False),
    ],
)
def test_a_tenant_is_granted_by_itself_or_by_a_star_that_follows_a_slash(
    patterns: set[str], tenant: str, granted: bool
) -> None:
    assert Grant(frozenset(), frozenset(patterns)).owns(tenant) is granted


async def test_what_a_caller_may_do_is_what_claims_and_ceiling_both_grant() -> None:
    ceiling = Grant(frozenset({"ledger.*", "rewards.read"}), frozenset({"programs/acme", "programs/other"}))
    issuers = {SHOP.name: replace(SHOP, ceiling=ceiling)}
    token = signed(claims(scope="ledger.read membership.read", tenants=["programs/acme", "programs/foreign"]))
    caller = await TokenVerifier(AUDIENCE, issuers).verify(token)
    may = [scope for scope in ("ledger.read", "membership.read", "rewards.read") if caller.may(scope)]
    owns = [name for name in ("programs/acme", "programs/foreign", "programs/other") if caller.owns(name)]
    assert (may, owns) == (["ledger.read"], ["programs/acme"])
    assert (caller.name, caller.actor) == ("https://shop.example|till-7",) * 2


async def test_a_claim_to_everything_is_cut_to_the_ceiling() -> None:
    issuers = {SHOP.name: replace(SHOP, ceiling=Grant(frozenset({"ledger.read"}), frozenset({"programs/acme"})))}
    caller = await TokenVerifier(AUDIENCE, issuers).verify(signed(claims(scope="*", tenants=["*"])))
    assert caller.may("ledger.read")
    assert caller.owns("programs/acme")
    assert not caller.may("ledger.write")
    assert not caller.owns("programs/other")


async def test_what_a_caller_owns_stays_the_same_however_often_it_is_asked() -> None:
    caller = await verify(signed(claims()))
    for number in range(1500):
        assert not caller.owns(f"programs/p{number}")
    assert caller.owns("programs/acme")
    assert len(caller._known) <= 1000


@pytest.mark.parametrize(
    "token",
    [
        *["", ".", "..", "a.b", "a.b.c", "a.b.c.d.e", "é.é.é", "\x00", "🎁" * 3, "W10.W10.", "MQ.MQ.MQ", "e30.e30.e30"],
        "[" * 3000 + ".e30.e30",
        _segment(b"[" * 4000) + ".e30.e30",
        _segment(b"\xff\xfe") + ".e30.e30",
        _segment(b'{"kid":' + b"1" * 5000 + b"}") + ".e30.e30",
    ],
)
async def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        await verify(token)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40), st.data())
async def test_no_change_of_a_token_is_taken_or_fails_otherwise_than_refused(text: str, data: st.DataObject) -> None:
    token = signed(claims())
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + text + token[at + data.draw(st.integers(0, 3)) :]
    if changed == token:
        return
    try:
        caller = await verify(changed)
    except Unauthenticated:
        return
    assert caller.subject == "till-7", "another encoding of the same signed content"


async def test_a_token_longer_than_8_kib_is_refused_before_it_is_read() -> None:
    with pytest.raises(Unauthenticated):
        await verify(signed(claims(padding="x" * 8192)))


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "ES384", "RS256", ""])
async def test_no_other_algorithm_is_taken_nor_a_public_key_for_a_secret(algorithm: str) -> None:
    secrets = [KEY.as_pem(private=False), json.dumps(KEY.as_dict(private=False)).encode(), b""]
    for secret in secrets:
        forged = unsigned(
            {"alg": algorithm, "kid": "one", "jwk": KEY.as_dict(private=False)},
            claims(),
            lambda content, secret=secret: hmac.digest(secret, content, hashlib.sha256),  # type: ignore[misc]  # bound now
        )
        with pytest.raises(Unauthenticated):
            await verify(forged)
    with pytest.raises(Unauthenticated):
        await verify(unsigned({"alg": algorithm, "kid": "one"}, claims(), lambda _content: b""))


async def test_an_issuer_is_held_to_its_own_algorithms() -> None:
    issuers = {SHOP.name: replace(SHOP, algorithms=("ES256",))}
    only_es256 = TokenVerifier(AUDIENCE, issuers)
    await only_es256.verify(signed(claims()))
    with pytest.raises(Unauthenticated):
        await only_es256.verify(signed(claims(), SECOND))


async def test_another_key_under_a_known_id_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        await verify(signed(claims(), STRANGER))


async def test_a_key_of_one_issuer_does_not_sign_for_another() -> None:
    issuers = {SHOP.name: SHOP, MEMBERSHIP.name: replace(MEMBERSHIP, keys=KeySet([STRANGER]))}
    with pytest.raises(Unauthenticated):
        await TokenVerifier(AUDIENCE, issuers).verify(signed(service_claims(), KEY))


@pytest.mark.parametrize("header", [{"kid": "three"}, {"kid": None}, {"kid": 1}, {"crit": ["x"], "x": 1}])
async def test_an_unknown_or_odd_header_is_refused(header: dict[str, Any]) -> None:
    whole = {"alg": "ES256", "kid": "one"} | header
    good = signed(claims())
    head = _segment(json.dumps({name: value for name, value in whole.items() if value is not None}).encode())
    with pytest.raises(Unauthenticated):
        await verify(".".join([head, *good.split(".")[1:]]))


@dataclass(frozen=True)
class At:
    """A time so many seconds from the test's own now: at collection it may be minutes away."""

    seconds: float
    kind: type = int

    def __str__(self) -> str:
        return f"now{self.seconds:+}"

    __repr__ = __str__


def now_filled(changed: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {
        name: value.kind(now + value.seconds) if isinstance(value, At) else value for name, value in changed.items()
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://stranger.example"},
        {"iss": 7},
        {"iss": ["https://shop.example"]},
        {"aud": "guerdon.membership"},
        {"aud": ["guerdon.membership", "guerdon"]},
        {"aud": []},
        {"aud": {"guerdon.ledger": 1}},
        {"exp": At(-1), "iat": At(-60)},
        {"exp": At(0)},
        {"iat": At(600), "exp": At(660)},
        {"nbf": At(600)},
        {"nbf": "now"},
        {"iat": At(0), "exp": At(3601)},
        {"iat": -(10**9), "exp": At(60)},
        {"exp": 10**400},
        {"exp": float("inf")},
        {"iat": float("nan")},
        {"exp": At(60.5, float)},
        {"exp": At(60, str)},
        {"iat": True},
        {"iss": None},
        {"sub": None},
        {"aud": None},
        {"iat": None},
        {"exp": None},
        {"sub": 42},
        {"sub": ""},
        {"sub": ["till-7"]},
        {"sub": "a" * 256},
        {"sub": "a\0b"},
        {"sub": "\ud800"},
        {"scope": ["ledger.read"]},
        {"tenants": "programs/acme"},
        {"tenants": [1]},
        {"tenants": {}},
    ],
    ids=str,
)
async def test_a_signed_token_with_such_claims_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await verify(signed(claims(**now_filled(changed))))


async def test_a_token_may_name_several_audiences_and_grant_nothing() -> None:
    caller = await verify(signed(claims(aud=["guerdon.membership", AUDIENCE], scope=None, tenants=None)))
    assert not caller.may("ledger.read")
    assert not caller.owns("programs/acme")


@pytest.mark.parametrize("changed", [{"sub": "rewards_catalog"}, {"exp": At(120)}], ids=str)
async def test_a_service_speaks_for_itself_alone_and_a_minute_at_most(changed: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await verify(signed(service_claims(**now_filled(changed))))


async def test_a_service_may_act_for_another_caller() -> None:
    caller = await verify(signed(service_claims(act={"sub": "https://shop.example|ann"})))
    assert (caller.service, caller.act) == ("membership", "https://shop.example|ann")
    assert (caller.name, caller.actor) == ("service:membership", "service:membership for https://shop.example|ann")


async def test_the_longest_subject_is_told_whole_by_the_service_that_acts_for_it() -> None:
    ann = f"https://{'shop.' * 20}example|{'a' * verifier.SUBJECT_MAX}"
    assert (await verify(signed(service_claims(act={"sub": ann})))).act == ann


@pytest.mark.parametrize("act", ["ann", {}, {"sub": 1}, {"sub": ""}, {"sub": "a\0b"}, ["ann"], None])
async def test_a_service_that_names_nobody_properly_is_refused(act: Any) -> None:
    with pytest.raises(Unauthenticated):
        await verify(signed(service_claims() | {"act": act}))


async def test_whoever_is_no_service_acts_for_itself_whatever_it_claims() -> None:
    caller = await verify(signed(claims(act={"sub": "ann"})))
    assert (caller.act, caller.actor) == (None, "https://shop.example|till-7")


async def test_no_issuers_name_makes_two_callers_one() -> None:
    odd = replace(SHOP, name="https://shop.example|x")
    with pytest.raises(Unauthenticated):
        await TokenVerifier(AUDIENCE, {odd.name: odd}).verify(signed(claims(iss=odd.name)))


async def test_both_keys_of_an_issuer_are_taken_until_one_is_withdrawn() -> None:
    first, second = signed(claims(), KEY), signed(claims(), SECOND)
    assert (await verify(first)).subject == (await verify(second)).subject
    rotated = TokenVerifier(AUDIENCE, {SHOP.name: replace(SHOP, keys=KeySet([SECOND]))})
    await rotated.verify(second)
    with pytest.raises(Unauthenticated):
        await rotated.verify(first)


class Watch:
    """The verifier's clock, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = time.time()
        monkeypatch.setattr("guerdon_kit.auth.verifier.time.time", lambda: self.time)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


async def test_a_verified_token_is_remembered_for_a_minute_and_not_longer(watch: Watch) -> None:
    issuers = dict(ISSUERS)
    remembering = TokenVerifier(AUDIENCE, issuers)
    token = signed(claims(exp=int(watch.time) + 600))
    first = await remembering.verify(token)
    issuers.clear()
    watch.time += 59
    assert await remembering.verify(token) is first
    watch.time += 2
    with pytest.raises(Unauthenticated):
        await remembering.verify(token)


async def test_a_remembered_token_is_never_taken_past_its_expiry(watch: Watch) -> None:
    remembering = TokenVerifier(AUDIENCE, ISSUERS)
    token = signed(claims(exp=int(watch.time) + 10))
    await remembering.verify(token)
    watch.time += 11
    with pytest.raises(Unauthenticated):
        await remembering.verify(token)


async def test_no_more_tokens_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "REMEMBER_MAX", 3)
    issuers = dict(ISSUERS)
    remembering = TokenVerifier(AUDIENCE, issuers)
    tokens = [signed(claims(sub=f"till-{number}")) for number in range(5)]
    for token in tokens:
        await remembering.verify(token)
    assert len(remembering._verified) == 3
    issuers.clear()
    assert (await remembering.verify(tokens[-1])).subject == "till-4"
    with pytest.raises(Unauthenticated):
        await remembering.verify(tokens[0])


async def test_an_issuer_of_the_services_own_database_is_asked_for_again_within_three_seconds(watch: Watch) -> None:
    asked: list[str] = []
    found: dict[str, Issuer] = {SHOP.name: SHOP}

    async def resolve(name: str) -> Issuer | None:
        asked.append(name)
        return found.get(name)

    remembering = TokenVerifier(AUDIENCE, {}, resolve)
    token = signed(claims())
    await remembering.verify(token)
    watch.time += 2.9
    await remembering.verify(token)
    assert asked == [SHOP.name]
    found.clear()  # such as a suspension
    watch.time += 0.2
    with pytest.raises(Unauthenticated):
        await remembering.verify(token)


async def test_a_configured_issuer_is_not_asked_for_elsewhere() -> None:
    async def resolve(_name: str) -> Issuer | None:
        raise AssertionError("not asked")

    await TokenVerifier(AUDIENCE, ISSUERS, resolve).verify(signed(claims()))


async def test_where_claims_do_not_count_the_ceiling_alone_decides() -> None:
    partner = replace(SHOP, claims_count=False, ceiling=Grant(frozenset({"exchange.*"}), frozenset({"partners/a"})))
    caller = await TokenVerifier(AUDIENCE, {SHOP.name: partner}).verify(signed(claims(scope="*", tenants=["*"])))
    assert caller.may("exchange.quotes.write")
    assert caller.owns("partners/a")
    assert not caller.may("ledger.read")
    assert not caller.owns("partners/b")
