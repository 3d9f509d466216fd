"""People as a CSV file, such as a personnel department exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from google.type.date_pb2 import Date

from guerdon.recognition.v1.organisations_pb2 import Person
from guerdon_cli.imports.recognition_files import FileMalformed, read_rows, split

FIELDS: Mapping[str, str] = {
    "display_name": "display_name",
    "email": "user_name",
    "manager": "manager",
    "teams": "teams",
    "country": "country",
    "start_date": "start_date",
    "birthday": "birthday",
}
"""The columns beside `id`, and what of a person each says."""


def read_people(file: Path, organisation: str) -> tuple[list[tuple[int, Person]], list[str]]:
    """The people of a file by the numbers of their rows, managers before those who report to them; and which fields of
    people the file says.

    Raises:
        FileMalformed: it cannot be read, names somebody twice, or people report to each other in a circle.
    """
    rows = list(read_rows(file, ("id", *FIELDS), frozenset({"id"})))
    people: dict[str, tuple[int, Person]] = {}
    for number, row in rows:
        if row["id"] in people:
            raise FileMalformed(f"{file}: row {number}: {row['id']} is in row {people[row['id']][0]} already")
        try:
            people[row["id"]] = number, _person(row, organisation)
        except ValueError as error:
            raise FileMalformed(f"{file}: row {number}: {error}") from error
    managers = {row["id"]: row.get("manager", "") for _, row in rows}
    said = [field for column, field in FIELDS.items() if rows and column in rows[0][1]]
    return [people[person] for person in _managers_first(file, managers)], said


def _managers_first(file: Path, managers: Mapping[str, str]) -> Sequence[str]:
    ordered: dict[str, None] = {}
    for person in managers:
        way: list[str] = []
        above = person
        while above in managers and above not in ordered:
            if above in way:
                raise FileMalformed(f"{file}: {above} reports to themselves, over {', '.join(way)}")
            way.append(above)
            above = managers[above]
        ordered |= dict.fromkeys(reversed(way))
    return list(ordered)


def _person(row: Mapping[str, str], organisation: str) -> Person:
    manager = row.get("manager", "")
    found = Person(
        name=f"{organisation}/people/{row['id']}",
        display_name=row.get("display_name", ""),
        user_name=row.get("email", ""),
        manager=f"{organisation}/people/{manager}" if manager else "",
        teams=[f"{organisation}/teams/{team}" for team in split(row.get("teams", ""))],
        country=row.get("country", ""),
    )
    if row.get("start_date"):
        day = date.fromisoformat(row["start_date"])
        found.start_date.CopyFrom(Date(year=day.year, month=day.month, day=day.day))
    if row.get("birthday"):
        found.birthday.CopyFrom(_birthday(row["birthday"]))
    return found


def _birthday(text: str) -> Date:
    """A day of the year; the year of a whole date is left out."""
    month, day = map(int, text.split("-")[-2:])
    return Date(month=month, day=day)
