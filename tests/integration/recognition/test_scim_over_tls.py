"""Identity providers are served with the certificate of the gRPC server, which only its authority's clients take."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from guerdon_kit.clock import FixedClock
from guerdon_kit.config import ServiceSettings
from guerdon_kit.grpc import Remote
from guerdon_kit.http import HttpServer
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.postgres import Database
from guerdon_kit.testing.authority import Authority
from recognition.clients.ledger import LEDGER, Ledger
from recognition.domain.scim_tokens import ScimToken, secret_hash
from recognition.http.endpoints import UserEndpoint
from recognition.http.server import Site, application
from recognition.operations.provisioning_users import ProvisionedUsers
from recognition.operations.scim_tokens import ScimTokens
from recognition.store import scim_tokens
from tests.integration.recognition.conftest import NOW


async def test_a_provider_is_served_over_tls_alone(db: Database, tmp_path: Path) -> None:
    async with db.transaction() as connection:
        token = ScimToken("umbrella", "st-1", "Directory", "", NOW, None)
        await scim_tokens.insert(connection, token, secret_hash("secret"), "tester")
    authority, [port] = Authority(tmp_path / "ours"), free_ports(1)
    certificate, key = authority.issue("server")
    settings = ServiceSettings(env="development", tls_cert_file=certificate, tls_key_file=key, shutdown_grace_s=0)
    clock = FixedClock(NOW)
    ledger = Ledger(Remote("127.0.0.1:1", LEDGER, lambda *_: ""), timedelta(seconds=1))
    users = UserEndpoint(Site(""), ProvisionedUsers(db, ledger, clock), clock)
    server = HttpServer(application(Site(""), ScimTokens(db, clock), users.routes()), f"{LOOPBACK}:{port}", settings)
    await server.start()

    async def total(scheme: str, trusted: Path) -> int:
        verify = ssl.create_default_context(cafile=trusted)
        async with httpx.AsyncClient(verify=verify, headers={"Authorization": "Bearer secret"}) as client:
            answer = await client.get(f"{scheme}://{LOOPBACK}:{port}/scim/v2/Users")
            return int(answer.json()["totalResults"])

    try:
        assert await total("https", authority.ca_file) == 0
        for scheme, trusted in (("http", authority.ca_file), ("https", Authority(tmp_path / "theirs").ca_file)):
            with pytest.raises(httpx.TransportError):
                await total(scheme, trusted)
    finally:
        await server.stop()
