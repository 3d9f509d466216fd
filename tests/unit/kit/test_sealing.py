"""What is sealed opens with its key, for what it was bound to, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from guerdon_kit.sealing import KeysUnusable, Sealed, SealingKeys, make_key_file

KEYS = SealingKeys("k1", {"k1": b"1" * 32})


def test_a_secret_opens_only_for_what_it_was_sealed_to() -> None:
    kept = KEYS.seal("whsec_secret", "webhooks", "aurora")
    assert KEYS.open(kept, "webhooks", "aurora") == "whsec_secret"
    assert b"whsec" not in kept.sealed
    for other in (("webhooks", "skyways"), ("webhooksaurora", ""), ("webhooks", "aurora", "")):
        with pytest.raises(InvalidTag):
            KEYS.open(kept, *other)
    with pytest.raises(InvalidTag):
        KEYS.open(Sealed(kept.key_id, kept.sealed[:-1] + bytes([kept.sealed[-1] ^ 1])), "webhooks", "aurora")


def test_after_a_rotation_the_old_key_opens_and_the_new_one_seals() -> None:
    kept = KEYS.seal("secret", "x")
    rotated = SealingKeys("k2", {"k1": b"1" * 32, "k2": b"2" * 32})
    assert rotated.open(kept, "x") == "secret"
    assert rotated.seal("secret", "x").key_id == "k2"
    with pytest.raises(KeyError):
        KEYS.open(rotated.seal("secret", "x"), "x")


def test_a_file_of_keys_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "webhooks.json"
    make_key_file(path)
    first = SealingKeys.read(path)
    make_key_file(path)
    assert SealingKeys.read(path) == first
    path.chmod(0o640)
    with pytest.raises(KeysUnusable, match="0600"):
        SealingKeys.read(path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"current": "k1", "keys": {"k1": "c2VjcmV0"}}'])
def test_a_malformed_file_is_refused_without_quoting_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "webhooks.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeysUnusable) as refused:
        SealingKeys.read(path)
    assert "c2VjcmV0" not in str(refused.value)
