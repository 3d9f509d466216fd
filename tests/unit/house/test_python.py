"""Which Python the environment is made with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[3] / "tools" / "python.py"
SAME_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def python(folder: Path, name: str, took: str | None) -> Path:
    """One that says, asked to run a loop, how long that took; None: it lacks what environments are made with."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\nexit 1\n" if took is None else f"#!/bin/sh\necho {took} {file}\n")
    file.chmod(0o755)
    return file


def chosen(*folders: Path) -> str:
    environment = os.environ | {"PATH": ":".join(map(str, folders))}
    return subprocess.run(
        [sys.executable, TOOL], env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize(
    ("usual", "other", "is_chosen"),
    [
        ("0.012", "0.006", "other"),
        ("0.012", "0.0101", "usual"),
        ("0.012", "0.024", "usual"),
        ("0.012", None, "usual"),
        (None, "0.012", "other"),
    ],
)
def test_another_build_is_taken_where_it_is_quicker_by_a_fifth(
    tmp_path: Path, usual: str | None, other: str | None, is_chosen: str
) -> None:
    first = python(tmp_path / "first", "python3", usual)
    second = python(tmp_path / "second", SAME_VERSION, other)
    assert chosen(first.parent, second.parent) == str({"usual": first, "other": second}[is_chosen])


def test_the_quickest_of_several_is_taken_and_none_of_another_version(tmp_path: Path) -> None:
    first = python(tmp_path / "first", "python3", "0.012")
    python(tmp_path / "first", SAME_VERSION, "0.009")
    quickest = python(tmp_path / "second", SAME_VERSION, "0.007")
    python(tmp_path / "second", "python3.4", "0.001")
    assert chosen(first.parent, quickest.parent) == str(quickest)


def test_with_none_that_makes_environments_it_stays_with_what_everybody_calls_it(tmp_path: Path) -> None:
    python(tmp_path, "python3", None)
    assert chosen(tmp_path) == "python3"
