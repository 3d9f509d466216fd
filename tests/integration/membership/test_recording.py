"""Recording purchases in membership's own database: rated once, under the member's lock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection, Database
from membership.domain.errors import PurchaseDiffers
from membership.domain.flags import FlagState
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.domain.rows import Row
from membership.operations.recording import Recorded, Recording, record_rows
from membership.operations.rules import Rulebooks
from membership.store import deliveries, members, programs, purchases
from membership.store.purchases import NewPurchase, OwnCredit

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MANY = 100
"""So many are written by COPY."""
RECORDING = Recording(NOW, NOW + timedelta(seconds=15), "tester")


def row(purchase_id: str, member_id: str = "ada", dollars: int = 10, day: int = 1, place: int = 0) -> Row:
    event_us = to_microseconds(datetime(2026, 11, day, 12, tzinfo=UTC))
    return Row(place, purchase_id, member_id, event_us, dollars * 100)


def numbered(rows: Sequence[Row]) -> list[Row]:
    return [one._replace(place=place) for place, one in enumerate(rows)]


async def record(db: Database, program: Program, rows: Sequence[Row], *, enroll: bool = True) -> Recorded:
    async def work(connection: Connection) -> Recorded:
        return await record_rows(connection, program, Rulebooks(), numbered(rows), RECORDING, enroll_unknown=enroll)

    return await db.run(work)


async def year_points(db: Database, program: Program, member_id: str) -> int:
    async with db.acquire() as connection:
        member = await members.find(connection, program, member_id)
        assert member is not None
        found = await members.years(connection, [member.member_no], [2026])
    return found.get((member.member_no, 2026), 0)


async def test_settings_are_read_back_as_they_were_written(db: Database, program: Program) -> None:
    async with db.acquire() as connection:
        assert await programs.find(connection, "acme") == program
        assert await programs.by_no(connection, program.program_no) == program


async def test_a_program_is_made_once(db: Database, program: Program) -> None:
    async with db.transaction() as connection:
        assert await programs.insert(connection, program.settings, "UTC", NOW, "other") is None


async def test_members_are_enrolled_and_purchases_rated_together(db: Database, program: Program) -> None:
    recorded = await record(db, program, [row("a", dollars=120), row("b", day=2), row("c", "ben", 0)])
    assert [member.member_id for member in recorded.enrolled] == ["ada", "ben"]
    assert [(one.base_points, one.tier_points) for one in recorded.rated] == [(120, 0), (0, 0), (10, 2)]
    assert await year_points(db, program, "ada") == 132
    assert recorded.delivery is not None
    assert [one.purchase_id for one in recorded.delivery.purchases] == ["a", "b"]


async def test_the_recovery_loop_reads_the_same_delivery(db: Database, program: Program) -> None:
    """Whoever asks the ledger asks the same, down to the order: the same request ids with the same bodies."""
    recorded = await record(db, program, [row("z", "zoe"), row("a"), row("m", "mia", day=2), row("nothing", dollars=0)])
    assert recorded.delivery is not None
    async with db.acquire() as connection:
        again = await deliveries.find(connection, recorded.delivery.delivery_no)
    assert again == recorded.delivery


async def test_the_same_rows_again_change_nothing(db: Database, program: Program) -> None:
    rows = [row("a"), row("b", day=2)]
    await record(db, program, rows)
    again = await record(db, program, rows)
    assert (list(again.already_recorded), again.rated, again.refused) == ([0, 1], [], {})
    assert again.delivery is None
    assert await year_points(db, program, "ada") == 20


async def test_an_id_twice_in_a_chunk_counts_once(db: Database, program: Program) -> None:
    recorded = await record(db, program, [row("a"), row("a"), row("a", dollars=11)])
    assert list(recorded.already_recorded) == [1]
    assert await year_points(db, program, "ada") == 10
    [(place, refusal)] = recorded.refused.items()
    assert (place, type(refusal), refusal.metadata["fields"]) == (2, PurchaseDiffers, "amount")


async def test_other_facts_under_a_known_id_are_refused_by_field(db: Database, program: Program) -> None:
    await record(db, program, [row("a")])
    recorded = await record(db, program, [row("a", "ben", 12, day=2), row("b")])
    assert recorded.refused[0].metadata == {
        "purchase": "programs/acme/purchases/a",
        "fields": "member,event_time,amount",
    }
    assert recorded.enrolled == []
    assert len(recorded.rated) == 1


async def test_an_unknown_member_is_refused_unless_enrolment_was_asked_for(db: Database, program: Program) -> None:
    recorded = await record(db, program, [row("a")], enroll=False)
    assert isinstance(recorded.refused[0], NotFound)
    assert recorded.delivery is None


async def test_a_purchase_recorded_many_times_at_once_counts_once(db: Database, program: Program) -> None:
    outcomes = await asyncio.gather(*(record(db, program, [row("a"), row(f"own-{n}")]) for n in range(8)))
    assert sum(len(one.rated) for one in outcomes) == 9
    assert sum(len(one.enrolled) for one in outcomes) == 1
    assert await year_points(db, program, "ada") == 90


async def test_the_same_id_for_two_members_at_once_goes_to_one(db: Database, program: Program) -> None:
    await record(db, program, [row("first"), row("second", "ben")])
    outcomes = await asyncio.gather(*(record(db, program, [row("a", member)]) for member in ("ada", "ben")))
    assert sorted(len(one.rated) for one in outcomes) == [0, 1]
    assert [type(one) for outcome in outcomes for one in outcome.refused.values()] == [PurchaseDiffers]


async def test_many_with_an_id_that_comes_for_another_member_at_once_are_recorded_beside_it(
    db: Database, program: Program
) -> None:
    """Many are copied, which cannot skip what is there: the one that waited for the other begins anew."""
    chunks = [[row("a", f"{who}0"), *(row(f"{who}{n}", f"{who}{n}") for n in range(MANY))] for who in ("ada", "ben")]
    outcomes = await asyncio.gather(*(record(db, program, chunk) for chunk in chunks))
    assert sorted(len(one.rated) for one in outcomes) == [MANY, MANY + 1]
    assert [type(one) for outcome in outcomes for one in outcome.refused.values()] == [PurchaseDiffers]
    async with db.acquire() as connection:
        assert await connection.fetchval("select count(*) from purchases") == 2 * MANY + 1


@pytest.mark.parametrize("locks", [False, True])
async def test_many_purchases_are_written_as_few_are(db: Database, program: Program, locks: bool) -> None:
    program = replace(program, settings=replace(program.settings, return_window_days=30 if locks else 0))
    assert program.locks is locks
    of_state = {State.PENDING: (NOW, 3), State.POSTED: (None, None), State.LAPSED: (NOW, None)}
    new = [
        NewPurchase(f"p{n}", n, NOW, 1_000 + n, None if n % 2 else 32, n, 1, expires, state, place)
        for n in range(MANY)
        for state, (expires, place) in [list(of_state.items())[n % 3]]
    ]
    own = [OwnCredit(NOW - timedelta(days=n + 1), n or None, FlagState.FLAGGED if n % 5 else None) for n in range(MANY)]

    async def written(size: int, *, plain: bool) -> list[dict[str, object]]:
        async with db.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            for at in range(0, MANY, size):
                some = slice(at, at + size)
                of = (None, None) if plain else ([one.base_points for one in new[some]], own[some])
                await purchases.insert(connection, program, new[some], NOW, "tester", 7, *of)
            found = await connection.fetch("select * from purchases order by member_no")
            await transaction.rollback()
        return [dict(one) for one in found]

    for plain in (False, True):
        assert await written(MANY, plain=plain) == await written(1, plain=plain)


async def test_members_whose_accounts_are_open_lie_where_they_lay(db: Database, program: Program) -> None:
    """No index has to be told: https://www.postgresql.org/docs/current/storage-hot.html"""
    recorded = await record(db, program, [row(f"p{n}", f"m{n}") for n in range(500)])

    async def pages() -> list[tuple[int, str]]:
        async with db.acquire() as connection:
            found = await connection.fetch("select member_no, split_part(ctid::text, ',', 1) from members order by 1")
        return [tuple(one) for one in found]

    before = await pages()
    async with db.transaction() as connection:
        await members.activate(connection, {one.member_no: "" for one in recorded.enrolled})
    assert await pages() == before


