"""`guerdon verify` against a running stack."""

from __future__ import annotations

from pathlib import Path

from guerdon_kit.postgres.provision import connected
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
    assert verify(town, stack_folder)[0] == 0


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
