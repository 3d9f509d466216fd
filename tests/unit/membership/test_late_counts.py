"""Awards for counts are given and taken back as little as can be when what comes late has others reach the count."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from membership.domain.late_counts import Award, Held, Standing, Step, Wanted, before, difference
from membership.domain.tallies import Owed
from membership.domain.tranches import Times

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NEVER = Times(None, None)
MAY, JUNE = (Times(None, datetime(2027, month, 1, tzinfo=UTC)) for month in (5, 6))


def wanted(purchase_id: str, points: int, times: Times = NEVER) -> Wanted:
    return Wanted(Award(purchase_id, points), NOW, times)


def held(award_no: int, purchase_id: str, points: int, times: Times = NEVER) -> Held:
    return Held(award_no, Award(purchase_id, points), times)


def test_an_award_stands_for_another_that_is_worth_the_same() -> None:
    moved, fallen, given = difference([held(1, "a", 50), held(2, "b", 50)], [wanted("b", 50), wanted("c", 50)])
    assert (moved, fallen, given) == ({1: "c"}, [], [])


def test_awards_of_other_points_or_times_are_given_anew() -> None:
    old = [held(1, "a", 50, MAY), held(2, "b", 20, MAY), held(3, "c", 10, MAY)]
    moved, fallen, given = difference(old, [wanted("a", 50, JUNE), wanted("b", 20, MAY), wanted("d", 10, MAY)])
    assert moved == {3: "d"}
    assert fallen == [old[0]]
    assert given == [wanted("a", 50, JUNE)]


def test_what_stood_before_is_what_stands_less_what_was_done_since() -> None:
    owed = (Owed("a", 5, 2),)
    steps = [Step(1, 2, owed, (Award("b", 5), Award("b", 5))), Step(1, -1, (), (), (Award("b", 5),))]
    now = {1: Standing(7, Counter({Award("a", 5): 1, Award("b", 5): 1})), 3: Standing(4)}
    assert before(now, steps) == {
        1: Standing(6, Counter({Award("a", 5): 1}), owed),
        3: Standing(4),
    }
    assert now[1].awards[Award("b", 5)] == 1, "what stands now is left as it is"


def test_what_a_merge_took_back_of_what_was_given_since_stays_taken() -> None:
    """Two who are one person had an award that comes once; the one that this member was given fell."""
    now = {1: Standing(2, Counter({Award("other", 5): 1}))}
    assert before(now, [Step(1, 1, (), (Award("own", 5),))]) == {1: Standing(1, Counter({Award("other", 5): 1}))}
