"""The generated reference leaves nothing out, and a page that the code has left behind is noticed."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guerdon_kit.errors import DomainError

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("guerdon_kit", "ledger", "membership", "rewards_catalog", "partner_exchange", "recognition")


def _subclasses(error: type[DomainError]) -> Iterator[type[DomainError]]:
    for derived in error.__subclasses__():
        yield derived
        yield from _subclasses(derived)


def test_every_reason_that_the_code_can_give_is_in_the_reference() -> None:
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    own = [error for error in _subclasses(DomainError) if error.__module__.partition(".")[0] in PACKAGES]
    assert len(own) > 50
    assert [error for error in own if error.reason and f"`{error.reason}`" not in page] == []


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as the generator needs; the code itself is the installed one."""
    for part in ("tools", "protos", "docs/reference"):
        shutil.copytree(ROOT / part, tmp_path / part)
    return tmp_path


def test_a_page_that_says_something_else_than_the_code_is_named_and_made_anew(checkout: Path) -> None:
    page = checkout / "docs" / "reference" / "errors.md"
    right = page.read_text()
    page.write_text(right.replace("INSUFFICIENT_POINTS", "SHORT_OF_POINTS"))
    tool: list[str | Path] = [sys.executable, checkout / "tools" / "reference.py"]
    refused = subprocess.run([*tool, "check"], check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "errors.md" in refused.stdout
    assert "settings.md" not in refused.stdout
    subprocess.run([*tool, "generate"], check=True, capture_output=True)
    assert page.read_text() == right
