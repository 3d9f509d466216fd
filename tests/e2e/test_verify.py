"""`guerdon verify` against a running stack."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from guerdon_kit.postgres.provision import connected
from guerdon_kit.testing import wait_until
from tests.e2e.commands import guerdon
from tests.e2e.town import Town


def verify(town: Town, folder: Path) -> tuple[int, str]:
    """The exit code and the last line."""
    done = guerdon("verify", "--data", str(folder), "--target", town.stack.targets["ledger"])
    return done.returncode, done.stdout.splitlines()[-1]


async def test_one_balance_that_was_touched_is_found_and_named(town: Town, stack_folder: Path) -> None:
    account = town.account(0)
    code, last = verify(town, stack_folder)
    assert (code, last[:20]) == (0, "guerdon verify: OK (")
    await touch(town, account, 1)
    try:
        code, last = verify(town, stack_folder)
    finally:
        await touch(town, account, -1)
    assert code == 1
    assert last.startswith("guerdon verify: FAILED: ")
    assert account in last


async def test_chain_heads_are_kept_in_a_file_and_missed_where_they_are_gone(
    town: Town, stack_folder: Path, tmp_path: Path
) -> None:
    heads = tmp_path / "heads.json"
    command = ("verify", "--data", str(stack_folder), "--target", town.stack.targets["ledger"], "--heads", str(heads))
    await wait_until(partial(_sealed, town))
    assert guerdon(*command).returncode == 0
    kept = json.loads(heads.read_text(encoding="utf-8"))
    assert {"shard", "block", "hash", "seal_time"} == kept[0].keys()
    assert guerdon(*command).returncode == 0
    kept[0]["hash"] = "00" * 32
    heads.write_text(json.dumps(kept), encoding="utf-8")
    failed = guerdon(*command)
    assert failed.returncode == 1
    assert "FAILED: HEAD_NOT_IN_CHAIN" in failed.stdout
    heads.write_text("{}[", encoding="utf-8")
    assert guerdon(*command).returncode == 1


async def test_a_programs_journal_is_exported(town: Town, stack_folder: Path, tmp_path: Path) -> None:
    program, file = town.account(0).partition("/accounts/")[0], tmp_path / "journal.txt"
    command = ("export", program, "--data", str(stack_folder), "--target", town.stack.targets["ledger"])
    shown = guerdon(*command)
    assert shown.returncode == 0
    assert shown.stdout.startswith(f'option "title" "{program}"')
    assert guerdon(*command, "--format", "ledger", "--output", str(file)).returncode == 0
    assert file.read_text(encoding="utf-8").startswith(f"; {program}\n")
    assert guerdon("export", "programs/none", *command[2:]).returncode == 1


async def _sealed(town: Town) -> bool:
    async with connected(town.stack.databases["ledger"].owner_url) as owner:
        return bool(await owner.fetchval("select exists (select from seals)"))


async def touch(town: Town, account: str, by: int) -> None:
    """Change what an account is said to have, past the service."""
    program, _, id_ = account.removeprefix("programs/").partition("/accounts/")
    async with connected(town.stack.databases["ledger"].owner_url) as owner:
        done = await owner.execute(
            "update accounts set posted = posted + $3 from programs"
            " where programs.id = $1 and accounts.program = programs.program and accounts.name = $2",
            program,
            id_,
            by,
        )
    assert done == "UPDATE 1"
