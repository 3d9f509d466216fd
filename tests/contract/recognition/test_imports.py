"""Recognitions that were given elsewhere, through the whole way of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import InvalidRequestError, PermissionDeniedError, error_from_status, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import limits_pb2 as limits
from guerdon.recognition.v1 import imports_pb2 as pb
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import teams_pb2 as teams
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.test_changes import edit
from tests.contract.recognition.world import Employer

THEN = datetime(2026, 3, 5, 12, tzinfo=UTC)


def row(external_id: str, giver: str, receivers: Sequence[str], amount: int, **more: object) -> pb.RecognitionRow:
    """A row of a file, public unless said otherwise."""
    found = pb.RecognitionRow(
        external_id=external_id,
        giver_id=giver,
        receiver_ids=receivers,
        amount=amount,
        message="Thank you",
        **{"visibility": recs.VISIBILITY_PUBLIC, **more},  # type: ignore[arg-type]  # the row's own fields
    )
    found.give_time.FromDatetime(THEN)
    return found


async def imported(
    employer: Employer, *chunks: Iterable[pb.RecognitionRow], request_id: str = ""
) -> list[pb.ImportRecognitionsResponse]:
    """What becomes of chunks that are sent in one stream."""

    async def requests() -> AsyncIterator[pb.ImportRecognitionsRequest]:
        first_row = 1
        for rows in map(list, chunks):
            yield pb.ImportRecognitionsRequest(
                parent=employer.name, request_id=request_id or new_request_id(), first_row=first_row, rows=rows
            )
            first_row += len(rows)

    return [answer async for answer in employer.admin.imports.ImportRecognitions(requests())]


def reasons(answer: pb.ImportRecognitionsResponse) -> dict[int, str]:
    """What rows were refused for, by their numbers."""
    return {one.row: error_from_status(one.error).reason for one in answer.errors}


async def limit_budget(employer: Employer, limit: int) -> None:
    """Bounds how far the organisation's budget may go below zero."""
    budget = (
        await employer.admin.organisations.GetOrganisation(orgs.GetOrganisationRequest(name=employer.name))
    ).organisation.budget_account
    await employer.bank.ledger.SetCreditLimit(
        limits.SetCreditLimitRequest(name=budget, credit_limit=limit, reason="a test", request_id=new_request_id())
    )


async def test_history_is_booked_from_the_budget_as_of_the_time_when_it_was_given(employer: Employer) -> None:
    [answer] = await imported(employer, [row("a", "ann", ["ben", "cleo"], 30, values=["#care"])])
    assert (answer.imported_count, answer.already_imported_count, reasons(answer)) == (1, 0, {})
    assert await employer.left("ann") == 200
    assert [await employer.earned(person) for person in ("ben", "cleo")] == [30, 30]
    [given] = (await employer.feed()).recognitions
    assert (given.giver, list(given.values), given.create_time.ToDatetime(UTC)) == (
        employer.person("ann"),
        ["#care"],
        THEN,
    )
    account = (await employer.read_person("ben")).rewards_account
    [entry] = (await employer.bank.ledger.ListEntries(ledger.ListEntriesRequest(parent=account))).entries
    assert entry.effective_time.ToDatetime(UTC) == THEN
    assert entry.counterparty == f"{employer.program}/accounts/budget.points.{employer.name.partition('/')[2]}"


async def test_an_external_id_counts_once_in_whichever_chunk_it_comes(employer: Employer) -> None:
    rows = [row("a", "ann", ["ben"], 5), row("b", "ben", ["ann"], 7)]
    first, again = await imported(employer, rows, [*rows, row("c", "cleo", ["dan"], 1)])
    assert (first.imported_count, again.imported_count, again.already_imported_count) == (2, 1, 2)
    assert again.first_row == 3
    assert await employer.earned("ben") == 5
    assert len((await employer.feed()).recognitions) == 3


async def test_a_chunk_sent_again_is_answered_as_the_first_time(employer: Employer) -> None:
    rows = [row("a", "ann", ["ben"], 5), row("b", "ann", ["nobody"], 5)]
    [first] = await imported(employer, rows, request_id="chunk")
    [again] = await imported(employer, rows, request_id="chunk")
    assert again.replayed
    again.replayed = False
    assert again == first
    assert await employer.earned("ben") == 5


async def test_what_is_wrong_with_a_row_does_not_touch_the_others(employer: Employer) -> None:
    await imported(employer, [row("taken", "ann", ["ben"], 5)])
    late = row("late", "ann", ["ben"], 1)
    late.give_time.FromDatetime(datetime(2999, 1, 1, tzinfo=UTC))
    [answer] = await imported(
        employer,
        [
            row("good", "ann", ["cleo"], 3),
            row("taken", "ann", ["ben"], 6),
            row("self", "ann", ["ann"], 6),
            row("unknown", "ann", ["eve"], 6),
            row("", "ann", ["ben"], 6),
            row("good", "ann", ["dan"], 3),
            row("value", "ann", ["ben"], 6, values=["#none"]),
            row("visibility", "ann", ["ben"], 6, visibility=recs.VISIBILITY_UNSPECIFIED),
            late,
            row("giver", "a\0b", ["ben"], 6),
            row("receiver", "ann", ["ben", "a\0b"], 6),
        ],
    )
    assert (answer.imported_count, answer.already_imported_count) == (1, 0)
    assert reasons(answer) == {
        2: "EXTERNAL_ID_REUSED",
        3: "SELF_GIVING",
        4: "NOT_FOUND",
        **dict.fromkeys(range(5, 12), "INVALID_FIELD"),
    }
    assert await employer.earned("cleo") == 3


