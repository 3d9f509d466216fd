"""The file that holds the keys of voucher codes.

    {"current": "k1", "keys": {"k1": "<base64 of 32 bytes>"}, "digest_key": "<base64 of 32 bytes>"}

To rotate, add a key and make it current; keep the old ones for as long as codes sealed with them are to be read.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import tempfile
from pathlib import Path

from rewards_catalog.domain.codes import KEY_BYTES, CodeKeys


class CodeKeysUnusable(Exception):
    """The file of the code keys is missing, malformed, or readable by others. A service does not start with it."""


def read_code_keys(path: Path) -> CodeKeys:
    """The keys in the file.

    Raises:
        CodeKeysUnusable: it is missing, malformed, or not its owner's alone.
    """
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise CodeKeysUnusable(f"{path} can be read or written by others: give it mode 0600")
            kept = json.load(file)
        sealing = {key_id: _key(text) for key_id, text in kept["keys"].items()}
        return CodeKeys(kept["current"], sealing, _key(kept["digest_key"]))
    except OSError as error:
        raise CodeKeysUnusable(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CodeKeysUnusable(f"{path} is malformed") from error  # and not how: it holds keys


def make_code_keys(path: Path) -> None:
    """Makes the file with fresh keys unless it is there, for development. Workers may do so at once: one wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    fresh = {"current": "k1", "keys": {"k1": _fresh_key()}, "digest_key": _fresh_key()}
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(fresh, file)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        Path(unfinished).unlink()


def _key(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _fresh_key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode("ascii")
