"""What edits give and take: always as much as somebody has less than the recognition says, or more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given

from recognition.domain.gifts import GiftKind
from recognition.domain.recognitions import Draft, Visibility
from recognition.domain.takings import Gift, Taking, give_for_edit, take_all, take_for_edit

PEOPLE = ("ben", "cleo", "dan")
_SAYS = st.tuples(st.sets(st.sampled_from(PEOPLE), min_size=1), st.integers(1, 40))
_SPENT = st.fixed_dictionaries({person: st.integers(0, 40) for person in PEOPLE})


def says(receivers: Sequence[str], amount: int) -> Draft:
    return Draft("o", "ann", tuple(receivers), amount, "Thanks", (), Visibility.PUBLIC)


def gift(receiver: str, left: int, *, posts: int = 1, kind: GiftKind = GiftKind.GIVEN, change: str = "c") -> Gift:
    return Gift(change, 0, kind, "ann", receiver, left, posts, "t")


class Books:
    """A ledger that takes back what is unspent, and the movements, as the service keeps them."""

    def __init__(self) -> None:
        self.gifts: list[Gift] = []
        self.unspent: dict[str, int] = {}
        self.cost = 0
        self.edits = 0

    def give(self, more: dict[str, int], thanked: Sequence[str]) -> None:
        for receiver, amount in more.items():
            assert amount > 0
            change = f"{self.edits}-{receiver}"
            self.gifts.append(gift(receiver, amount, posts=int(receiver not in thanked), change=change))
            self.unspent[change] = amount
            self.cost += amount

    def take(self, takings: Sequence[Taking]) -> None:
        for taking in takings:
            assert 0 <= taking.amount <= taking.gift.left
            place = self.gifts.index(taking.gift)
            recovered = min(taking.amount, self.unspent[taking.gift.change])
            self.unspent[taking.gift.change] -= recovered
            self.cost -= recovered
            left = taking.gift.left - recovered
            self.gifts[place] = replace(taking.gift, left=left, posts=taking.gift.posts - taking.posts)

    def edit(self, before: Sequence[str], after: Draft) -> None:
        self.edits += 1
        more = give_for_edit(after, self.gifts)
        takings = take_for_edit(
            after, self.gifts
        )  # of what was there when it was taken in: an edit has one or the other
        assert not {one.gift.receiver for one in takings if one.amount} & set(more)
        self.give(more, before)
        takings = take_for_edit(after, self.gifts)
        assert len({(one.gift.change, one.gift.ordinal) for one in takings}) == len(takings)
        self.take(takings)

    def spend(self, wanted: dict[str, int]) -> None:
        for change in self.unspent:
            spent = min(wanted[change.partition("-")[2]], self.unspent[change])
            wanted[change.partition("-")[2]] -= spent
            self.unspent[change] -= spent

    def has(self) -> Counter[str]:
        return Counter({person: sum(one.left for one in self.gifts if one.receiver == person) for person in PEOPLE})


@given(first=_SAYS, edits=st.lists(st.tuples(_SPENT, _SAYS), max_size=12))
def test_whoever_spends_what_has_what_the_recognition_says_or_what_could_not_be_taken(
    first: tuple[set[str], int], edits: list[tuple[dict[str, int], tuple[set[str], int]]]
) -> None:
    books, draft = Books(), says(sorted(first[0]), first[1])
    books.edit((), draft)
    for spent, (receivers, amount) in edits:
        books.spend(dict(spent))
        held, before = books.has(), draft
        draft = says(sorted(receivers), amount)
        could_not = Counter(held)
        for change, left in books.unspent.items():
            could_not[change.partition("-")[2]] -= left
        books.edit(before.receivers, draft)
        for person in PEOPLE:
            wanted = amount if person in receivers else 0
            assert books.has()[person] == max(wanted, could_not[person])
            posts = sum(one.posts for one in books.gifts if one.receiver == person)
            assert posts == (person in receivers), "thanked once by who is thanked"
        assert books.cost == sum(books.has().values()) >= 0, "the giver pays what they have, and nothing twice"
    books.take(take_all(books.gifts))
    assert not any(books.unspent.values()), "all that is there comes back in the end"


def test_an_edit_gives_what_is_less_than_it_says() -> None:
    gifts = [gift("ben", 30), gift("ben", 7, kind=GiftKind.ADD_ON), gift("cleo", 10)]
    assert give_for_edit(says(["ben", "cleo", "dan"], 25), gifts) == {"cleo": 15, "dan": 25}


def test_an_edit_takes_what_is_more_than_it_says_of_the_newest_gifts_and_of_who_leaves_all() -> None:
    old, new = gift("ben", 10), gift("ben", 20, posts=0)
    gone, added = gift("cleo", 10), gift("cleo", 7, kind=GiftKind.ADD_ON)
    takings = take_for_edit(says(["ben"], 5), [old, gone, added, new])
    assert takings == [Taking(gone, 10, 1), Taking(added, 7, 1), Taking(new, 20, 0), Taking(old, 5, 0)]


def test_who_is_back_with_what_could_not_be_taken_is_thanked_again_without_a_gift() -> None:
    spent = gift("ben", 30, posts=0)
    assert give_for_edit(says(["ben"], 30), [spent]) == {}
    assert take_for_edit(says(["ben"], 30), [spent]) == [Taking(spent, 0, -1)]
    assert take_for_edit(says(["ben"], 31), [spent]) == []