async def test_concurrent_purchases_of_one_member_are_rated_one_after_the_other(db: Database, program: Program) -> None:
    """Ten purchases of $40 at once: three before silver at 100 points, the others with its multiplier."""
    await record(db, program, [row("first", dollars=0)])
    outcomes = await asyncio.gather(*(record(db, program, [row(f"p{n}", dollars=40)]) for n in range(10)))
    rated = [one for outcome in outcomes for one in outcome.rated]
    assert sorted(one.level for one in rated) == [0] * 3 + [1] * 7
    assert await year_points(db, program, "ada") == 3 * 40 + 7 * 50


async def test_points_already_expired_lapse_and_still_count_for_the_year(db: Database, program: Program) -> None:
    old = to_microseconds(datetime(2020, 5, 1, tzinfo=UTC))
    recorded = await record(db, program, [row("old")._replace(event_us=old)])
    assert recorded.delivery is not None, "the welcome bonus still has to go"
    assert recorded.delivery.purchases == []
    async with db.acquire() as connection:
        found = await purchases.find(connection, program, "old")
    assert found is not None
    assert found[0].state is State.LAPSED
    assert found[0].award.points == 10


async def test_events_are_written_with_what_they_tell(db: Database, program: Program) -> None:
    await record(db, program, [row("a", dollars=120), row("b", day=2)])
    async with db.acquire() as connection:
        found = await connection.fetch("select type, subject, key, data from outbox order by id")
    kinds = [one["type"].rpartition(".")[2] for one in found]
    assert kinds == ["member_enrolled", "purchase_recorded", "purchase_recorded", "tier_joined"]
    assert {one["key"] for one in found} == {"programs/acme/members/ada"}
    assert found[3]["data"] == {
        "tier_id": "silver",
        "previous_tier_id": "",
        "event_time": "2026-11-01T12:00:00+00:00",
        "purchase": "programs/acme/purchases/a",
    }


