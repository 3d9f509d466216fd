"""How Envoy is told to listen. What it makes of that is tried in `tests/integration/kit/test_envoy.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guerdon_kit import envoy
from guerdon_kit.config import ServiceSettings

pytestmark = pytest.mark.skipif(not envoy.is_possible(), reason="no pyvoy, or no shared library of Python")


def configured(**settings: Any) -> dict[str, Any]:
    from guerdon_kit.envoy.configuration import configuration  # which needs it

    return configuration(ServiceSettings(**{"allow_plaintext": True} | settings), "module:application")


def listener(**settings: Any) -> dict[str, Any]:
    [only] = configured(**settings)["static_resources"]["listeners"]
    found: dict[str, Any] = only
    return found


def test_it_listens_where_the_setting_says() -> None:
    def address(listen: str) -> Any:
        return listener(listen=listen)["address"]["socket_address"]

    assert address("10.0.0.1:7000") == {"address": "10.0.0.1", "port_value": 7000, "ipv4_compat": False}
    assert address("[::]:7000") == {"address": "::", "port_value": 7000, "ipv4_compat": True}
    assert address("localhost:7000")["address"] in {"127.0.0.1", "::1"}


def test_only_workers_of_one_service_share_a_port() -> None:
    assert [listener(workers=workers)["enable_reuse_port"] for workers in (1, 2)] == [False, True]


def test_nobody_administers_it() -> None:
    assert set(configured()) == {"static_resources"}


def test_with_an_authority_callers_must_show_a_certificate() -> None:
    files = {"tls_cert_file": Path("c"), "tls_key_file": Path("k")}
    for told, wanted in (({}, False), ({"tls_client_ca_file": Path("a")}, True)):
        [chain] = listener(**files, **told)["filter_chains"]
        tls = chain["transport_socket"]["typed_config"]
        assert tls["require_client_certificate"] is wanted
        assert ("validation_context" in tls["common_tls_context"]) is wanted
