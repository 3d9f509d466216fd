"""What the service awards and takes back equals what an evaluator says that knows the specification alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.membership.v1 import purchase_pb2
from guerdon.membership.v1.basket_pb2 import Award
from membership.domain.clawbacks import Asked, CameBack, returned_amount, taken, together
from membership.domain.members import Member
from membership.domain.moments import to_microseconds
from membership.domain.program import Program, check
from membership.domain.purchases import FrozenTerms, State
from membership.domain.rating import Entry, Rated, Scene, Use, rate
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Version, violations
from membership.servicer import reading
from membership.servicer.rule_messages import read_rule
from tests.earning.cases import DAY_S, Bought, Case
from tests.earning.cases import case as case_of
from tests.earning.evaluator import Member as Expected
from tests.earning.evaluator import Rated as ExpectedRating
from tests.earning.returned import Returns, Step

MADE = datetime(2026, 10, 31, 22, 0, tzinfo=UTC)
"""When the rules are made: the clocks in New York go back eight hours later."""
ZONE = ZoneInfo("America/New_York")
PROGRAM = "programs/p"
ALL_THAT_IS_LEFT: tuple[Step, ...] = ({"whole": True},)


class Service:
    """The service's rules without the service: one member whose purchases are told of one after the other."""

    def __init__(self, case: Case) -> None:
        settings_ = check(reading.settings(case.program))
        self.program = Program(1, settings_, ZONE.key, MADE)
        read = [read_rule(rule, rule.name.rpartition("/")[2], "rule") for rule in case.rules]
        assert not [wrong for rule in read for wrong in violations(rule)]
        versions = [
            Version(number, 1, number, rule, False, to_microseconds(MADE) if number > 1 else 0, MADE)
            for number, rule in enumerate(read, start=1)
        ]
        self._book = Rulebook(versions, settings_.tiers)
        self._member = Member(7, "ada", State.POSTED, MADE, 0, None)
        self._points: dict[tuple[int, int], int] = {}
        self._uses: dict[Use, int] = {}

    def buys(self, purchase: purchase_pb2.Purchase) -> Rated:
        _, row = reading.purchase(purchase)
        assert row.event_us is not None
        scene = Scene({} if row.basket is None else {0: row.basket}, {7: self._member}, self._uses)
        entry = Entry(row.event_us, 0, 7, row.amount)
        [rated] = rate(self.program, self._book, [entry], self._points, scene)
        return rated


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**64), st.integers(0, 6), st.integers(1, 5))
def test_random_programs_award_and_take_back_what_an_independent_evaluator_says(
    seed: int, rules: int, purchases: int
) -> None:
    case = made(seed, rules, purchases, within_s=40 * DAY_S)
    service, expected = Service(case), Expected(case.program)
    for bought in case.bought:
        local = (MADE + timedelta(seconds=bought.after_s)).astimezone(ZONE)
        rated = service.buys(bought.purchase)
        rating = expected.buys(bought.purchase, case.rules[: None if bought.after_s >= 0 else 1], local)
        agree_on_awards(rated, rating)
        if rated.frozen is not None:
            agree_on_returns(rated.frozen, rating, bought, mild=service.program.settings.mild_returns)


def made(seed: int, rules: int, purchases: int, within_s: int) -> Case:
    """A case in a program of its own, with its times."""
    one = case_of(seed, rules, purchases, within_s)
    one.program.name, one.program.unit, one.program.currency_code = PROGRAM, f"{PROGRAM}/units/u", "USD"
    for bought in one.bought:
        purchase = bought.purchase
        purchase.name, purchase.member = f"{PROGRAM}/{purchase.name}", f"{PROGRAM}/members/ada"
        purchase.event_time.FromDatetime(MADE + timedelta(seconds=bought.after_s))
    return one


def agree_on_awards(rated: Rated, rating: ExpectedRating) -> None:
    if rated.frozen is None:
        plain = {rating.met[0].rule_id: rated.base_points, "": rated.tier_points}
        assert {rule_id: points for rule_id, points in plain.items() if points} == {
            rule_id: points for rule_id, points in rating.points.items() if points
        }
        return
    terms = rated.frozen
    found = {term.rule_id: points for term, points in zip(terms.terms, terms.points, strict=True)}
    assert found == rating.points
    for term, met in zip(terms.terms, rating.met, strict=True):
        assert int(term.verdict) in (met.why_not or {Award.VERDICT_APPLIED}), term.rule_id


def agree_on_returns(terms: FrozenTerms, rating: ExpectedRating, bought: Bought, *, mild: bool) -> None:
    returns, back, before = Returns(rating, mild=mild), CameBack(), 0
    for asked in chain(returns.steps(bought.purchase, bought.back), ALL_THAT_IS_LEFT):
        returns.back(**asked)
        lines = ((asked["line_id"], 1),) if "line_id" in asked else ()
        back = together(back, Asked("r", "p", MADE, asked.get("amount", 0), lines, asked.get("whole", False)))
        assert returned_amount(terms.parts, back) == returns.amount
        now = taken(terms.terms, terms.parts, back, mild=mild)
        assert now == returns.taken()
        assert now >= before or rating.may_rise
        before = now
    assert before == terms.award.points, "a full return takes everything"
