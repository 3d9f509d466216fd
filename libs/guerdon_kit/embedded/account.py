"""Whom the servers run as.

PostgreSQL refuses to run as root, and nothing that listens should. Started by an ordinary user, the servers
run as that user. Started by root, they run as the owner of the data where there is some, else as `nobody`:
initdb wants a user that has a name, and a machine should not get a new one because somebody tried a demo.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from guerdon_kit.embedded.errors import DataUnreachable, EmbeddedError
from guerdon_kit.processes.supervisor import PLAIN_ENVIRONMENT

UNPRIVILEGED = ("nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """The user that the servers run as. `switch` is False when that is who we are anyway."""

    uid: int
    gid: int
    switch: bool

    @property
    def owner(self) -> tuple[int, int] | None:
        """The uid and gid to become, or None to stay."""
        return (self.uid, self.gid) if self.switch else None

    def reaches(self, path: Path, access: str = "-x") -> bool:
        """Whether this account can use `path`: `access` is an operator of test(1).

        Asked by trying it as that user: permissions, ACLs and mount options all have a say.
        """
        result = self.run("/bin/sh", "-c", f'test {access} "$1"', "sh", str(path))
        return result.returncode == 0

    def run(self, *argv: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command as this account, without our environment. Raises EmbeddedError when that is
        impossible.
        """
        switch = {"user": self.uid, "group": self.gid, "extra_groups": ()} if self.switch else {}
        try:
            return subprocess.run(  # type: ignore[call-overload, no-any-return]  # the keywords vary with `switch`
                argv,
                cwd="/",
                env=PLAIN_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
                umask=0o077,
                **switch,
            )
        except PermissionError as problem:
            if not self.switch:
                raise
            raise EmbeddedError(
                f"root may not switch to uid {self.uid} here ({problem}): run as an ordinary user, or set "
                "GUERDON_POSTGRES_URL, GUERDON_REDIS_CACHE_URL and GUERDON_REDIS_EVENTS_URL"
            ) from problem

    def own(self, path: Path) -> None:
        """Hand over a file or folder that we have just made."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(data: Path) -> Account:
    """The account for the servers whose PostgreSQL data is (or will be) at `data`.

    Raises DataUnreachable when the data belongs to a user that we cannot act as.
    """
    me = os.geteuid()
    try:
        found = data.stat()
    except FileNotFoundError:
        found = None
    except PermissionError as problem:
        raise DataUnreachable(f"{data} cannot be entered by uid {me}: use another data folder") from problem
    if me != 0:
        if found is not None and found.st_uid != me:
            raise DataUnreachable(
                f"{data} belongs to uid {found.st_uid}, not to us (uid {me}): use another data folder"
            )
        return Account(me, os.getegid(), switch=False)
    if found is not None and found.st_uid != 0:
        return Account(found.st_uid, found.st_gid, switch=True)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, switch=True)
    raise EmbeddedError(f"root needs one of the users {', '.join(UNPRIVILEGED)} to run the servers as")
