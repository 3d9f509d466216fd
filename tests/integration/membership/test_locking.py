"""What purchases gave that may be locked, as membership's own database tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from guerdon_kit.postgres import Connection, Database
from membership.domain.calendar import ExpiryPolicy
from membership.domain.locking import locked
from membership.domain.moments import to_microseconds
from membership.domain.purchases import State
from membership.domain.rows import Row
from membership.domain.rules import Outcome, Rule, Version
from membership.operations.recording import Recording, record_rows
from membership.operations.rules import Rulebooks
from membership.store import locking, programs, rules
from tests.integration.membership.conftest import ACME, NOW


async def test_points_beside_those_that_had_expired_when_a_purchase_was_recorded_are_locked(db: Database) -> None:
    """A till was offline for 40 days: its $10 expired after a month, the 500 beside them are kept for a year."""
    month, year = ExpiryPolicy(1), ExpiryPolicy(12)
    settings = replace(ACME, expiry=month, return_window_days=90, tiers=())

    async def work(connection: Connection) -> int:
        program = await programs.insert(connection, settings, "UTC", NOW, "tester")
        assert program is not None
        began, at = NOW - timedelta(days=60), NOW - timedelta(days=40)
        kept = Rule("kept", Outcome.BONUS, Fraction(500), expiry=year)
        version = Version(2, 1, 2, kept, False, to_microseconds(began), began)
        await rules.insert(connection, program.program_no, version, "tester")
        await rules.advance(connection, program, 2)
        row = Row(0, "p1", "ada", to_microseconds(at), 10_00)
        recording = Recording(NOW, NOW + timedelta(days=1), "tester")
        recorded = await record_rows(connection, program, Rulebooks(), [row], recording, enroll_unknown=True)
        assert recorded.delivery is not None
        assert [one.points for one in recorded.delivery.bonuses] == [500]
        assert await connection.fetchval("select state from purchases") == State.LAPSED
        given = await locking.given(connection, program, [recorded.enrolled[0].member_no], NOW)
        return locked(given, 1, NOW).points

    assert await db.run(work) == 510, "that points have expired is not looked at"


async def test_of_a_member_who_buys_all_the_time_what_is_locked_is_summed_up_by_days(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty purchases of $1 to $40, one every six hours: seven days of a window, looked at one by one or not."""
    settings = replace(ACME, expiry=None, return_window_days=7, tiers=())

    async def work(connection: Connection) -> tuple[int, int, int]:
        program = await programs.insert(connection, settings, "UTC", NOW, "tester")
        assert program is not None
        at = [to_microseconds(NOW - timedelta(hours=6 * number)) for number in range(40)]
        rows = [Row(number, f"p{number}", "ada", at[number], 100 * (number + 1)) for number in range(40)]
        recording = Recording(NOW, NOW + timedelta(days=1), "tester", bulk=True)
        recorded = await record_rows(connection, program, Rulebooks(), rows, recording, enroll_unknown=True)
        member_no = recorded.enrolled[0].member_no
        every = await locking.given(connection, program, [member_no], NOW)
        monkeypatch.setattr(locking, "READ_MAX", 5)
        some = await locking.given(connection, program, [member_no], NOW)
        return locked(every, 1, NOW).points, locked(some, 1, NOW).points, len(some)

    exactly, summed, read = await db.run(work)
    assert exactly == sum(range(1, 29)), "28 purchases before the one whose window closes now"
    assert read == 5 + 8, "five purchases, and the days of the others"
    assert summed == exactly + 29 + 30 + 31, "all of the day in which the window closes"
