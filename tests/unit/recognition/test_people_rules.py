"""Who reports to whom, and what points are worth."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from guerdon_kit.errors import NotFound
from recognition.domain.countries import CountryValue
from recognition.domain.errors import ManagerCycle, UserNameTaken
from recognition.domain.people import NewPerson, check_manager, check_people
from recognition.domain.profiles import Birthday, Profile


def people(**managers: str) -> list[NewPerson]:
    return [NewPerson("umbrella", name, Profile(name, manager=manager)) for name, manager in managers.items()]


def test_people_who_are_added_together_may_report_to_each_other_but_not_in_a_circle() -> None:
    check_people(people(ann="ben", ben="cleo", cleo="elsewhere"), "people[{index}]")
    for circle in (people(ann="ann"), people(zoe="ann", ann="ben", ben="ann")):
        with pytest.raises(ManagerCycle):
            check_people(circle, "people[{index}]")


def test_a_manager_exists_and_does_not_report_to_the_person() -> None:
    above = {"cleo": "ben", "ben": "ann", "ann": ""}
    check_manager("umbrella", "dan", "cleo", above)
    for person in above:
        with pytest.raises(ManagerCycle):
            check_manager("umbrella", person, "cleo", above)
    with pytest.raises(NotFound):
        check_manager("umbrella", "dan", "eve", {})


def test_two_people_added_together_do_not_sign_in_alike() -> None:
    alike = [NewPerson("umbrella", name, Profile(name, user_name=name)) for name in ("Ann", "aNN")]
    with pytest.raises(UserNameTaken):
        check_people(alike, "people[{index}]")


@pytest.mark.parametrize(
    ("profile", "fields"),
    [
        (Profile("Ann", birthday=Birthday(2, 29), start_date=date(2024, 2, 29), country="GB"), []),
        (Profile("Ann", birthday=Birthday(2, 30)), ["p.birthday"]),
        (Profile("Ann", birthday=Birthday(0, 0)), ["p.birthday"]),
        (Profile("Ann", start_date=date.min), ["p.start_date"]),
        (Profile("Ann", country="GBR"), ["p.country"]),
        (Profile("Ann", country="GB\n"), ["p.country"]),
        (Profile("Ann", user_name="x" * 255), ["p.user_name"]),
        (Profile("Ann", teams=("a", "b", "a")), ["p.teams[2]"]),
        (Profile("Ann", teams=tuple(map(str, range(51)))), ["p.teams"]),
    ],
)
def test_a_profile_out_of_bounds_names_its_fields(profile: Profile, fields: list[str]) -> None:
    assert [violation.field for violation in profile.violations("p")] == fields


def test_points_are_worth_what_the_country_says() -> None:
    # Oracle: Assembly, $1 = 10 points, so that 1,000 points are $100.
    assert CountryValue("US", "USD", Fraction(10)).worth(1000) == 100_00
    assert [CountryValue("JP", "JPY", Fraction(1, 2)).worth(points) for points in (0, 1, 2, 3)] == [0, 1, 1, 2]
