"""Conditions of rules and segments, in CEL (https://cel.dev): compiled and type-checked once, evaluated within a bound.

A variable is one dotted name with a type of its own, so that `purchase.amount > '5'` and `line.colour` are refused when
a rule is made. Nothing here is logged, and no text of a failed evaluation leaves this module: it may have a value in
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from cel_expr_python import cel

CONDITION_MAX = 500
"""The longest condition, in characters."""
MACROS_MAX = 4
"""The most macros of a condition. One over a full basket takes a hundred steps."""
MATCHES_MAX = 4
"""The most regular expressions of a condition: each is compiled anew at each evaluation."""

PURCHASES_NOT_COUNTED = "looks at purchases, which a program without purchase_statistics does not count"

Activation: TypeAlias = cel.Activation
"""Values of variables as CEL takes them."""
Facts: TypeAlias = Mapping[str, int | str | list[str]]
"""Values of variables."""

_OF_PURCHASE = {
    "purchase.amount": cel.Type.INT,
    "purchase.channel": cel.Type.STRING,
    "purchase.store": cel.Type.STRING,
    "purchase.cashier": cel.Type.STRING,
    "purchase.terminal": cel.Type.STRING,
    "purchase.categories": cel.Type.List(cel.Type.STRING),
    "purchase.skus": cel.Type.List(cel.Type.STRING),
    "line.sku": cel.Type.STRING,
    "line.category": cel.Type.STRING,
    "line.quantity": cel.Type.INT,
    "line.unit_price": cel.Type.INT,
    "line.spend": cel.Type.INT,
    "member.tier": cel.Type.STRING,
    "member.plan": cel.Type.STRING,
    "member.year_points": cel.Type.INT,
    "member.days": cel.Type.INT,
    "member.segments": cel.Type.List(cel.Type.STRING),
    "purchases.count": cel.Type.INT,
    "purchases.spend": cel.Type.INT,
    "purchases.days_since_last": cel.Type.INT,
    "time.year": cel.Type.INT,
    "time.month": cel.Type.INT,
    "time.day": cel.Type.INT,
    "time.hour": cel.Type.INT,
    "time.minute": cel.Type.INT,
    "time.weekday": cel.Type.INT,
    "time.date": cel.Type.STRING,
}
_OF_MEMBER = {
    "member.tier": cel.Type.STRING,
    "member.plan": cel.Type.STRING,
    "member.year_points": cel.Type.INT,
    "member.last_year_points": cel.Type.INT,
    "member.days": cel.Type.INT,
    "profile.region_code": cel.Type.STRING,
    "profile.sales_associate": cel.Type.STRING,
    "profile.birth_month": cel.Type.INT,
    "profile.age": cel.Type.INT,
    "profile.has_email": cel.Type.BOOL,
    "profile.has_phone": cel.Type.BOOL,
    "profile.has_card": cel.Type.BOOL,
    "purchases.count": cel.Type.INT,
    "purchases.spend": cel.Type.INT,
    "purchases.year_count": cel.Type.INT,
    "purchases.year_spend": cel.Type.INT,
    "purchases.last_year_count": cel.Type.INT,
    "purchases.last_year_spend": cel.Type.INT,
    "purchases.days_since_last": cel.Type.INT,
}


class Subject(Enum):
    """What a condition is asked of, which has variables of its own."""

    PURCHASE = "purchase"
    """By earning rules."""
    MEMBER = "member"
    """By segments."""


_VARIABLES = {Subject.PURCHASE: _OF_PURCHASE, Subject.MEMBER: _OF_MEMBER}

_PASSED_OVER = re.compile(  # comments and texts
    r"""
    //[^\n]*
    | [bB]?[rR][bB]? (?: '''.*?''' | \"\"\".*?\"\"\" | '[^']*' | "[^"]*" )  # raw: no escapes
    | [bB]? (?: '''(?:\\.|[^\\])*?''' | \"\"\"(?:\\.|[^\\])*?\"\"\" | '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" )
    """,
    re.DOTALL | re.VERBOSE,
)
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(")
_MATCHES = re.compile(r"\bmatches\s*\(")
_LINE = re.compile(r"(?<![\w.])\.?line\s*\.")
_SEGMENTS = re.compile(r"(?<![\w.])\.?member\s*\.\s*segments\b")
_IN_SEGMENTS = re.compile(r"\"\"\s*\bin\s+\.?member\s*\.\s*segments\b(?!\s*[.\[+])")
_NAME = re.compile(r"'([^'\\]+)'|\"([^\"\\]+)\"")
_PURCHASES = re.compile(r"(?<![\w.])\.?purchases\s*\.")
_PLAN = re.compile(r"(?<![\w.])\.?member\s*\.\s*plan\b")


class Malformed(Exception):
    """A condition that cannot be one; the text says why and where, for whoever made it."""


@dataclass(frozen=True)
class Phrase:
    """A condition that compiles, and what it looks at."""

    expression: cel.Expression
    of_line: bool
    """Whether it looks at a line, so that it is asked for each."""
    of_purchases: bool
    """Whether it looks at what a member bought so far."""
    of_plan: bool
    """Whether it looks at the plan that a member holds."""
    segments: frozenset[str] | None
    """The ids of the segments whose members it asks for; None where that cannot be told."""
    variables: frozenset[str]
    """Those that it may look at: all whose own name is in it, in whatever meaning."""

    @staticmethod
    @lru_cache(maxsize=1_000)
    def of(condition: str, subject: Subject = Subject.PURCHASE) -> Phrase:
        """The condition, compiled.

        Raises:
            Malformed: it does not compile, is not of type bool, or could take too long.
        """
        bare = _PASSED_OVER.sub(lambda text: '""' + " " * (len(text[0]) - 2), condition)
        of_line = bool(_LINE.search(bare))
        if "\0" in condition:  # CEL takes it in a text, the database in none
            raise Malformed(f"{_place(condition, condition.index(chr(0)))}: no NUL characters")
        _check_effort(bare, of_line)
        try:
            expression = _environment(subject).compile(condition)
        except RuntimeError as error:
            raise Malformed(_said(str(error))) from None
        if expression.return_type() != cel.Type.BOOL:
            raise Malformed(f"1:1: must be of type bool, not {expression.return_type().name().lower()}")
        of_purchases, of_plan = bool(_PURCHASES.search(bare)), bool(_PLAN.search(bare))
        there = frozenset(name for name in _VARIABLES[subject] if name.rpartition(".")[2] in condition)
        return Phrase(expression, of_line, of_purchases, of_plan, _segments(condition, bare), there)

    def holds(self, facts: Activation) -> bool:
        """Whether the condition holds; not, where it cannot be evaluated or takes too many steps."""
        try:
            return self.expression.eval(facts).value() is True
        except RuntimeError:  # as when the budget of iterations is exceeded; other failures are values of type error
            return False


def activation(facts: Facts, subject: Subject = Subject.PURCHASE) -> Activation:
    """Values of variables as conditions take them; those that a condition does not look at may be missing."""
    return _environment(subject).Activation(dict(facts))


@lru_cache(maxsize=len(Subject))
def _environment(subject: Subject) -> cel.Env:
    return cel.NewEnv(variables=_VARIABLES[subject])


def _segments(condition: str, bare: str) -> frozenset[str] | None:
    """The segments whose ids a condition names, where all that it does with segments is `'id' in member.segments`;
    None where it does more, or says it with comments or escapes. `bare` is it without the texts in it.
    """
    names = set()
    for found in _IN_SEGMENTS.finditer(bare):
        name = _NAME.match(condition, found.start())
        if name is None or bare[: found.start()].rstrip().endswith(("+", '"')):
            return None
        names.add(name[1] or name[2])
    return frozenset(names) if len(_SEGMENTS.findall(bare)) == len(_IN_SEGMENTS.findall(bare)) else None


def _check_effort(bare: str, of_line: bool) -> None:
    """Refuses what could take long; `bare` is a condition without the texts in it."""
    macros = list(_MACRO.finditer(bare))
    if len(macros) > MACROS_MAX:
        raise Malformed(f"{_place(bare, macros[MACROS_MAX].start())}: at most {MACROS_MAX} macros")
    if macros and of_line:
        raise Malformed(f"{_place(bare, macros[0].start())}: no macros where a line is looked at")
    for first, second in pairwise(macros):
        if _depth(bare[first.end() : second.start()]) >= 0:
            raise Malformed(f"{_place(bare, second.start())}: macros cannot be nested")
    expressions = list(_MATCHES.finditer(bare))
    if len(expressions) > MATCHES_MAX or (expressions and macros):
        raise Malformed(
            f"{_place(bare, expressions[-1].start())}: at most {MATCHES_MAX} regular expressions, and none with macros"
        )


def _depth(text: str) -> int:
    """The lowest depth of parentheses within a text: below 0 where one that was opened before is closed in it."""
    depth = lowest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        lowest = min(lowest, depth)
    return lowest


def _place(text: str, at: int) -> str:
    """Line and column, from 1."""
    before = text[:at]
    return f"{before.count(chr(10)) + 1}:{at - before.rfind(chr(10))}"


def _said(text: str) -> str:
    """The compiler's words: line, column and what is wrong, without its status and its drawing."""
    found = re.findall(r"ERROR: <input>:(\d+:\d+: .*)", text)
    return "; ".join(one[:200] for one in found[:3]) or "1:1: does not compile"
