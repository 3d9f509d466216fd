"""Queries are named once in a service: of two that have the same name, aiosql keeps the one that it reads last."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[3] / "services"
_NAME = re.compile(r"^-- name: (\w+)", re.MULTILINE)


@pytest.mark.parametrize("store", sorted(SERVICES.glob("*/store")), ids=lambda store: store.parent.name)
def test_a_name_is_one_querys(store: Path) -> None:
    names = Counter(name for file in store.glob("*.sql") for name in _NAME.findall(file.read_text()))
    assert names
    assert [name for name, count in names.items() if count > 1] == []
