"""Recognition's workload: a year of an organisation, then its feed and leaderboards beside empty calls."""

from __future__ import annotations

import asyncio
import csv
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import asyncpg
from google.protobuf.field_mask_pb2 import FieldMask

import guerdon
from guerdon import new_request_id
from guerdon.recognition.v1.imports_pb2 import ImportPeopleRequest
from guerdon.recognition.v1.organisations_pb2 import CreateOrganisationRequest, Organisation, Person
from guerdon_cli.bench.bed import Service, now_and_then
from guerdon_cli.bench.course import Course
from guerdon_cli.bench.figures import Measurement
from guerdon_cli.bench.plan import Shape
from guerdon_cli.bench.programs import TIMEOUT_S, open_program
from guerdon_cli.bench.requests import ORGANISATION, UNIT, VALUES
from guerdon_cli.imports.recognition_files import COLUMNS, read_recognitions
from guerdon_cli.imports.recognitions import Imported, import_recognitions
from guerdon_cli.stack import StackError

PEOPLE_AT_ONCE = 1_000
STREAM_S = 4 * 3600.0
YEAR = timedelta(days=365)
SEED = 20_260
WORDS = ("thank", "you", "for", "helping", "with", "the", "release", "customer", "long", "night", "before", "deadline")


def run(course: Course) -> None:
    """Loads `course.length` people and recognitions, and reads. Raises StackError, guerdon.GuerdonError."""
    with course.ledger("recognition") as ledger, course.bed.over(ledger, "recognition") as recognition:
        program = open_program(ledger, 0)
        file = write_year(
            course.bed.logs / "recognitions.csv",
            people=course.length.employees,
            rows=course.length.recognitions,
            end=datetime.now(UTC),
        )
        asyncio.run(_loaded(course, recognition, program, file))
        _measured(course, recognition)


def write_year(file: Path, *, people: int, rows: int, end: datetime) -> Path:
    """Writes a file of so many recognitions between so many people in the year before `end`, oldest first, as
    `guerdon import recognitions` reads it: the same one for the same numbers. Every twelfth is private, every fifth
    goes to two people, and some people are thanked much more often than others.
    """
    chance = random.Random(SEED)
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        for number in range(rows):
            giver = chance.randrange(people)
            # Squared: the first tenth of the people receives a third of it all.
            receivers = {int(people * chance.random() ** 2) for _ in range(1 + (number % 5 == 0))} - {giver}
            writer.writerow(
                {
                    "external_id": f"k-{number}",
                    "giver": f"p{giver}",
                    "receivers": ";".join(f"p{one}" for one in sorted(receivers or {(giver + 1) % people})),
                    "amount": chance.choice((5, 10, 20, 25, 50)),
                    "message": " ".join(chance.choices(WORDS, k=12)),
                    "values": chance.choice(VALUES),
                    "visibility": "private" if number % 12 == 0 else "public",
                    "time": (end - YEAR * (rows - number) / rows).isoformat(timespec="seconds"),
                }
            )
    return file


async def _loaded(course: Course, recognition: Service, program: str, file: Path) -> None:
    length = course.length
    options = {"token": recognition.bed.token, "timeout_seconds": TIMEOUT_S, "stream_timeout_seconds": STREAM_S}
    async with guerdon.Client(recognition.target, **options) as client:  # type: ignore[arg-type]  # its own options
        await _found(client, program, length.employees)
        tell = now_and_then(course.bed.report)
        done = 0

        def told(rows: int) -> None:
            nonlocal done
            done += rows
            tell(f"recognition: {done:,} of {length.recognitions:,} imported")

        began = time.monotonic()
        found = await import_recognitions(client, ORGANISATION, read_recognitions(file), told, _refused)
        if found != Imported(imported=length.recognitions):
            raise StackError(f"the import came to {found}")
        course.facts["recognitions_per_s"] = round(length.recognitions / (time.monotonic() - began))
    database = await asyncpg.connect(recognition.service.database.owner_url)
    try:
        await database.execute("vacuum analyze")  # as autovacuum has done to tables that were filled in a year
    finally:
        await database.close()


def _refused(row: int, reason: str, words: str) -> None:
    raise StackError(f"row {row} was refused: {words} ({reason})")


async def _found(client: guerdon.Client, program: str, people: int) -> None:
    made = Organisation(
        name=ORGANISATION,
        display_name="Bench",
        unit=f"{program}/units/{UNIT}",
        time_zone="Europe/London",
        values=VALUES,
    )
    await client.organisations.CreateOrganisation(
        CreateOrganisationRequest(organisation=made, request_id=new_request_id())
    )
    everybody = [
        Person(name=f"{ORGANISATION}/people/p{number}", display_name=f"Person {number}") for number in range(people)
    ]
    for first in range(0, people, PEOPLE_AT_ONCE):
        request = ImportPeopleRequest(
            parent=ORGANISATION,
            people=everybody[first : first + PEOPLE_AT_ONCE],
            update_mask=FieldMask(paths=["display_name"]),
            request_id=new_request_id(),
        )
        answer = await client.imports.ImportPeople(request)
        assert answer.created_count == len(request.people), answer


def _measured(course: Course, recognition: Service) -> None:
    """Pages of the feed and leaderboards, and empty calls of a bare server, one at a time."""
    p99: dict[str, list[float]] = {"feed": [], "leaderboard": [], "echo": []}
    alone = {"members": course.length.employees, "in_flight": 1, "calls": 1_000, "repeats": True}
    with course.bed.echo(1) as (bare, server):
        empty = course.plan(recognition, Shape.ECHO, "", target=bare, **alone)
        for _ in range(course.length.rounds):
            for shape in (Shape.FEED, Shape.LEADERBOARD):
                plan = course.plan(recognition, shape, ORGANISATION, **alone)
                p99[shape].append(course.measure(shape, recognition, plan).p99_ms)
            run = course.bed.run(server, [empty])
            echo = Measurement.of("echo", empty, run, workers=1, clients=1)
            course.keep(echo)
            p99["echo"].append(echo.p99_ms)
    for name in ("feed", "leaderboard"):
        course.facts[f"{name}_vs_echo_p99"] = round(median(p99[name]) / median(p99["echo"]), 2)
