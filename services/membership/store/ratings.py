"""What purchases were rated by where that was more than a plain rule, and what rules have counted of members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from guerdon_kit.postgres import Connection
from membership.domain.baskets import Basket, Line, parts
from membership.domain.campaigns import NOTHING_DRAWN, Drawn, Reached
from membership.domain.earning import Rounding
from membership.domain.gifts import Qualified
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms
from membership.domain.rating import Use
from membership.domain.rules import Outcome
from membership.domain.stacking import Term, Verdict
from membership.domain.tallies import Into
from membership.domain.tranches import Tranche, Wait
from membership.domain.wallets import Wallet
from membership.store import queries


async def insert(connection: Connection, program: Program, frozen: Sequence[tuple[str, int, FrozenTerms]]) -> None:
    """Writes what purchases were rated by, each with its id and its tier level."""
    await queries.insert_ratings(
        connection,
        program_no=program.program_no,
        purchase_ids=[purchase_id for purchase_id, _, _ in frozen],
        levels=[level for _, level, _ in frozen],
        baskets=[None if one.basket is None else write_basket(one.basket) for _, _, one in frozen],
        rated_by=[_write(one) for _, _, one in frozen],
    )


async def rerate(connection: Connection, program: Program, frozen: Sequence[tuple[str, int, FrozenTerms]]) -> None:
    """Writes what purchases are rated by now; the writer holds their members' rows."""
    await queries.rerate(
        connection,
        program_no=program.program_no,
        purchase_ids=[purchase_id for purchase_id, _, _ in frozen],
        levels=[level for _, level, _ in frozen],
        rated_by=[_write(one) for _, _, one in frozen],
    )


async def basket(connection: Connection, program: Program, purchase_id: str) -> Basket | None:
    """The basket of a purchase; None where it is an amount alone."""
    kept = await queries.find_basket(connection, program_no=program.program_no, purchase_id=purchase_id)
    return None if kept is None else read_basket(kept)


async def uses(connection: Connection, wanted: Iterable[Use]) -> dict[Use, int]:
    """What was counted, as far as anything was; their members' rows are held."""
    columns = list(zip(*sorted(wanted), strict=True))
    if not columns:
        return {}
    members, rules, periods, starts = columns
    rows = queries.rule_uses(connection, member_nos=members, rule_nos=rules, periods=periods, starts=starts)
    return {Use(row["member_no"], row["rule_no"], row["period"], row["start"]): row["used"] async for row in rows}


async def forget_uses(connection: Connection, unused: Iterable[Use]) -> None:
    """Has nothing counted any more; the writer holds the members' rows."""
    members, rules, periods, starts = zip(*sorted(unused), strict=True)
    await queries.forget_rule_uses(connection, member_nos=members, rule_nos=rules, periods=periods, starts=starts)


async def write_uses(connection: Connection, used: dict[Use, int]) -> None:
    """Sets what is counted; the writer holds the members' rows."""
    keys = sorted(used)
    members, rules, periods, starts = zip(*keys, strict=True)
    await queries.write_rule_uses(
        connection,
        member_nos=members,
        rule_nos=rules,
        periods=periods,
        starts=starts,
        used=[used[key] for key in keys],
    )


def read(basket_kept: dict[str, Any] | None, rated_by: dict[str, Any], amount: int) -> FrozenTerms:
    """What a purchase of `amount` was rated by, as it is kept."""
    bought = None if basket_kept is None else read_basket(basket_kept)
    terms = tuple(map(_read_term, rated_by["terms"]))
    reached = tuple(Reached(*one) for one in rated_by["campaigns"])
    counts = tuple(map(_read_term, rated_by["counts"]))
    tranches = tuple(map(read_tranche, rated_by["tranches"]))
    inside = rated_by.get("segments")
    return FrozenTerms(
        bought,
        parts(bought, amount),
        terms,
        tuple(rated_by["points"]),
        reached,
        counts,
        tranches,
        None if inside is None else tuple(inside),
        _read_drawn(rated_by["drawn"]) if "drawn" in rated_by else NOTHING_DRAWN,
        tuple(map(_read_wallet, rated_by.get("wallets", ()))),
        tuple(Qualified(_read_term(term), reward) for term, reward in rated_by.get("rewards", ())),
        tuple(Into(*one) for one in rated_by.get("counts_into", ())),
    )


