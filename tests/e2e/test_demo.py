"""`guerdon demo`, as somebody runs it who has just cloned the project."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from guerdon_cli.demo.purchases import SAMPLE
from guerdon_cli.terminal import DATA_FOLDER
from guerdon_kit import envoy
from tests.e2e.commands import GUERDON, ROOT, guerdon, plain_environment, processes_of

SHORT = 200


def outcome(folder: Path) -> dict[str, Any]:
    """What the last demo wrote."""
    written: dict[str, Any] = json.loads((folder / "demo.json").read_text())
    return written


@pytest.fixture(scope="module")
def first_run(data_folder: Path) -> subprocess.CompletedProcess[str]:
    return guerdon("demo", "--data", str(data_folder))


def test_the_demo_ends_with_a_verified_ledger(first_run: subprocess.CompletedProcess[str], data_folder: Path) -> None:
    assert first_run.returncode == 0, first_run.stderr
    assert first_run.stdout.splitlines()[-1].startswith("guerdon verify: OK (")
    written = outcome(data_folder)
    assert (written["purchases"], written["members"]) == (3_365, 1_178)
    assert written["base_points_earned"] == 111_591, "1 point per whole dollar: the known sum of the sample"
    assert written["verified"] is True
    assert written["problems"] == []
    for figure in ("redemptions", "exchanges", "recognitions", "seconds", "import_seconds", "import_per_second"):
        assert written[figure] > 0, figure


def test_the_report_tells_what_happened(first_run: subprocess.CompletedProcess[str]) -> None:
    for title in ("What happened", "Where the points are", "Tiers", "statement", "positions", "feed"):
        assert title in first_run.stdout, title
    assert "OUT_OF_STOCK" in first_run.stdout, "more members wanted a bag than there were"
    assert "$10.00 in 2 uses" in first_run.stdout, "a voucher pays at two tills as far as its balance goes"
    assert "ALREADY_REDEEMED" in first_run.stdout, "a third till finds nothing left of it"
    assert "when it mattered" not in first_run.stdout, "a private recognition is not in a third person's feed"
    assert "+ 15 from Grace" in first_run.stdout, "others add to what one colleague gave another"
    assert "Elena: It was one letter!" in first_run.stdout, "and say something to it"
    assert "1, 25 points returned" in first_run.stdout, (
        "a recognition that is taken back returns its points to both givers"
    )
    assert "Nobody bakes like you" not in first_run.stdout, "what was taken back is in no feed"


def test_nothing_keeps_running_and_a_second_run_on_the_same_data_works_inside_envoy_too(
    first_run: subprocess.CompletedProcess[str], data_folder: Path, tmp_path: Path
) -> None:
    assert first_run.returncode == 0
    assert processes_of(data_folder) == []
    short = tmp_path / "purchases.txt"
    short.write_text("".join(line + "\n" for line in SAMPLE.read_text().splitlines()[: SHORT + 1]))
    server = "envoy" if envoy.is_possible() else "grpc"
    second_run = guerdon("demo", "--data", str(data_folder), "--purchases", str(short), "--server", server)
    assert second_run.returncode == 0, second_run.stderr
    assert outcome(data_folder)["purchases"] == SHORT, "a second run on the same data reports only itself"
    assert processes_of(data_folder) == []


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a git work tree")
def test_the_default_data_folder_is_not_git_s_business() -> None:
    ignored = subprocess.run(["git", "check-ignore", "--quiet", f"{DATA_FOLDER}/demo.json"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


def test_verify_starts_what_it_needs_when_nothing_runs(
    first_run: subprocess.CompletedProcess[str], data_folder: Path
) -> None:
    assert first_run.returncode == 0
    verified = guerdon("verify", "--data", str(data_folder), "--target", "127.0.0.1:1")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.splitlines()[-1].startswith("guerdon verify: OK (")
    assert processes_of(data_folder) == []


def test_a_file_that_is_not_one_of_purchases_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "purchases.txt"
    file.write_text("header\n1 19970101 1 1.00\n2 19971301 1 1.00\n")
    refused = guerdon("demo", "--data", str(tmp_path / "data"), "--purchases", str(file))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "guerdon: row 2: '19971301' is not a day as yyyymmdd\n"
    assert not (tmp_path / "data").exists()


def test_ctrl_c_ends_the_demo_in_order(data_folder: Path) -> None:
    process = subprocess.Popen(
        [*GUERDON, "demo", "--data", str(data_folder)],
        cwd=ROOT,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        while "importing" not in (line := process.stderr.readline()):
            assert line, "it should have come to the import"
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to the whole process group
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    assert processes_of(data_folder) == []
    assert not (data_folder / "demo.json").exists(), "what an earlier run came to is not this one's"
