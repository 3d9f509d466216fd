"""Which migrations are still to be applied, and when none may be."""

from __future__ import annotations

import pytest

from guerdon_kit.postgres.migrate import KIT, Migration, MigrationRefused, pending, read_migrations

ONE = Migration("ledger", 1, "accounts", "create table accounts ()")
TWO = Migration("ledger", 2, "holds", "create table holds ()")


def test_what_was_applied_is_not_applied_again() -> None:
    assert pending([ONE, TWO], {}) == [ONE, TWO]
    assert pending([ONE, TWO], {1: ONE.digest}) == [TWO]
    assert pending([ONE, TWO], {1: ONE.digest, 2: TWO.digest}) == []


def test_an_altered_migration_is_refused() -> None:
    with pytest.raises(MigrationRefused, match="1 was altered"):
        pending([ONE, TWO], {1: "another digest"})


def test_a_missing_migration_is_refused() -> None:
    with pytest.raises(MigrationRefused, match="2 was applied"):
        pending([ONE], {1: ONE.digest, 2: TWO.digest})


def test_the_kits_own_are_numbered_without_gaps() -> None:
    assert read_migrations(KIT)[0].number == 1
