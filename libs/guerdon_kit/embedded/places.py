"""Where the servers' data and sockets lie.

Data lies in `<data folder>/servers`. When root starts the servers and the account they run as cannot get
there (the checkout lies in a folder that only root may enter), it lies in a folder of its own under
/var/lib, and the file `<data folder>/servers-at` says where. No permission of a folder that we did not make
is ever changed.

Sockets lie in a short private folder made at every start: the path of a Unix socket has room for 107 bytes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from guerdon_kit.embedded.account import Account, account_for
from guerdon_kit.embedded.errors import DataUnreachable

POINTER = "servers-at"
SOCKET_FOLDER_RECORD = "sockets-at"
SOCKET_PATH_BYTES_MAX = 103  # macOS has 104 with the final zero, Linux 108
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
# Only folders made there by mkdtemp are used.
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108
ELSEWHERE = (Path("/var/lib/guerdon"), *TEMPORARY)


def data_home(folder: Path) -> tuple[Path, Account]:
    """The folder for everything the servers keep, made if need be, and the account they run as.

    It belongs to us and not to the account, so that the account can put no link where root will write.
    Raises DataUnreachable.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(
            0o755
        )  # the servers' account has to pass, whatever the umask; secrets are in a folder of their own
    pointer = folder / POINTER
    if pointer.exists():
        home = Path(pointer.read_text().strip())
        if not home.is_dir():
            raise DataUnreachable(
                f"the data of {folder} was at {home} and is not there: remove {pointer} to start anew"
            )
        return home, account_for(home / "postgres")
    home = folder / "servers"
    account = account_for(home / "postgres")
    if account.switch and not account.reaches(folder):
        home = _elsewhere(account)
        pointer.write_text(f"{home}\n")
    elif not home.exists():
        _make(home)
    return home, account


def _make(home: Path) -> None:
    """Others may pass (the servers' account has to), not look; all that is in it is private to its owner."""
    home.mkdir()
    home.chmod(0o711)


def _elsewhere(account: Account) -> Path:
    for base in ELSEWHERE:
        try:
            if not base.exists():
                base.mkdir(mode=0o755)
            home = Path(tempfile.mkdtemp(prefix="guerdon-", dir=base))
        except OSError:
            continue
        home.chmod(0o711)
        if account.reaches(home):
            return home
        home.rmdir()
    raise DataUnreachable(
        f"uid {account.uid} can reach neither the data folder nor {', '.join(map(str, ELSEWHERE))}: "
        "use a data folder that it can enter"
    )


def socket_folder(home: Path, account: Account) -> Path:
    """A new private folder for the sockets; one that a killed process left behind is removed."""
    remove_socket_folder(home)
    for base in (Path(tempfile.gettempdir()), *TEMPORARY):
        if not base.is_dir() or not os.access(base, os.W_OK | os.X_OK) or not account.reaches(base):
            continue
        folder = Path(tempfile.mkdtemp(prefix="guerdon-", dir=base))
        if len(os.fsencode(folder / LONGEST_SOCKET_NAME)) > SOCKET_PATH_BYTES_MAX:
            folder.rmdir()
            continue
        account.own(folder)
        (home / SOCKET_FOLDER_RECORD).write_text(f"{folder}\n")
        return folder
    raise DataUnreachable("no folder is short enough for the servers' sockets: set TMPDIR to one")


def remove_socket_folder(home: Path) -> None:
    """Remove the sockets' folder that was made last. The servers must have stopped."""
    record = home / SOCKET_FOLDER_RECORD
    if record.exists():
        shutil.rmtree(record.read_text().strip(), ignore_errors=True)
        record.unlink()


def existing_home(folder: Path) -> Path | None:
    """Where the data of `folder` is, if there is any."""
    pointer = folder / POINTER
    home = Path(pointer.read_text().strip()) if pointer.exists() else folder / "servers"
    return home if home.exists() else None
