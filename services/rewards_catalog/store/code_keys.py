"""The file that holds the keys of voucher codes: the kit's file of keys, with a digest key beside them.

{"current": "k1", "keys": {"k1": "<base64 of 32 bytes>"}, "digest_key": "<base64 of 32 bytes>"}
"""

from __future__ import annotations

from pathlib import Path

from guerdon_kit.sealing import KeysUnusable, decode_key, fresh_key, make_key_file, read_key_file
from rewards_catalog.domain.codes import CodeKeys


def read_code_keys(path: Path) -> CodeKeys:
    """The keys in the file.

    Raises:
        KeysUnusable: it is missing, malformed, or not its owner's alone.
    """
    kept = read_key_file(path)
    try:
        sealing = {key_id: decode_key(text) for key_id, text in kept["keys"].items()}
        return CodeKeys(kept["current"], sealing, decode_key(kept["digest_key"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeysUnusable(f"{path} is malformed") from error  # and not how: it holds keys


def make_code_keys(path: Path) -> None:
    """Makes the file with fresh keys unless it is there, for development."""
    make_key_file(path, digest_key=fresh_key())