@pytest.mark.parametrize(
    "statement",
    [
        "update tiers set multiplier_numerator = 100",
        "update rule_versions set archived = true",
        "update ratings set basket = null",
        "update purchases set amount = 1000",
        "update programs set welcome_points = 1",
        "delete from purchases",
        "delete from members",
    ],
)
@pytest.mark.usefixtures("program")
async def test_what_was_awarded_cannot_be_changed_by_the_role_that_serves(db: Database, statement: str) -> None:
    async with db.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_without_a_lateness_window_awards_stay_as_they_are(db: Database, program: Program) -> None:
    await record(db, program, [row("a")])
    async with db.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="what was awarded stays"):
            await connection.execute("update purchases set base_points = 1000")


async def test_totals_tell_the_base_rule_apart_and_count_tiers(db: Database, program: Program) -> None:
    await record(db, program, [row("a", dollars=120), row("b", day=2), row("c", "ben", 90), row("d", "cleo", 600)])
    async with db.acquire() as connection:
        totals = await programs.totals(connection, program, 2026)
        next_year = await programs.totals(connection, program, 2027)
        later = await programs.totals(connection, program, 2028)
    assert (totals.member_count, totals.purchase_count, totals.welcome_points) == (3, 4, 150)
    assert (totals.base_points, totals.tier_points, totals.pending_purchase_count) == (820, 2, 4)
    assert totals.members_by_level == {1: 1, 2: 1}
    assert next_year.members_by_level == {1: 1, 2: 1}
    assert later.members_by_level == {}


async def test_an_imports_chunk_is_told_of_as_a_whole(db: Database, program: Program) -> None:
    bulk = replace(RECORDING, bulk=True)

    async def work(connection: Connection) -> Recorded:
        rows = numbered([row("a", dollars=120), row("b", day=2)])
        return await record_rows(connection, program, Rulebooks(), rows, bulk, enroll_unknown=True)

    recorded = await db.run(work)
    async with db.acquire() as connection:
        found = await connection.fetch("select type, subject, data from outbox order by id")
    kinds = [one["type"].rpartition(".")[2] for one in found]
    assert kinds == ["purchases_imported", "tier_joined"]
    assert found[0]["subject"] == "programs/acme"
    assert found[0]["data"] == {
        "purchases": 2,
        "base_points": sum(one.base_points for one in recorded.rated),
        "tier_points": sum(one.tier_points for one in recorded.rated),
        "rule_points": 0,
        "enrolled": ["ada"],
    }


async def test_purchases_pay_nothing_for_what_their_members_and_program_do_not_have(
    db: Database, program: Program
) -> None:
    asked: list[str] = []

    async def work(connection: Connection) -> Recorded:
        with connection.query_logger(lambda logged: asked.append(logged.query)):
            rows = numbered([row(f"p{n}", f"m{n}") for n in range(20)])
            return await record_rows(connection, program, Rulebooks(), rows, RECORDING, enroll_unknown=True)

    assert len((await db.run(work)).rated) == 20
    assert any("insert into purchases" in statement for statement in asked)
    unasked = ("referrals", "advocates", "bonuses", "slides", "expiry_watches", "waiting_returns")
    assert not any(word in statement for statement in asked for word in unasked)
