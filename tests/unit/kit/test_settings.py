"""What a process may be told: development stays at home, and nothing is plaintext by mistake."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from guerdon_kit.clock import set_offset
from guerdon_kit.config import ServiceSettings

HERE = Path("some.pem")
TLS = {"tls_cert_file": HERE, "tls_key_file": HERE}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GUERDON_ENV", "GUERDON_LISTEN", "GUERDON_CLOCK_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "GUERDON_ALLOW_PLAINTEXT"),
        ({"env": "production", "clock_file": HERE, "allow_plaintext": True}, "GUERDON_CLOCK_FILE"),
        ({"clock_file": HERE, **TLS}, "GUERDON_CLOCK_FILE"),
        ({"tls_cert_file": HERE}, "together"),
        ({"tls_key_file": HERE, "allow_plaintext": True}, "together"),
        ({"env": "development", "tls_cert_file": HERE}, "together"),
        ({"tls_client_ca_file": HERE, "allow_plaintext": True}, "GUERDON_TLS_CLIENT_CA_FILE"),
        ({"env": "development", "tls_client_ca_file": HERE}, "GUERDON_TLS_CLIENT_CA_FILE"),
        ({"env": "development", "listen": "0.0.0.0:7001"}, "loopback"),
        ({"env": "development", "listen": "[::]:7001"}, "loopback"),
        ({"env": "development", "listen": "10.0.0.7:7001"}, "loopback"),
        ({"env": "development", "listen": ":7001"}, "IPv4 or IPv6"),
        ({"env": "development", "listen": "shop.example:7001"}, "IPv4 or IPv6"),
        ({"env": "development", "metrics_listen": "0.0.0.0:9100"}, "loopback"),
        ({"env": "staging"}, "development"),
        ({"workers": 0, **TLS}, "greater"),
    ],
    ids=str,
)
def test_such_settings_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ServiceSettings(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        TLS,
        {**TLS, "tls_client_ca_file": HERE},
        {"allow_plaintext": True},
        {"listen": "0.0.0.0:7001", **TLS},
        {"env": "development"},
        {"env": "development", "listen": "[::1]:7001", "metrics_listen": "127.0.0.1:9100", "clock_file": HERE},
        {"env": "development", "listen": "localhost:7001"},
    ],
    ids=str,
)
def test_such_settings_are_taken(settings: dict[str, Any]) -> None:
    ServiceSettings(**settings)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUERDON_ENV", "development")
    monkeypatch.setenv("GUERDON_MAX_CONCURRENT", "17")
    assert (ServiceSettings().development, ServiceSettings().max_concurrent) == (True, 17)


def test_production_is_what_is_meant_unless_told_otherwise() -> None:
    assert not ServiceSettings(allow_plaintext=True).development


def test_no_password_of_a_url_is_shown() -> None:
    settings = ServiceSettings(allow_plaintext=True, database_url=SecretStr("postgresql://me:hunter2@db/ledger"))
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_the_clock_moves_with_its_file_and_is_the_machines_without(tmp_path: Path) -> None:
    clock = ServiceSettings(env="development", clock_file=tmp_path / "clock").clock()
    assert clock.offset() == timedelta()
    for days in (30, -1, 0):
        set_offset(tmp_path / "clock", timedelta(days=days))
        assert clock.offset() == timedelta(days=days)
    assert ServiceSettings(allow_plaintext=True).clock().offset() == timedelta()
