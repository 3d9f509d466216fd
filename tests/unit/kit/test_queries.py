"""Queries are named once in a service: of two that have the same name, aiosql keeps the one that it reads last.
They are loaded beside whatever else lies in their folder.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from guerdon_kit.postgres.queries import load_queries

SERVICES = Path(__file__).parents[3] / "services"
_NAME = re.compile(r"^-- name: (\w+)", re.MULTILINE)


@pytest.mark.parametrize("store", sorted(SERVICES.glob("*/store")), ids=lambda store: store.parent.name)
def test_a_name_is_one_querys(store: Path) -> None:
    names = Counter(name for file in store.glob("*.sql") for name in _NAME.findall(file.read_text()))
    assert names
    assert [name for name, count in names.items() if count > 1] == []


def test_a_file_that_is_gone_once_it_is_looked_at_is_nobodys_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "of_a_test" / "store"
    compiled = store / "__pycache__"
    compiled.mkdir(parents=True)
    (tmp_path / "of_a_test" / "__init__.py").touch()
    (store / "things.sql").write_text("-- name: find_thing^\nselect 1\n")
    for folder in (store, compiled):  # as Python's own are while another process compiles
        (folder / "module.cpython-311.pyc.4711").symlink_to("gone")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_queries("of_a_test").available_queries == ["find_thing"]
