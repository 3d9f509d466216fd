"""gRPC servers at addresses that somebody else chose: who is called, and who is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.grpc.outward import Outward
from guerdon_kit.testing.authority import Authority
from tests.integration.kit.echo import ACCOUNT, Echo, Wire, asked, wire
from tests.kit_protos import message_class


async def called(served: Wire, target: str, outward: Outward) -> str:
    try:
        answer = await outward.call(
            target, Echo.service, "Unary", asked(), message_class("Answer"), audience="partners/x", timeout_s=2.0
        )
        return str(answer.text)  # type: ignore[attr-defined]  # a test's contract has no stubs
    finally:
        await outward.close()


async def refused(served: Wire, target: str, outward: Outward) -> None:
    with pytest.raises(OutcomeUnknown):
        await called(served, target, outward)
    assert served.echo.calls == []


async def test_who_shows_a_certificate_of_its_name_is_called_and_nobody_else(
    identity: DevelopmentIdentity, tmp_path: Path
) -> None:
    """The certificate is for 127.0.0.1: under another name the same server, at the same address, is a stranger."""
    ours, strangers = Authority(tmp_path / "ours"), Authority(tmp_path / "strangers")
    certificate, key = ours.issue("server")
    async with wire(identity, tls_cert_file=certificate, tls_key_file=key) as served:

        def outward(ca_file: Path | None, *, private: bool = True) -> Outward:
            return Outward(lambda _audience, _scope: served.token(), private, ca_file)

        port = served.target.rpartition(":")[2]
        await refused(served, served.target, outward(strangers.ca_file))
        await refused(served, f"localhost:{port}", outward(ours.ca_file))
        await refused(served, served.target, outward(None))
        await refused(served, served.target, outward(ours.ca_file, private=False))
        assert await called(served, served.target, outward(ours.ca_file)) == ACCOUNT


async def test_in_development_a_server_of_this_machine_is_called_without_tls(identity: DevelopmentIdentity) -> None:
    async with wire(identity) as served:
        outward = Outward(lambda _audience, _scope: served.token(), private=True)
        assert await called(served, served.target, outward) == ACCOUNT
