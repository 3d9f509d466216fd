"""The servers start for root and for ordinary users, wherever the checkout lies, and change nobody's
permissions.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guerdon_kit.embedded import DataUnreachable, EmbeddedServers, binaries, places

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

# Becomes the user, starts and stops servers on the folder, and tells whom they ran as. The interpreter may
# lie where that user cannot go: everything is imported before, by a first run, and supervisors get one that
# the user can run.
AS_USER = """
import os, sys
from pathlib import Path
from guerdon_kit.embedded import EmbeddedServers
uid, python, folder, rehearsal = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
with EmbeddedServers(rehearsal):
    pass
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
sys.executable = python
with EmbeddedServers(folder) as servers:
    print(*(os.stat(f"/proc/{one.pid}").st_uid for one in (servers.postgres, servers.cache, servers.events)))
"""


@pytest.fixture
def private() -> Iterator[Path]:
    """A folder that only root may enter."""
    folder = Path(tempfile.mkdtemp(prefix="guerdon-private-"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    yield folder
    shutil.rmtree(folder)


@needs_root
def test_started_by_root_they_run_as_an_unprivileged_user() -> None:
    folder = Path(tempfile.mkdtemp(prefix="guerdon-open-"))
    folder.chmod(0o755)
    try:
        with EmbeddedServers(folder) as servers:
            owners = {Path(f"/proc/{one.pid}").stat().st_uid for one in (servers.postgres, servers.cache)}
            assert owners == {pwd.getpwnam("nobody").pw_uid}
            assert (folder / "servers" / "postgres").is_dir()
    finally:
        shutil.rmtree(folder)


@needs_root
def test_in_a_folder_only_root_may_enter_data_lies_elsewhere_and_permissions_stay(private: Path) -> None:
    checkout = private / "checkout"
    data = checkout / ".guerdon"
    checkout.mkdir()
    before = [(path, path.stat().st_mode) for path in (private, checkout, *private.parents)]
    servers = EmbeddedServers(data)
    with servers:
        home = Path((data / places.POINTER).read_text().strip())
        assert not home.is_relative_to(private)
        assert (home / "postgres" / "PG_VERSION").exists()
    assert [(path, path.stat().st_mode) for path, _ in before] == before
    with servers:
        assert Path((data / places.POINTER).read_text().strip()) == home
    servers.remove_data()
    assert not home.exists()
    assert not (data / places.POINTER).exists()


@needs_root
def test_binaries_in_a_folder_only_root_may_enter_are_copied_to_where_they_can_run(
    private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = Path(sysconfig.get_paths()["purelib"])
    for name in (binaries.POSTGRES_HOME, binaries.POSTGRES_LIBRARIES, binaries.VALKEY_WHEEL):
        if (packages / name).exists():
            shutil.copytree(packages / name, private / name)
    monkeypatch.setattr(binaries, "_packages", lambda _wheel: private)
    servers = EmbeddedServers(private / ".guerdon")
    try:
        with servers:
            assert not servers.postgres.plan.argv[0].startswith(str(private))
            assert not servers.cache.plan.argv[0].startswith(str(private))
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    finally:
        servers.remove_data()


@needs_root
def test_data_that_was_elsewhere_and_is_gone_is_not_silently_begun_anew(private: Path) -> None:
    (private / ".guerdon").mkdir()
    (private / ".guerdon" / places.POINTER).write_text("/var/lib/guerdon/not-there\n")
    with pytest.raises(DataUnreachable, match="not-there"):
        EmbeddedServers(private / ".guerdon").start()


def _interpreter_for(uid: int) -> str:
    """A Python that this user can run; the test is skipped where there is none."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(
                [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
                user=uid,
                group=uid,
                extra_groups=(),
                cwd="/",
                check=True,
                capture_output=True,
            )
            return python
    pytest.skip(f"uid {uid} can run no Python here")


def _require_reachable(uid: int) -> None:
    """The test is skipped where this user cannot go to what is installed, such as in root's own folder."""
    reached = subprocess.run(
        ["test", "-x", sysconfig.get_path("purelib")], user=uid, group=uid, extra_groups=(), cwd="/", check=False
    )
    if reached.returncode:
        pytest.skip(f"uid {uid} cannot go where the environment lies")


def _run_once_as(uid: int, folder: Path, rehearsal: Path) -> list[int]:
    """Embed servers once as that user; whom they ran as."""
    _require_reachable(uid)
    result = subprocess.run(
        [sys.executable, "-c", AS_USER, str(uid), _interpreter_for(uid), str(folder), str(rehearsal)],
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return [int(owner) for owner in result.stdout.split()]


@needs_root
def test_started_by_an_ordinary_user_they_run_as_that_user() -> None:
    uid = pwd.getpwnam("daemon").pw_uid
    folder = Path(tempfile.mkdtemp(prefix="guerdon-user-"))
    os.chown(folder, uid, uid)
    rehearsal = Path(tempfile.mkdtemp(prefix="guerdon-open-"))
    rehearsal.chmod(0o755)
    data = folder / "data"
    try:
        assert _run_once_as(uid, data, rehearsal) == [uid, uid, uid]
        # And root, coming later, runs them as the owner of the data rather than locking that user out.
        with EmbeddedServers(data) as servers:
            assert Path(f"/proc/{servers.postgres.pid}").stat().st_uid == uid
        assert _run_once_as(uid, data, rehearsal) == [uid, uid, uid]
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(rehearsal)
