"""What rules that count have counted, of members and with purchases, and the awards that were reached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from membership.domain.counting import Key
from membership.domain.program import Program
from membership.domain.rules import Count
from membership.domain.tallies import Counting, Tally
from membership.store import queries


class CountedPurchase(NamedTuple):
    """A purchase, the number of its member, and what a rule counted with it."""

    purchase_id: str
    member_no: int
    tally: Tally


async def of_members(connection: Connection, wanted: Iterable[Key]) -> dict[Key, Counting]:
    """What is counted of members, as far as anything was; their rows are held."""
    keys = sorted(wanted)
    rows = queries.rule_counts(
        connection, member_nos=[member_no for member_no, _ in keys], rule_nos=[rule_no for _, rule_no in keys]
    )
    return {(row["member_no"], row["rule_no"]): Counting(row["counted"], row["given"]) async for row in rows}


async def write(connection: Connection, counting: Mapping[Key, Counting]) -> None:
    """Sets what is counted of members; the writer holds their rows."""
    keys = sorted(counting)
    await queries.write_rule_counts(
        connection,
        member_nos=[member_no for member_no, _ in keys],
        rule_nos=[rule_no for _, rule_no in keys],
        counted=[counting[key].counted for key in keys],
        given=[counting[key].given for key in keys],
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


async def of_purchase(connection: Connection, program: Program, purchase_id: str) -> tuple[Tally, ...]:
    """What was counted with a purchase, less what came back of it."""
    rows = queries.counted_purchase(connection, program_no=program.program_no, purchase_id=purchase_id)
    return tuple(
        [
            Tally(
                row["rule_no"],
                Count(*row["count"]),
                row["counts"],
                row["reached"],
                tuple(row["awards"]),
                row["uncovered"],
            )
            async for row in rows
        ]
    )


async def lower(connection: Connection, program: Program, purchase_id: str, rule_no: int, counts: int) -> None:
    """Sets what a purchase still counts; the writer holds its member's row."""
    await queries.lower_counted_purchase(
        connection, program_no=program.program_no, purchase_id=purchase_id, rule_no=rule_no, counts=counts
    )


async def give(
    connection: Connection, program: Program, counted: Sequence[CountedPurchase]
) -> dict[tuple[str, int], list[int]]:
    """Writes the awards of purchases; answers their numbers by purchase and rule."""
    each = [one for one in counted for _ in one.tally.awards]
    rows = queries.insert_count_awards(
        connection,
        program_no=program.program_no,
        member_nos=[one.member_no for one in each],
        rule_nos=[one.tally.rule_no for one in each],
        purchase_ids=[one.purchase_id for one in each],
    )
    numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
    async for row in rows:
        numbers[row["purchase_id"], row["rule_no"]].append(row["award_no"])
    return numbers


async def take_back(connection: Connection, member_no: int, rule_no: int, awards: int) -> list[int]:
    """Marks a member's latest awards of a rule as taken back; answers their numbers."""
    rows = queries.revoke_count_awards(connection, member_no=member_no, rule_no=rule_no, awards=awards)
    return sorted([row["award_no"] async for row in rows])
