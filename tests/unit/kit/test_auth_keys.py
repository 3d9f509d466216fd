"""Who may be an issuer, and the tokens of services and of developers."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from guerdon_kit.auth import ServiceTokens, TokenVerifier, load_issuers, service_tokens
from guerdon_kit.auth.development import DevelopmentIdentity, write_development_keys
from guerdon_kit.errors import Unauthenticated


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIdentity:
    return write_development_keys(tmp_path_factory.mktemp("identity") / "keys")


def entries(made: DevelopmentIdentity) -> list[dict[str, object]]:
    read: list[dict[str, object]] = json.loads(made.issuers_file.read_text())
    return read


def issuers_file(made: DevelopmentIdentity, *written: dict[str, object]) -> Path:
    path = made.folder / "other-issuers.json"
    path.write_text(json.dumps(written))
    return path


def test_private_keys_and_their_folder_are_their_owners_alone(made: DevelopmentIdentity) -> None:
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    keys = [*made.folder.glob("*.pem")]
    assert len(keys) == 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert all('"d"' not in path.read_text() for path in made.folder.glob("*.json"))


def test_keys_that_are_there_stay(made: DevelopmentIdentity) -> None:
    before = {path: path.read_bytes() for path in made.folder.glob("*.pem")}
    write_development_keys(made.folder)
    assert {path: path.read_bytes() for path in made.folder.glob("*.pem")} == before


async def test_a_developers_token_is_taken_in_development(made: DevelopmentIdentity) -> None:
    verifier = TokenVerifier("guerdon.ledger", load_issuers(made.issuers_file, development=True))
    caller = await verifier.verify(made.token("dev", scopes=["ledger.*"], tenants=["programs/acme"]))
    assert caller.subject == "dev"
    assert caller.may("ledger.read")
    assert not caller.may("rewards.read")
    assert caller.owns("programs/acme")


def test_the_development_issuer_is_refused_outside_development(made: DevelopmentIdentity) -> None:
    with pytest.raises(ValueError, match="GUERDON_ENV=development only"):
        load_issuers(made.issuers_file)


def test_so_is_its_key_under_another_name(made: DevelopmentIdentity) -> None:
    renamed = issuers_file(made, entries(made)[0] | {"issuer": "https://login.example.com"})
    with pytest.raises(ValueError, match="GUERDON_ENV=development only"):
        load_issuers(renamed)


def test_so_is_its_name_with_another_key(made: DevelopmentIdentity) -> None:
    rekeyed = issuers_file(made, entries(made)[0] | {"jwks_file": "ledger.jwks.json"})
    with pytest.raises(ValueError, match="GUERDON_ENV=development only"):
        load_issuers(rekeyed)


def test_the_services_alone_are_taken_outside_development(made: DevelopmentIdentity) -> None:
    issuers = load_issuers(issuers_file(made, *entries(made)[1:]))
    assert {issuer.service for issuer in issuers.values()} == {
        "ledger",
        "membership",
        "rewards_catalog",
        "partner_exchange",
        "recognition",
    }
    assert {issuer.max_lifetime_s for issuer in issuers.values()} == {60}


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256"])
def test_no_issuer_may_use_a_weak_or_symmetric_algorithm(made: DevelopmentIdentity, algorithm: str) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        load_issuers(issuers_file(made, entries(made)[1] | {"algorithms": ["ES256", algorithm]}))


def test_an_issuer_is_configured_once(made: DevelopmentIdentity) -> None:
    with pytest.raises(ValueError, match="twice"):
        load_issuers(issuers_file(made, entries(made)[1], entries(made)[1]))


@pytest.fixture
def membership(made: DevelopmentIdentity) -> ServiceTokens:
    return ServiceTokens("membership", made.signing_key_file("membership"))


async def test_a_services_token_is_for_one_callee_one_scope_some_tenants_and_a_subject(
    made: DevelopmentIdentity, membership: ServiceTokens
) -> None:
    issuers = load_issuers(made.issuers_file, development=True)
    token = membership.token("ledger", "ledger.transactions.write", ("programs/acme",), "shop|ann")
    caller = await TokenVerifier("guerdon.ledger", issuers).verify(token)
    assert (caller.service, caller.act) == ("membership", "shop|ann")
    assert caller.may("ledger.transactions.write")
    assert not caller.may("ledger.balances.read")
    assert caller.owns("programs/acme")
    assert not caller.owns("programs/other")
    with pytest.raises(Unauthenticated):
        await TokenVerifier("guerdon.rewards_catalog", issuers).verify(token)


async def test_a_service_calls_nothing_beyond_its_ceiling(made: DevelopmentIdentity, membership: ServiceTokens) -> None:
    token = membership.token("rewards_catalog", "rewards.rewards.write", ("programs/acme",), "")
    issuers = load_issuers(made.issuers_file, development=True)
    caller = await TokenVerifier("guerdon.rewards_catalog", issuers).verify(token)
    assert not caller.may("rewards.rewards.write")


def test_a_services_token_is_used_again_and_renewed_well_before_it_expires(
    membership: ServiceTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000_000.0]
    monkeypatch.setattr("guerdon_kit.auth.service_tokens.time.time", lambda: clock[0])
    wanted = ("ledger", "ledger.read", ("programs/acme",), "ann")
    first = membership.token(*wanted)
    clock[0] += 39
    assert membership.token(*wanted) == first
    assert membership.token("ledger", "ledger.read", ("programs/acme",), "bob") != first
    clock[0] += 2
    assert membership.token(*wanted) != first


def test_the_tokens_kept_are_bounded(membership: ServiceTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_tokens, "KEPT_MAX", 4)
    for number in range(10):
        membership.token("ledger", "ledger.read", (f"programs/p{number}",), "")
    assert len(membership._kept) <= 4


def test_a_signing_key_is_what_the_others_are_told(made: DevelopmentIdentity) -> None:
    private = ECKey.import_key(made.signing_key_file("ledger").read_bytes())
    [public] = json.loads((made.folder / "ledger.jwks.json").read_text())["keys"]
    assert (public["x"], public["kid"]) == (private.as_dict(private=False)["x"], private.thumbprint())
