"""Places on leaderboards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recognition.domain.insights import TOP, Place, Standing, placed


def standings(amounts: list[int]) -> list[Standing]:
    """Most first, as they are read."""
    return [Standing(f"p{n:03}", "", amount, 1) for n, amount in enumerate(sorted(amounts, reverse=True))]


def test_equals_share_a_rank_and_the_next_counts_all_before_it() -> None:
    places, _ = placed(standings([40, 30, 30, 20]), TOP)
    assert [place.rank for place in places] == [1, 2, 2, 4]


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(1, 7))
def test_ranks_do_not_depend_on_the_pages(amounts: list[int], size: int) -> None:
    all_of_them = standings(amounts)
    paged: list[Place] = []
    position = TOP
    for first in range(0, len(all_of_them), size):
        places, position = placed(all_of_them[first : first + size], position)
        paged += places
    assert paged == placed(all_of_them, TOP)[0]
    assert [place.rank for place in paged] == [
        1 + sum(other.amount > one.amount for other in all_of_them) for one in all_of_them
    ]
