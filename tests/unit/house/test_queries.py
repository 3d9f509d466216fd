"""The SQL files of a package are loaded together: of two queries of one name the later would stand for both."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAME = re.compile(r"^--\s*name\s*:\s*(\w+)", re.MULTILINE)
STORES = sorted({path.parent for part in ("libs", "services") for path in (ROOT / part).rglob("store/*.sql")})


@pytest.mark.parametrize("store", STORES, ids=lambda store: str(store.relative_to(ROOT)))
def test_no_two_queries_of_a_package_have_one_name(store: Path) -> None:
    names = Counter(name for path in store.glob("*.sql") for name in NAME.findall(path.read_text()))
    assert names, "a folder of queries has some"
    assert [name for name, count in names.items() if count > 1] == []
