"""Who may give what to whom, and who sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from guerdon_kit.errors import InvalidField
from recognition.domain.errors import IdentityTaken, SelfGiving
from recognition.domain.organisations import Organisation
from recognition.domain.people import NewPerson, check_people
from recognition.domain.profiles import Profile
from recognition.domain.recognitions import Draft, Recognition, State, Visibility

NOW = datetime(2026, 11, 21, tzinfo=UTC)

UMBRELLA = Organisation(
    id="umbrella",
    display_name="Umbrella",
    program="umbrella-points",
    unit="points",
    time_zone="Europe/London",
    values=("#teamwork", "#care"),
    create_time=NOW,
)
THANKS = Draft(
    organisation="umbrella",
    giver="ann",
    receivers=("ben", "cleo", "dan"),
    amount=50,
    message="Thank you",
    values=("#teamwork",),
    visibility=Visibility.PUBLIC,
)


def test_the_giver_is_debited_for_every_receiver() -> None:
    # Oracle: Bonusly, 50 points to each of 3 people: 150 debited, or nothing.
    assert THANKS.total == 150
    THANKS.check(UMBRELLA)


def test_nobody_gives_to_themselves() -> None:
    with pytest.raises(SelfGiving) as refusal:
        replace(THANKS, receivers=("ben", "ann")).check(UMBRELLA)
    assert refusal.value.metadata == {"person": "organisations/umbrella/people/ann"}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"receivers": ()}, ["recognition.receivers"]),
        ({"receivers": tuple(f"p{n}" for n in range(101))}, ["recognition.receivers"]),
        ({"receivers": ("ben", "cleo", "ben")}, ["recognition.receivers[2]"]),
        ({"amount": 0}, ["recognition.amount"]),
        ({"amount": -5}, ["recognition.amount"]),
        ({"amount": 2**53 // 3 + 1}, ["recognition.amount"]),
        ({"message": "x" * 2001}, ["recognition.message"]),
        ({"message": "a\0b"}, ["recognition.message"]),
        ({"values": ("#speed",)}, ["recognition.values[0]"]),
        ({"values": ("#care", "#care")}, ["recognition.values[1]"]),
        ({"values": ("#care",) * 11}, ["recognition.values", *[f"recognition.values[{n}]" for n in range(1, 10)]]),
    ],
)
def test_a_recognition_out_of_bounds_names_its_fields(change: dict[str, object], fields: list[str]) -> None:
    with pytest.raises(InvalidField) as refusal:
        replace(THANKS, **change).check(UMBRELLA)  # type: ignore[arg-type]  # the table is of many types
    assert [violation.field for violation in refusal.value.violations] == fields


def test_the_largest_recognition_is_allowed() -> None:
    replace(THANKS, amount=2**53 // 100, receivers=tuple(f"p{n}" for n in range(100))).check(UMBRELLA)


@pytest.mark.parametrize(
    ("visibility", "viewer", "seen"),
    [
        (Visibility.PUBLIC, None, True),
        (Visibility.PUBLIC, "eve", True),
        (Visibility.PRIVATE, None, False),
        (Visibility.PRIVATE, "eve", False),
        (Visibility.PRIVATE, "ann", True),
        (Visibility.PRIVATE, "cleo", True),
    ],
)
def test_what_is_private_is_seen_by_those_concerned_only(
    visibility: Visibility, viewer: str | None, seen: bool
) -> None:
    posted = _recognition(replace(THANKS, visibility=visibility), State.POSTED)
    assert posted.seen_by(viewer) is seen


@pytest.mark.parametrize("state", [State.PENDING, State.REFUSED])
def test_a_recognition_exists_for_nobody_before_its_points_have_moved(state: State) -> None:
    assert not _recognition(THANKS, state).seen_by("ann")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"id": "Umbrella"}, ["organisation.name"]),
        ({"id": "u.k"}, ["organisation.name"]),
        ({"id": "u" * 25}, ["organisation.name"]),
        ({"display_name": "x" * 201}, ["organisation.display_name"]),
        ({"values": tuple(f"#v{n}" for n in range(51))}, ["organisation.values"]),
        ({"values": ("#a", "teamwork", "#a")}, ["organisation.values[1]", "organisation.values[2]"]),
    ],
)
def test_an_organisation_out_of_bounds_names_its_fields(change: dict[str, object], fields: list[str]) -> None:
    UMBRELLA.check()
    with pytest.raises(InvalidField) as refusal:
        replace(UMBRELLA, **change).check()  # type: ignore[arg-type]  # the table is of many types
    assert [violation.field for violation in refusal.value.violations] == fields


def test_the_budget_account_of_the_longest_names_is_an_id_of_the_ledger() -> None:
    longest = replace(UMBRELLA, id="u" * 24, unit="p" * 30)
    assert len(longest.budget_account.removeprefix("programs/umbrella-points/accounts/")) <= 63


def test_people_have_accounts_of_their_own_that_are_always_the_same() -> None:
    ann, ben = NewPerson("umbrella", "ann", Profile("Ann", "")), NewPerson("umbrella", "ben", Profile("Ben", ""))
    elsewhere = NewPerson("initech", "ann", Profile("Ann", ""))
    accounts = {
        account
        for person in (ann, ben, elsewhere)
        for account in (person.allowance_account_id, person.rewards_account_id)
    }
    assert len(accounts) == 6
    assert all(len(account) <= 63 and account.replace("-", "").isalnum() for account in accounts)
    assert NewPerson("umbrella", "ann", Profile("Anna", "x|y")).allowance_account_id == ann.allowance_account_id


def test_people_out_of_bounds_name_their_fields() -> None:
    people = [
        NewPerson("umbrella", "ann", Profile("x" * 201, "")),
        NewPerson("umbrella", "ben", Profile("Ben", "no-issuer")),
        NewPerson("umbrella", "ann", Profile("Ann", "i|" + "s" * 400)),
    ]
    with pytest.raises(InvalidField) as refusal:
        check_people(people, "people[{index}]")
    assert [violation.field for violation in refusal.value.violations] == [
        "people[0].display_name",
        "people[1].identity",
        "people[2].identity",
        "people[2].name",
    ]


def test_two_people_added_together_have_two_identities() -> None:
    people = [NewPerson("umbrella", name, Profile(name, "issuer|same")) for name in ("ann", "ben")]
    with pytest.raises(IdentityTaken) as refusal:
        check_people(people, "people[{index}]")
    assert refusal.value.metadata == {"person": "organisations/umbrella/people/ben"}
    check_people([NewPerson("umbrella", name, Profile(name, "")) for name in ("ann", "ben")], "people[{index}]")


def _recognition(draft: Draft, state: State) -> Recognition:
    return Recognition("rc-1", draft, state, "someone", NOW, transactions=())
