"""The embedded servers: real, durable, private, and gone when we are."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from guerdon_kit.embedded import AlreadyRunning, EmbeddedServers, resolve_endpoints
from guerdon_kit.postgres.provision import connected
from guerdon_kit.testing.fixtures import OwnServers


async def show(url: str, *names: str) -> list[str]:
    async with connected(url) as connection:
        return [await connection.fetchval(f"SHOW {name}") for name in names]


def config(url: str, name: str) -> str:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return str(client.config_get(name)[name])


@pytest.fixture
def servers(own_servers: OwnServers) -> EmbeddedServers:
    """Servers that the test starts, and may stop."""
    return own_servers()


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedServers]:
    """Servers that run, and run again when the test is over."""
    folder = Path(tempfile.mkdtemp(prefix="guerdon-module-"))
    folder.chmod(0o755)
    with EmbeddedServers(folder) as started:
        yield started
    started.remove_data()
    shutil.rmtree(folder)


async def test_an_acknowledged_commit_is_on_the_disk(running: EmbeddedServers) -> None:
    url = running.urls["postgres"]
    assert await show(url, "fsync", "full_page_writes", "synchronous_commit") == ["on", "on", "on"]
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (7)")
    running.postgres.kill()
    connection.terminate()
    running.postgres.start()
    async with connected(url) as connection:
        assert await connection.fetchval("SELECT n FROM kept") == 7


async def test_durability_cannot_be_switched_off_by_alter_system(running: EmbeddedServers) -> None:
    url = running.urls["postgres"]
    async with connected(url) as connection:
        await connection.execute("ALTER SYSTEM SET fsync = off")
        await connection.execute("ALTER SYSTEM SET synchronous_commit = off")
    running.postgres.restart()
    assert await show(url, "fsync", "synchronous_commit") == ["on", "on"]


async def test_text_is_utf8_and_sorts_by_code_point(running: EmbeddedServers) -> None:
    async with connected(running.urls["postgres"]) as connection:
        row = await connection.fetchrow(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datlocprovider, datlocale FROM pg_database"
            " WHERE datname = current_database()"
        )
    assert row is not None
    assert (row["encoding"], row["datlocprovider"], row["datlocale"]) == ("UTF8", b"b", "C.UTF-8")


def test_events_survive_a_crash_and_are_never_evicted(running: EmbeddedServers) -> None:
    url = running.urls["events"]
    assert config(url, "appendonly") == "yes"
    assert config(url, "maxmemory-policy") == "noeviction"
    with redis.Redis.from_url(url, decode_responses=True) as client:
        client.set("kept", "7")
        running.events.kill()
        running.events.start()
        assert client.get("kept") == "7"


def test_the_cache_is_bounded_and_keeps_nothing(running: EmbeddedServers) -> None:
    url = running.urls["cache"]
    assert (config(url, "appendonly"), config(url, "save")) == ("no", "")
    assert int(config(url, "maxmemory")) > 0
    assert config(url, "maxmemory-policy") == "allkeys-lru"


async def test_nobody_gets_in_without_the_password(running: EmbeddedServers) -> None:
    endpoints = running.endpoints
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(_with_another_password(endpoints.postgres_url))
    for url in (endpoints.redis_cache_url, endpoints.redis_events_url):
        path = url.rpartition("@")[2]
        once = Retry(NoBackoff(), 0)
        with redis.Redis(unix_socket_path=path, retry=once) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def _with_another_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://postgres:wrong@{rest.partition('@')[2]}"


def test_secrets_sockets_and_data_are_for_their_owner_alone(running: EmbeddedServers) -> None:
    endpoints = running.endpoints
    for secret in (running.folder / "secrets").iterdir():
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    sockets = Path(endpoints.redis_cache_url.rpartition("@")[2]).parent
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    home = running.postgres.plan.folder.parent
    for name in ("postgres", "cache", "events", "state"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o700
    for name in ("cache.conf", "events.conf"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    command = Path(f"/proc/{running.cache.pid}/cmdline")
    if command.exists():
        assert (running.folder / "secrets" / "redis-cache").read_text().strip() not in command.read_text()


def test_no_server_runs_as_root(running: EmbeddedServers) -> None:
    for process in (running.postgres, running.cache, running.events):
        assert Path(f"/proc/{process.pid}").stat().st_uid != 0


def test_data_and_passwords_are_found_again_by_the_next_start(servers: EmbeddedServers) -> None:
    async def count(url: str, statement: str) -> int:
        async with connected(url) as connection:
            await connection.execute(statement)
            return int(await connection.fetchval("SELECT count(*) FROM kept"))

    first = asyncio.run(count(servers.start().postgres_url, "CREATE TABLE kept (n int)"))
    servers.stop()
    again = EmbeddedServers(servers.folder)
    with again:
        assert asyncio.run(count(again.urls["postgres"], "INSERT INTO kept VALUES (1)")) == first + 1


def test_a_second_start_on_the_same_data_is_refused_and_names_the_first(servers: EmbeddedServers) -> None:
    servers.start()
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        EmbeddedServers(servers.folder).start()
    assert servers.postgres.running


def test_stopping_removes_processes_and_sockets(servers: EmbeddedServers) -> None:
    endpoints = servers.start()
    pids = [process.pid for process in (servers.postgres, servers.cache, servers.events)]
    servers.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not Path(endpoints.redis_cache_url.rpartition("@")[2]).parent.exists()
    servers.stop()


def test_servers_outlive_the_thread_that_started_them(servers: EmbeddedServers) -> None:
    thread = threading.Thread(target=servers.start)
    thread.start()
    thread.join()
    servers.cache.restart()
    assert servers.postgres.running
    assert config(servers.urls["events"], "appendonly") == "yes"


def test_given_urls_are_used_and_nothing_is_embedded(running: EmbeddedServers, tmp_path: Path) -> None:
    given = running.endpoints
    environment = {
        "GUERDON_POSTGRES_URL": given.postgres_url,
        "GUERDON_REDIS_CACHE_URL": given.redis_cache_url,
        "GUERDON_REDIS_EVENTS_URL": given.redis_events_url,
    }
    unused = tmp_path / "data"
    with resolve_endpoints(unused, environment) as resolved:
        assert resolved.endpoints == given
        assert resolved.embedded is None
    assert not unused.exists()
    assert running.postgres.running


def test_only_what_is_not_given_is_embedded(running: EmbeddedServers, own_servers: OwnServers) -> None:
    given = running.endpoints
    folder = own_servers().folder
    with resolve_endpoints(folder, {"GUERDON_POSTGRES_URL": given.postgres_url}) as resolved:
        assert resolved.endpoints.postgres_url == given.postgres_url
        assert resolved.embedded is not None
        assert set(resolved.embedded.urls) == {"cache", "events"}
        assert config(resolved.endpoints.redis_events_url, "appendonly") == "yes"


def test_only_what_is_needed_is_embedded(own_servers: OwnServers) -> None:
    with resolve_endpoints(own_servers().folder, {}, needed=("cache",)) as resolved:
        assert resolved.embedded is not None
        assert set(resolved.embedded.processes) == {"cache"}


def test_urls_carry_what_their_clients_need(running: EmbeddedServers) -> None:
    endpoints = running.endpoints
    assert endpoints.postgres_url.startswith("postgresql://postgres:")
    assert "?host=/" in endpoints.postgres_url
    assert endpoints.redis_cache_url.startswith("unix://:")
