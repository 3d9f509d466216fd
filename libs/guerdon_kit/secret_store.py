"""Passwords of this installation's own servers and roles: made when first asked for, then kept."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Protocol

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_SECRET_BYTES = 24


class Secrets(Protocol):
    """Where passwords come from."""

    def get(self, name: str) -> str:
        """The password called `name`: always the same one, made at the first call."""


class MemorySecrets:
    """Passwords that end with this object, for tests."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def get(self, name: str) -> str:
        return self._kept.setdefault(name, secrets.token_urlsafe(_SECRET_BYTES))


class FolderSecrets:
    """One file a password, mode 0600, in a folder made with mode 0700.

    Processes may ask for the same name at once: the file is linked into place whole, and whoever comes
    second reads it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> str:
        """Raises ValueError when `name` is no plain lower-case file name."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not the name of a secret: {name!r}")
        path = self._folder / name
        with contextlib.suppress(FileNotFoundError):
            return path.read_text().strip()
        self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        fd, unfinished = tempfile.mkstemp(prefix=f".{name}-", dir=self._folder)  # mkstemp gives mode 0600
        try:
            with os.fdopen(fd, "w") as file:
                file.write(secrets.token_urlsafe(_SECRET_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(unfinished, path)
        finally:
            Path(unfinished).unlink()
        return path.read_text().strip()
