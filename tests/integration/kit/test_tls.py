"""Encrypted by settings: whom the server presents itself to, and whom it lets in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.grpc import ClientTls, OutcomeUnknown, Remote
from guerdon_kit.testing.authority import Authority
from tests.integration.kit.echo import ACCOUNT, Echo, Wire, asked, wire
from tests.kit_protos import message_class


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "strangers")


def server_settings(authority: Authority) -> dict[str, Any]:
    certificate, key = authority.issue("server")
    return {"tls_cert_file": certificate, "tls_key_file": key}


async def called(served: Wire, tls: ClientTls | None, timeout_s: float = 5.0) -> str:
    remote = Remote(served.target, Echo.service, lambda *_wanted: served.token(), tls=tls)
    try:
        answer = await remote.call(
            "Unary", asked(), message_class("Answer"), tenants=["programs/acme"], timeout_s=timeout_s
        )
        return str(answer.text)  # type: ignore[attr-defined]  # a test's contract has no stubs
    finally:
        await remote.close()


async def refused(served: Wire, tls: ClientTls | None) -> None:
    with pytest.raises(OutcomeUnknown):
        await called(served, tls, timeout_s=0.5)
    assert served.echo.calls == []


async def test_a_server_with_a_certificate_takes_no_plaintext_and_no_stranger_for_itself(
    identity: DevelopmentIdentity, authority: Authority, stranger: Authority
) -> None:
    async with wire(identity, **server_settings(authority)) as served:
        await refused(served, None)
        await refused(served, ClientTls(stranger.ca_file))
        assert await called(served, ClientTls(authority.ca_file)) == ACCOUNT


async def test_with_mutual_tls_only_who_presents_a_certificate_of_the_authority_gets_in(
    identity: DevelopmentIdentity, authority: Authority, stranger: Authority
) -> None:
    settings = server_settings(authority) | {"tls_client_ca_file": authority.ca_file}
    async with wire(identity, **settings) as served:
        certificate, key = stranger.issue("client")
        await refused(served, ClientTls(authority.ca_file))
        await refused(served, ClientTls(authority.ca_file, key, certificate))
        certificate, key = authority.issue("client")
        assert await called(served, ClientTls(authority.ca_file, key, certificate)) == ACCOUNT


async def test_a_token_is_needed_over_tls_as_well(identity: DevelopmentIdentity, authority: Authority) -> None:
    credentials = grpc.ssl_channel_credentials(authority.ca_file.read_bytes())
    async with wire(identity, credentials=credentials, **server_settings(authority)) as served:
        assert await served.call("Unary")
        assert (await served.refused("Unary", metadata=())).code == grpc.StatusCode.UNAUTHENTICATED
