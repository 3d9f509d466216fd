"""The import rules of pyproject.toml refuse what they are there to refuse, shown on a small tree of our shape."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"
SERVICES = ("ledger", "membership", "rewards_catalog", "partner_exchange", "recognition")
TREE = {
    "guerdon/__init__.py": "",
    "guerdon/x_pb2.py": "import grpc",
    "guerdon_kit/__init__.py": "",
    "guerdon_kit/clock.py": "",
    "guerdon_kit/auth/__init__.py": "import guerdon.x_pb2",
    "guerdon_kit/grpc/__init__.py": "import grpc, guerdon.x_pb2",
    "guerdon_cli/__init__.py": "import guerdon.x_pb2, ledger.app",
    **{f"{service}/__init__.py": "" for service in SERVICES},
    **{f"{service}/domain/__init__.py": "import guerdon_kit.clock" for service in SERVICES},
    "ledger/app.py": "import ledger.servicer, ledger.operations.post, ledger.store",
    "ledger/servicer/__init__.py": "import guerdon.x_pb2, ledger.operations.post",
    "ledger/jobs/__init__.py": "import ledger.operations.post",
    "ledger/operations/__init__.py": "",
    "ledger/operations/post.py": "import ledger.store, ledger.clients",
    "ledger/store/__init__.py": "import asyncpg, ledger.domain",
    "ledger/clients/__init__.py": "import guerdon.x_pb2, ledger.domain",
}


def _lint(root: Path, **changes: str) -> tuple[int, str]:
    for name, text in {**TREE, **changes}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    command: list[str | Path] = [LINT_IMPORTS, "--no-logo", "--no-cache", "--config", ROOT / "pyproject.toml"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_a_tree_of_the_right_shape_passes(tmp_path: Path) -> None:
    code, said = _lint(tmp_path)
    assert code == 0, said


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("membership/app.py", "import ledger.app", "Services never import each other"),
        ("ledger/store/__init__.py", "import ledger.operations.post", "a request walks one way"),
        ("ledger/servicer/__init__.py", "import ledger.jobs", "a request walks one way"),
        ("ledger/domain/__init__.py", "import ledger.store", "a request walks one way"),
        ("recognition/domain/__init__.py", "import grpc", "The rules know no framework"),
        ("recognition/domain/__init__.py", "import guerdon_kit.auth", "The rules know no framework"),
        ("guerdon_kit/clock.py", "import ledger.domain", "The kit knows no service"),
        ("guerdon_kit/clock.py", "import guerdon.x_pb2", "Stubs are spoken at the edges only"),
        ("ledger/operations/post.py", "import guerdon.x_pb2", "Stubs are spoken at the edges only"),
    ],
)
def test_a_forbidden_import_is_refused_by_its_rule(tmp_path: Path, file: str, text: str, rule: str) -> None:
    code, said = _lint(tmp_path, **{file: text})
    assert code == 1, said
    assert any(rule in line and line.endswith("BROKEN") for line in said.splitlines()), said
