"""What the two distributions and their locks promise."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
SDK_DEPENDENCIES = {"googleapis-common-protos", "grpcio", "protobuf"}


def _project(pyproject: Path) -> dict[str, list[str]]:
    project = tomllib.loads(pyproject.read_text())["project"]
    return {"": project["dependencies"], **project.get("optional-dependencies", {})}


def _listed(file: Path) -> list[Requirement]:
    lines = (line.strip() for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def test_the_sdk_depends_on_grpc_and_protobuf_and_nothing_else() -> None:
    dependencies = _project(ROOT / "libs" / "sdk" / "pyproject.toml")[""]
    assert {Requirement(line).name for line in dependencies} == SDK_DEPENDENCIES


def test_the_runtime_lock_holds_what_the_distributions_ask_for() -> None:
    server = _project(ROOT / "pyproject.toml")
    sdk = _project(ROOT / "libs" / "sdk" / "pyproject.toml")
    asked = {Requirement(line).name for line in [*server[""], *server["embedded"], *server["envoy"], *sdk[""]]} - {
        "guerdon"
    }
    assert {requirement.name for requirement in _listed(ROOT / "requirements" / "runtime.in")} == asked


def test_the_server_asks_for_the_sdk_of_its_own_version() -> None:
    sdk = tomllib.loads((ROOT / "libs" / "sdk" / "pyproject.toml").read_text())["project"]
    assert f"guerdon=={sdk['version']}" in _project(ROOT / "pyproject.toml")[""]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_what_its_source_lists_with_hashes_and_without_an_address(lock: Path) -> None:
    text = lock.read_text()
    pinned = dict(re.findall(r"^([a-z0-9.-]+)==([^ ;]+)", text, re.MULTILINE))
    for requirement in _listed(lock.with_suffix(".in")):
        assert requirement.specifier.contains(pinned[requirement.name], prereleases=True), requirement
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_development_runs_on_the_versions_that_production_is_locked_to() -> None:
    runtime, dev = (
        dict(re.findall(r"^([a-z0-9.-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))
        for lock in (ROOT / "requirements" / "runtime.lock", ROOT / "requirements" / "dev.lock")
    )
    assert runtime.items() <= dev.items()


def test_no_committed_file_of_the_house_names_a_package_index() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    house = [file for file in files if file.suffix in {".toml", ".lock", ".in", ".yaml", ".sh"} and file.exists()]
    assert house
    forbidden = re.compile(r"--(extra-)?index-url|--find-links[ =]|\[\[tool\.uv\.index\]\]|pypi\.org")
    assert [file.name for file in house if forbidden.search(file.read_text())] == []