def _write(one: FrozenTerms) -> dict[str, Any]:
    beside: dict[str, Any] = {} if one.segments is None else {"segments": one.segments}
    if one.drawn != NOTHING_DRAWN:
        beside["drawn"] = one.drawn
    if one.wallets:
        beside["wallets"] = [_write_wallet(wallet) for wallet in one.wallets]
    if one.rewards:
        beside["rewards"] = [[_write_term(term), reward] for term, reward in one.rewards]
    if one.counts_into:
        beside["counts_into"] = one.counts_into
    return beside | {
        "terms": [_write_term(term) for term in one.terms],
        "points": one.points,
        "campaigns": one.campaigns,
        "counts": [_write_term(term) for term in one.counts],
        "tranches": [_write_tranche(tranche) for tranche in one.tranches],
    }


def _write_wallet(one: Wallet) -> dict[str, Any]:
    return {
        "unit": one.unit,
        "terms": [_write_term(term) for term in one.terms],
        "points": one.points,
        "tranches": [_write_tranche(tranche) for tranche in one.tranches],
    }


def _read_wallet(kept: dict[str, Any]) -> Wallet:
    terms, tranches = map(_read_term, kept["terms"]), map(read_tranche, kept["tranches"])
    return Wallet(kept["unit"], tuple(terms), tuple(kept["points"]), tuple(tranches))


def _write_tranche(one: Tranche) -> list[Any]:
    moments = [None if time is None else to_microseconds(time) for time in (one.available_time, one.expire_time)]
    waits = None if one.wait is None else [one.wait.event, to_microseconds(one.wait.until), one.wait.released]
    return [one.points, *moments, one.places, waits]


def read_tranche(kept: list[Any]) -> Tranche:
    """A tranche as it is kept."""
    points, available_us, expire_us, places, waits = kept
    times = [None if us is None else from_microseconds(us) for us in (available_us, expire_us)]
    wait = None if waits is None else Wait(waits[0], from_microseconds(waits[1]), waits[2])
    return Tranche(points, times[0], times[1], tuple(places), wait)


def _read_drawn(kept: list[Any]) -> Drawn:
    paid, refused = kept
    return Drawn(tuple((rule_no, points) for rule_no, points in paid), tuple(refused))


def write_basket(one: Basket) -> dict[str, Any]:
    """A basket to be kept."""
    lines = [{name: getattr(line, name) for name in Line.__slots__} for line in one.lines]
    return {name: getattr(one, name) for name in Basket.__slots__} | {"lines": lines}


def read_basket(kept: dict[str, Any]) -> Basket:
    """A basket as it is kept."""
    lines = tuple(Line(**line) for line in kept["lines"])
    return Basket(**{**kept, "lines": lines, "order_discounts": tuple(kept["order_discounts"])})


def _write_term(term: Term) -> dict[str, Any]:
    return {name: getattr(term, name) for name in Term.__slots__} | {
        "rate": term.rate.as_integer_ratio(),
        "rounding": term.rounding.value,
        "spends": sorted(term.spends.items()),
    }


def _read_term(kept: dict[str, Any]) -> Term:
    return Term(
        **{
            **kept,
            "outcome": Outcome(kept["outcome"]),
            "rate": Fraction(*kept["rate"]),
            "rounding": Rounding(kept["rounding"]),
            "spends": dict(map(tuple, kept["spends"])),
            "works_on": tuple(kept["works_on"]),
            "verdict": Verdict(kept["verdict"]),
            "bundle": tuple((pieces, tuple(places)) for pieces, places in kept["bundle"]),
        }
    )
