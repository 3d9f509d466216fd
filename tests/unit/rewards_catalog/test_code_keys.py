"""The file of the code keys: its owner's alone, made once, and never quoted in an error."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guerdon_kit.sealing import KeysUnusable
from rewards_catalog.store.code_keys import make_code_keys, read_code_keys


def test_fresh_keys_are_their_owners_alone_and_stay_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "codes.json"
    make_code_keys(file)
    first = read_code_keys(file)
    make_code_keys(file)
    assert read_code_keys(file) == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["codes.json"]


def test_workers_that_make_them_at_once_end_with_the_same_keys(tmp_path: Path) -> None:
    file = tmp_path / "codes.json"

    def start(_worker: int) -> bytes:
        make_code_keys(file)
        return read_code_keys(file).digest_key

    with ThreadPoolExecutor(8) as workers:
        assert len(set(workers.map(start, range(8)))) == 1


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "codes.json"
    make_code_keys(file)
    file.chmod(0o640)
    with pytest.raises(KeysUnusable, match="0600"):
        read_code_keys(file)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"current": "k1", "keys": {"k1": "c2VjcmV0"}, "digest_key": "c2VjcmV0"}),
        json.dumps({"current": "k1", "keys": ["c2VjcmV0"], "digest_key": "c2VjcmV0"}),
    ],
)
def test_a_malformed_file_is_refused_without_quoting_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "codes.json"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(KeysUnusable) as refused:
        read_code_keys(file)
    assert "c2VjcmV0" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="No such file"):
        read_code_keys(tmp_path / "codes.json")