async def test_what_the_ledger_refuses_is_booked_for_none_and_can_be_imported_later(employer: Employer) -> None:
    await limit_budget(employer, 4 * 200 + 20)  # beside the allowances of four people
    rows = [row("a", "ann", ["ben"], 5), row("b", "ann", ["ben", "cleo"], 8), row("c", "ann", ["dan"], 9)]
    [answer] = await imported(employer, rows)
    assert (answer.imported_count, reasons(answer)) == (2, {2: "IMPORT_REFUSED"})
    assert error_from_status(answer.errors[0].error).metadata == {"ledger_reason": "BUDGET_EXHAUSTED"}
    assert [await employer.earned(person) for person in ("ben", "cleo", "dan")] == [5, 0, 9]
    await limit_budget(employer, 4 * 200 + 100)
    [answer] = await imported(employer, rows)
    assert (answer.imported_count, answer.already_imported_count, reasons(answer)) == (1, 2, {})
    assert [await employer.earned(person) for person in ("ben", "cleo", "dan")] == [13, 8, 9]


async def test_of_many_rows_those_that_the_ledger_refuses_are_told_and_the_others_booked(employer: Employer) -> None:
    await limit_budget(employer, 4 * 200 + 300)
    rows = [row(f"n-{number}", "ann", [("ben",), ("ben", "cleo")][number % 2], 1) for number in range(100)]
    for number in (0, 17, 40, 41, 99):
        rows[number].amount = 1000
    [answer] = await imported(employer, rows)
    assert (answer.imported_count, reasons(answer)) == (
        95,
        dict.fromkeys((1, 18, 41, 42, 100), "IMPORT_REFUSED"),
    )
    assert [await employer.earned(person) for person in ("ben", "cleo")] == [95, 47]


async def test_what_was_for_a_team_is_seen_by_who_is_in_it_now(employer: Employer) -> None:
    for name in ("east", "west"):
        await employer.admin.teams.CreateTeam(
            teams.CreateTeamRequest(
                team=teams.Team(name=f"{employer.name}/teams/{name}", display_name=name), request_id=new_request_id()
            )
        )
    team = recs.VISIBILITY_TEAM
    rows = [
        row("said", "ann", ["ben"], 1, visibility=team, team_ids=["east", "west"]),
        row("nobody", "ann", ["ben"], 1, visibility=team),
        row("unknown", "ann", ["ben"], 1, visibility=team, team_ids=["north"]),
        row("named", "ann", ["ben"], 1, team_ids=["east", "east"]),
    ]
    [answer] = await imported(employer, rows)
    assert (answer.imported_count, reasons(answer)) == (2, {2: "INVALID_FIELD", 3: "NOT_FOUND"})
    assert [len((await employer.feed(viewer=viewer)).recognitions) for viewer in ("ann", "ben", "dan")] == [2, 2, 1]
    await employer.admin.organisations.UpdatePerson(
        orgs.UpdatePersonRequest(
            person=orgs.Person(name=employer.person("dan"), teams=[f"{employer.name}/teams/east"]),
            update_mask=FieldMask(paths=["teams"]),
            request_id=new_request_id(),
        )
    )
    seen = (await employer.feed(viewer="dan")).recognitions
    assert {tuple(one.rpartition("/")[2] for one in shown.teams) for shown in seen} == {("east", "west"), ("east",)}
    [other] = await imported(employer, [row("said", "ann", ["ben"], 1, visibility=team, team_ids=["east"])])
    assert reasons(other) == {1: "EXTERNAL_ID_REUSED"}


async def test_what_was_public_and_comes_to_be_for_teams_is_for_those_of_its_receivers_then(employer: Employer) -> None:
    await imported(employer, [row("all", "ann", ["ben"], 1)])
    [shown] = (await employer.feed()).recognitions
    with pytest.raises(InvalidRequestError):
        await edit(employer, shown, "visibility", visibility=recs.VISIBILITY_TEAM)
    awarding = await Awarding.of(employer, 0)
    east = f"{employer.name}/teams/east"
    await employer.admin.teams.CreateTeam(
        teams.CreateTeamRequest(team=teams.Team(name=east, display_name="East"), request_id=new_request_id())
    )
    for person in ("ben", "dan"):
        await awarding.join(person, east)
    edited, _ = await edit(employer, shown, "visibility", visibility=recs.VISIBILITY_TEAM)
    assert list(edited.teams) == [east]
    assert [len((await employer.feed(viewer=viewer)).recognitions) for viewer in ("ann", "dan", "cleo")] == [1, 1, 0]


async def test_an_import_takes_its_own_scope(employer: Employer) -> None:
    async def nothing() -> AsyncIterator[pb.ImportRecognitionsRequest]:
        # It is refused for its headers, and grpc's client may lose a refusal that its write meets.
        requests: list[pb.ImportRecognitionsRequest] = []
        for request in requests:
            yield request

    with pytest.raises(PermissionDeniedError):
        async for _ in employer.own_client("ann").imports.ImportRecognitions(nothing()):
            pass


async def test_a_chunk_has_its_bounds(employer: Employer) -> None:
    with pytest.raises(InvalidRequestError):
        await imported(employer, [row(f"r-{number}", "ann", ["ben"], 1) for number in range(1001)])
