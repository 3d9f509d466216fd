"""What rules that count have counted, of members and with purchases, and the awards that were reached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.counting import Key
from membership.domain.late_counts import Award, Held
from membership.domain.program import Program
from membership.domain.rules import Count
from membership.domain.tallies import Counting, Given, Owed, Tally
from membership.domain.tranches import Times
from membership.store import queries


class CountedPurchase(NamedTuple):
    """A purchase, the number of its member, and what a rule counted with it."""

    purchase_id: str
    member_no: int
    tally: Tally


class CountAward(NamedTuple):
    """An award for a count: whose, of which rule, the purchase with which it was reached, and its points."""

    member_no: int
    rule_no: int
    purchase_id: str
    points: int


async def of_members(connection: Connection, wanted: Iterable[Key]) -> dict[Key, Counting]:
    """What is counted of members, as far as anything was; their rows are held."""
    keys = sorted(wanted)
    rows = queries.rule_counts(
        connection, member_nos=[member_no for member_no, _ in keys], rule_nos=[rule_no for _, rule_no in keys]
    )
    return {(row["member_no"], row["rule_no"]): _counting(row) async for row in rows}


async def write(connection: Connection, counting: Mapping[Key, Counting]) -> None:
    """Sets what is counted of members; the writer holds their rows."""
    keys = sorted(counting)
    await queries.write_rule_counts(
        connection,
        member_nos=[member_no for member_no, _ in keys],
        rule_nos=[rule_no for _, rule_no in keys],
        counted=[counting[key].counted for key in keys],
        given=[counting[key].given for key in keys],
        owed=[counting[key].owed for key in keys],
    )


async def insert(connection: Connection, program: Program, counted: Sequence[CountedPurchase]) -> None:
    """Writes what was counted with purchases."""
    tallies = [one.tally for one in counted]
    await queries.insert_counted_purchases(
        connection,
        program_no=program.program_no,
        purchase_ids=[one.purchase_id for one in counted],
        rule_nos=[one.rule_no for one in tallies],
        counts_by=[one.count for one in tallies],
        counts=[one.counts for one in tallies],
        reached=[one.reached for one in tallies],
        awards=[one.awards for one in tallies],
        uncovered=[one.uncovered for one in tallies],
    )


async def of_purchases(
    connection: Connection, program: Program, purchase_ids: Sequence[str]
) -> dict[str, tuple[Tally, ...]]:
    """What was counted with purchases, less what came back of them, by their ids; others are absent."""
    found: dict[str, tuple[Tally, ...]] = {}
    rows = queries.counted_purchases(connection, program_no=program.program_no, purchase_ids=purchase_ids)
    async for purchase_id, rule_no, by, counts, reached, awards, uncovered in rows:
        one = Tally(rule_no, Count(*by), counts, reached, tuple(awards), uncovered)
        found[purchase_id] = (*found.get(purchase_id, ()), one)
    return found


async def lower(connection: Connection, program: Program, purchase_id: str, rule_no: int, counts: int) -> None:
    """Sets what a purchase still counts; the writer holds its member's row."""
    await queries.lower_counted_purchase(
        connection, program_no=program.program_no, purchase_id=purchase_id, rule_no=rule_no, counts=counts
    )


async def give(connection: Connection, program: Program, each: Sequence[CountAward]) -> dict[CountAward, list[int]]:
    """Writes awards that are given; answers their numbers, for equal awards any of them."""
    rows = queries.insert_count_awards(
        connection,
        program_no=program.program_no,
        member_nos=[one.member_no for one in each],
        rule_nos=[one.rule_no for one in each],
        purchase_ids=[one.purchase_id for one in each],
        points=[one.points for one in each],
    )
    numbers: dict[CountAward, list[int]] = defaultdict(list)
    async for award_no, *award in rows:
        numbers[CountAward(*award)].append(award_no)
    return numbers


def awards_of(counted: CountedPurchase) -> list[CountAward]:
    """What is given with a purchase, each award with the purchase that it was reached with."""
    tally = counted.tally
    reached = zip(tally.reached_with, tally.awards, strict=True)
    return [CountAward(counted.member_no, tally.rule_no, purchase_id, points) for purchase_id, points in reached]


async def with_rules(connection: Connection, program: Program, member_no: int) -> dict[Key, tuple[Count, Counting]]:
    """All that is counted of a member, and by what; its row is held."""
    rows = queries.rule_counts_of_member(connection, program_no=program.program_no, member_no=member_no)
    return {(member_no, row["rule_no"]): (Count(*row["count"]), _counting(row)) async for row in rows}


async def may_fall(connection: Connection, key: Key, purchase_id: str, awards: int) -> list[Given]:
    """So many awards of a member that would fall first when a purchase comes back, in this order."""
    member_no, rule_no = key
    rows = queries.count_awards_that_may_fall(
        connection, member_no=member_no, rule_no=rule_no, purchase_id=purchase_id, awards=awards
    )
    return [Given(*row) async for row in rows]


async def take_back(connection: Connection, award_nos: Sequence[int]) -> None:
    """Marks awards as taken back; the writer holds their member's row."""
    await queries.revoke_count_awards(connection, award_nos=award_nos)


async def standing(connection: Connection, program: Program, wanted: Iterable[Key]) -> dict[Key, list[Held]]:
    """The awards that members have and that are not taken back."""
    keys, held = sorted(wanted), dict[Key, list[Held]]()
    rows = queries.standing_count_awards(
        connection,
        program_no=program.program_no,
        member_nos=[member_no for member_no, _ in keys],
        rule_nos=[rule_no for _, rule_no in keys],
    )
    async for row in rows:
        one = Held(
            row["award_no"], Award(row["purchase_id"], row["points"]), Times(row["available_time"], row["expire_time"])
        )
        held.setdefault((row["member_no"], row["rule_no"]), []).append(one)
    return held


async def move(connection: Connection, moved: Mapping[int, str]) -> None:
    """Sets with which purchases awards were reached, by their numbers; the writer holds their member's row."""
    if moved:
        await queries.move_count_awards_to(connection, award_nos=list(moved), purchase_ids=list(moved.values()))


async def rewrite(connection: Connection, program: Program, purchase_id: str, tallies: Sequence[Tally]) -> None:
    """Sets what is counted with a purchase that was rated anew."""
    await queries.delete_counted_purchase(connection, program_no=program.program_no, purchase_id=purchase_id)
    if tallies:
        await insert(connection, program, [CountedPurchase(purchase_id, 0, one) for one in tallies])


def _counting(row: Record) -> Counting:
    return Counting(row["counted"], row["given"], tuple(Owed(*one) for one in row["owed"]))
