"""Files of people and of recognitions, as `guerdon import` sends them."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import error_from_status, new_request_id
from guerdon.recognition.v1 import imports_pb2 as pb
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon_cli.imports.people import ImportedPeople, import_people
from guerdon_cli.imports.people_files import read_people
from guerdon_cli.imports.recognition_files import FileMalformed, read_recognitions
from guerdon_cli.imports.recognitions import Imported, import_recognitions
from tests.contract.recognition.world import Employer, World

PEOPLE = """id,display_name,email,manager,teams,country,start_date,birthday
eve,Eve,eve@example.com,fay,east;west,DE,2020-02-29,02-29
fay,Fay,fay@example.com,,east,GB,,1980-12-31
"""
THANKS = """external_id,giver,receivers,amount,message,values,visibility,time
k-1,eve,fay,10,"Thank you, Fay",#care,public,2026-03-05T12:00:00Z
k-2,fay,eve;ann,5,Thanks,,private,2026-03-31T23:30:00+02:00
k-3,fay,nobody,5,Thanks,,,2026-03-31T23:30:00+02:00
"""


class Told:
    """What an import tells on its way."""

    def __init__(self) -> None:
        self.rows = 0
        self.refused: list[tuple[int, str]] = []

    def progress(self, rows: int) -> None:
        self.rows += rows

    def refusal(self, row: int, reason: str, _words: str) -> None:
        self.refused.append((row, reason))


@pytest.fixture
async def employer(world: World) -> Employer:
    return await world.employer(people=("ann",), granted=False)


def written(file: Path, text: str) -> Path:
    """The file with that content."""
    file.write_text(text, encoding="utf-8")
    return file


async def people(employer: Employer, file: Path, text: str) -> tuple[ImportedPeople, Told]:
    """What becomes of people in a file."""
    rows, fields = read_people(written(file, text), employer.name)
    told = Told()
    return await import_people(employer.admin, employer.name, rows, fields, told.progress, told.refusal), told


async def test_people_are_added_with_their_teams_and_managers_and_then_kept_up_to_date(
    employer: Employer, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    done, told = await people(employer, file, PEOPLE)
    assert (done, told.rows, told.refused) == (ImportedPeople(created=2), 2, [])
    eve = await employer.read_person("eve")
    assert (eve.manager, eve.user_name, eve.country) == (employer.person("fay"), "eve@example.com", "DE")
    assert [team.rpartition("/")[2] for team in eve.teams] == ["east", "west"]
    assert (eve.start_date.year, eve.birthday.year, eve.birthday.month, eve.birthday.day) == (2020, 0, 2, 29)
    assert await employer.earned("eve") == 0  # the accounts are there

    assert (await people(employer, file, PEOPLE))[0] == ImportedPeople(unchanged=2)
    changed = PEOPLE.replace("east;west", "west").replace("GB", "FR")
    assert (await people(employer, file, changed))[0] == ImportedPeople(updated=2)
    assert (await employer.read_person("eve")).teams == [f"{employer.name}/teams/west"]
    # What the file does not say stays as it is.
    assert (await people(employer, file, "id,display_name\neve,Evelyn\n"))[0] == ImportedPeople(updated=1)
    eve = await employer.read_person("eve")
    assert (eve.display_name, eve.user_name) == ("Evelyn", "eve@example.com")


async def test_a_batch_of_people_is_imported_whole_or_not_at_all(employer: Employer, tmp_path: Path) -> None:
    rows = PEOPLE + "ann,Ann,fay@example.com,,,,,\ngil,Gil,,zoe,,,,\nhal,Hal,,,,Germany,,\n"
    wrongs = [(5, "INVALID_FIELD"), (3, "USER_NAME_TAKEN"), (4, "NOT_FOUND")]
    mended = [rows, rows.replace("Germany", "DE"), rows.replace("Germany", "DE").replace("Ann,fay@", "Ann,ann@")]
    for wrong, text in zip(wrongs, mended, strict=True):
        done, told = await people(employer, tmp_path / "people.csv", text)
        assert (done, told.refused) == (ImportedPeople(refused=1), [wrong])
    listed = await employer.admin.organisations.ListPeople(orgs.ListPeopleRequest(parent=employer.name))
    assert [person.name for person in listed.people] == [employer.person("ann")]


async def test_people_who_report_to_each_other_in_a_circle_are_refused(employer: Employer) -> None:
    request = pb.ImportPeopleRequest(
        parent=employer.name,
        people=[
            orgs.Person(name=employer.person("gil"), manager=employer.person("hal")),
            orgs.Person(name=employer.person("hal"), manager=employer.person("gil")),
        ],
        update_mask=FieldMask(paths=["manager"]),
        request_id=new_request_id(),
    )
    answer = await employer.admin.imports.ImportPeople(request)
    assert {error_from_status(one.error).reason for one in answer.errors} == {"MANAGER_CYCLE"}
    request.people[0].manager = ""
    assert (await employer.admin.imports.ImportPeople(request)).created_count == 2


async def test_a_file_of_recognitions_is_imported_once(employer: Employer, tmp_path: Path) -> None:
    await people(employer, tmp_path / "people.csv", PEOPLE)
    file = written(tmp_path / "thanks.csv", THANKS)
    for expected in (Imported(2, 0, 1), Imported(0, 2, 1)):
        told = Told()
        done = await import_recognitions(
            employer.admin, employer.name, read_recognitions(file), told.progress, told.refusal
        )
        assert (done, told.rows, told.refused) == (expected, 3, [(3, "NOT_FOUND")])
    assert [await employer.earned(person) for person in ("ann", "eve", "fay")] == [5, 5, 10]
    assert [one.message for one in (await employer.feed(viewer="ann")).recognitions] == ["Thanks", "Thank you, Fay"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "external_id,giver\n",
        THANKS.replace("visibility", "seen_by"),
        THANKS.replace("public", "secret"),
        THANKS.replace(",10,", ",ten,"),
        THANKS.replace("Z\n", "\n"),
        THANKS.replace(",private", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    file = written(tmp_path / "thanks.csv", text)
    with pytest.raises(FileMalformed):
        list(read_recognitions(file))
