"""Leaderboards and participation, through the whole way of a request."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from guerdon import Client, InvalidRequestError, PermissionDeniedError, new_request_id
from guerdon.recognition.v1 import insights_pb2 as pb
from guerdon.recognition.v1 import manager_budgets_pb2 as managers
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import teams_pb2 as teams
from guerdon.recognition.v1.organisations_pb2 import CountryValue
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_cli.taxable import write_taxable
from tests.contract.recognition.budgeting import Purse
from tests.contract.recognition.test_changes import edit
from tests.contract.recognition.world import Employer, World

READ = "recognition.insights.read"


def period() -> str:
    """The current month in UTC; the organisations of these tests are there."""
    return f"{datetime.now(UTC):%Y-%m}"


@pytest.fixture
async def employer(world: World) -> Employer:
    """Ann is an admin, ben a manager to whom cleo reports, and dan to her; some of what they gave is private."""
    made = await world.employer(time_zone="UTC")
    await change(made, "ann", role=orgs.ROLE_ADMIN)
    await change(made, "ben", role=orgs.ROLE_MANAGER)
    await change(made, "cleo", manager=made.person("ben"))
    await change(made, "dan", manager=made.person("cleo"))
    await made.give("ann", ["ben"], 30, values=["#care"])
    await made.give("ben", ["cleo"], 30)
    await made.give("dan", ["ann"], 10)
    await made.give("cleo", ["ben", "ann"], 5, private=True, values=["#care"])
    return made


async def change(employer: Employer, person: str, **fields: object) -> None:
    """Changes what is known of a person."""
    await employer.admin.organisations.UpdatePerson(
        orgs.UpdatePersonRequest(
            person=orgs.Person(name=employer.person(person), **fields),  # type: ignore[arg-type]  # its own fields
            update_mask=FieldMask(paths=list(fields)),
            request_id=new_request_id(),
        )
    )


async def board(
    employer: Employer, measure: pb.Measure.ValueType, client: Client | None = None, **more: object
) -> list[tuple[int, str, int, int]]:
    """A leaderboard: ranks, holders, points and counts."""
    request = pb.ListLeaderboardRequest(
        parent=employer.name,
        measure=measure,
        **{"first_period": period(), **more},  # type: ignore[arg-type]  # the request's own fields
    )
    answer = await (client or employer.admin).insights.ListLeaderboard(request)
    return [(one.rank, (one.person or one.team).rpartition("/")[2], one.amount, one.count) for one in answer.entries]


async def test_who_is_removed_and_back_was_recognised_once_though_they_had_spent_it(world: World) -> None:
    employer = await world.employer(time_zone="UTC")
    given = await employer.give("ann", ["ben", "cleo"], 30)
    await employer.redeem("ben", 20)
    await edit(employer, given, "receivers", receivers=["cleo"])
    assert await board(employer, pb.MEASURE_GIVEN) == [(1, "ann", 50, 1)]
    await edit(employer, given, "receivers", "amount", receivers=["cleo", "ben"], amount=15)
    assert await board(employer, pb.MEASURE_RECEIVED) == [(1, "ben", 20, 1), (2, "cleo", 15, 1)]
    assert await board(employer, pb.MEASURE_GIVEN) == [(1, "ann", 35, 2)]


async def test_peers_see_what_is_public_and_equals_share_a_rank(employer: Employer) -> None:
    client = employer.own_client("dan", READ)
    assert await board(employer, pb.MEASURE_GIVEN, client) == [(1, "ann", 30, 1), (1, "ben", 30, 1), (3, "dan", 10, 1)]
    assert await board(employer, pb.MEASURE_RECEIVED, client) == [
        (1, "ben", 30, 1),
        (1, "cleo", 30, 1),
        (3, "ann", 10, 1),
    ]
    assert await board(employer, pb.MEASURE_RECEIVED, client, value="#care") == [(1, "ben", 30, 1)]
    assert await board(employer, pb.MEASURE_ADDED, client) == []


async def test_what_is_private_counts_for_those_who_see_to_people(employer: Employer) -> None:
    everything: dict[str, Any] = {"view": pb.INSIGHT_VIEW_ALL}
    of_all = [(1, "ann", 30, 1), (1, "ben", 30, 1), (3, "cleo", 10, 2), (3, "dan", 10, 1)]
    assert await board(employer, pb.MEASURE_GIVEN, **everything) == of_all
    assert await board(employer, pb.MEASURE_GIVEN, employer.own_client("ann", READ), **everything) == of_all
    below = [(1, "cleo", 10, 2), (1, "dan", 10, 1)]
    assert await board(employer, pb.MEASURE_GIVEN, employer.own_client("ben", READ), **everything) == below
    with pytest.raises(PermissionDeniedError) as refusal:
        await board(employer, pb.MEASURE_GIVEN, employer.own_client("dan", READ), **everything)
    assert refusal.value.reason == "ROLE_REQUIRED"


async def test_a_leaderboard_is_paged_with_its_ranks(employer: Employer) -> None:
    for view in (pb.INSIGHT_VIEW_PUBLIC, pb.INSIGHT_VIEW_ALL):
        whole = await board(employer, pb.MEASURE_GIVEN, view=view)
        paged, token = [], ""
        while True:
            request = pb.ListLeaderboardRequest(
                parent=employer.name,
                measure=pb.MEASURE_GIVEN,
                first_period=period(),
                view=view,
                page_size=1,
                page_token=token,
            )
            answer = await employer.admin.insights.ListLeaderboard(request)
            paged += [(one.rank, one.person.rpartition("/")[2], one.amount, one.count) for one in answer.entries]
            token = answer.next_page_token
            if not token:
                break
        assert paged == whole


async def test_who_opted_out_or_left_is_on_no_leaderboard(employer: Employer) -> None:
    await change(employer, "ben", leaderboards_opt_out=True)
    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=employer.person("cleo"), request_id=new_request_id())
    )
    for view in (pb.INSIGHT_VIEW_PUBLIC, pb.INSIGHT_VIEW_ALL):
        assert [one[1] for one in await board(employer, pb.MEASURE_RECEIVED, view=view)] == ["ann"]


async def test_teams_are_compared_by_who_is_in_them_now(employer: Employer) -> None:
    names = [f"{employer.name}/teams/{team}" for team in ("east", "west")]
    for name in names:
        await employer.admin.teams.CreateTeam(
            teams.CreateTeamRequest(team=teams.Team(name=name, display_name=name), request_id=new_request_id())
        )
    await change(employer, "ann", teams=names[:1])
    await change(employer, "ben", teams=names[:1])
    await change(employer, "cleo", teams=names[1:])
    assert await board(employer, pb.MEASURE_RECEIVED, by_team=True) == [(1, "east", 40, 2), (2, "west", 30, 1)]
    assert await board(employer, pb.MEASURE_RECEIVED, team=names[1]) == [(1, "cleo", 30, 1)]
    with pytest.raises(InvalidRequestError):
        await board(employer, pb.MEASURE_RECEIVED, by_team=True, team=names[0])


async def test_several_months_are_summed_up_and_bounded(employer: Employer) -> None:
    year = int(period()[:4])
    whole = await board(employer, pb.MEASURE_GIVEN)
    assert await board(employer, pb.MEASURE_GIVEN, first_period=f"{year}-01", last_period=f"{year}-12") == whole
    assert await board(employer, pb.MEASURE_GIVEN, first_period=f"{year - 1}-12") == []
    for first, last in ((f"{year}-02", f"{year}-01"), (f"{year}-01", f"{year + 2}-01"), ("2026-13", ""), ("", "")):
        with pytest.raises(InvalidRequestError):
            await board(employer, pb.MEASURE_GIVEN, first_period=first, last_period=last)


async def test_participation_is_who_received_of_those_who_were_active_at_any_point(employer: Employer) -> None:
    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=employer.person("dan"), request_id=new_request_id())
    )
    request = pb.GetParticipationRequest(parent=employer.name, period=period())
    public = await employer.admin.insights.GetParticipation(request)
    assert public.active_count == 4
    assert (public.received.people_count, public.received.amount, public.received.count) == (3, 70, 3)
    assert Fraction(public.received.share.numerator, public.received.share.denominator) == Fraction(3, 4)
    assert (public.given.people_count, public.added.people_count) == (3, 0)
    request.view = pb.INSIGHT_VIEW_ALL
    everything = await employer.admin.insights.GetParticipation(request)
    assert (everything.received.amount, everything.given.people_count) == (80, 4)
    below = await employer.own_client("ben", READ).insights.GetParticipation(request)
    assert (below.active_count, below.received.people_count, below.given.people_count) == (2, 1, 2)
    request.period = "2020-01"
    assert (await employer.admin.insights.GetParticipation(request)).active_count == 0


async def test_who_was_employed_before_counts_from_their_first_day(employer: Employer) -> None:
    await change(employer, "ann", start_date=Date(year=2020, month=1, day=31))
    request = pb.GetParticipationRequest(parent=employer.name, period="2020-01")
    assert (await employer.admin.insights.GetParticipation(request)).active_count == 1
    request.period = "2019-12"
    assert (await employer.admin.insights.GetParticipation(request)).active_count == 0


async def test_managers_are_told_who_was_not_recognised(employer: Employer) -> None:
    request = pb.ListUnrecognisedPeopleRequest(parent=employer.name, period=period())
    for client in (employer.admin, employer.own_client("ann", READ), employer.own_client("ben", READ)):
        found = await client.insights.ListUnrecognisedPeople(request)
        assert [(one.person, one.display_name) for one in found.people] == [(employer.person("dan"), "Dan")]
    with pytest.raises(PermissionDeniedError):
        await employer.own_client("dan", READ).insights.ListUnrecognisedPeople(request)


async def test_a_forecast_goes_on_as_the_month_began(employer: Employer) -> None:
    request = pb.GetGivingForecastRequest(parent=employer.name, period=period())
    found = await employer.admin.insights.GetGivingForecast(request)
    elapsed = Fraction(found.elapsed.numerator, found.elapsed.denominator)
    assert (found.given_amount, found.added_amount) == (80, 0)
    assert 0 < elapsed < 1
    assert found.forecast_amount == (Fraction(80) / elapsed + Fraction(1, 2)) // 1
    below = await employer.own_client("ben", READ).insights.GetGivingForecast(request)
    assert below.given_amount == 20
    with pytest.raises(PermissionDeniedError):
        await employer.own_client("dan", READ).insights.GetGivingForecast(request)


async def test_what_is_taxable_is_told_by_person_country_and_category(employer: Employer) -> None:
    ten_cents = CountryValue(
        country="US", currency_code="USD", minor_units_per_point=Rational(numerator=10, denominator=1)
    )
    await employer.admin.organisations.UpdateOrganisation(
        orgs.UpdateOrganisationRequest(
            organisation=orgs.Organisation(name=employer.name, countries=[ten_cents]),
            update_mask=FieldMask(paths=["countries"]),
            request_id=new_request_id(),
        )
    )
    await change(employer, "ben", country="US")
    request = pb.ExportTaxableValuesRequest(parent=employer.name, first_period=period())
    rows = [row async for page in employer.admin.insights.ExportTaxableValues(request) for row in page.rows]
    assert [
        (row.person.rpartition("/")[2], row.country, row.amount, row.minor_units, row.currency_code) for row in rows
    ] == [("ann", "", 15, 0, ""), ("ben", "US", 35, 350, "USD"), ("cleo", "", 30, 0, "")]
    assert [row.HasField("minor_units") for row in rows] == [False, True, False]
    assert {row.category for row in rows} == {pb.TAXABLE_CATEGORY_RECOGNITION}
    for person, scope in (("ben", "recognition.taxable.export"), ("ann", READ)):
        with pytest.raises(PermissionDeniedError):
            async for _ in employer.own_client(person, scope).insights.ExportTaxableValues(request):
                pass


async def test_what_managers_award_is_taxable_as_an_award(employer: Employer) -> None:
    purse = Purse(employer)
    await purse.manage("ben", 500)
    await employer.grant()
    await purse.hand_out("ben", ["cleo", "dan"], 40)
    await purse.hand_out("ben", ["dan"], 40, use=managers.GRANT_USE_BOOST)  # to give, not to have
    request = pb.ExportTaxableValuesRequest(parent=employer.name, first_period=period())
    rows = [row async for page in employer.admin.insights.ExportTaxableValues(request) for row in page.rows]
    assert [
        (row.person.rpartition("/")[2], row.amount) for row in rows if row.category == pb.TAXABLE_CATEGORY_AWARD
    ] == [("cleo", 40), ("dan", 40)]


async def test_taxable_values_are_written_as_csv_whose_cells_are_no_formulas(employer: Employer) -> None:
    await change(employer, "ben", display_name="=HYPERLINK(1)", country="US")
    await change(employer, "cleo", display_name='Cleo, "the" cat')
    request = pb.ExportTaxableValuesRequest(parent=employer.name, first_period=period())
    file = io.StringIO()
    await write_taxable(employer.admin, request, file)
    file.seek(0)
    assert list(csv.reader(file)) == [
        ["person", "display_name", "country", "category", "points", "minor_units", "currency_code"],
        ["ann", "Ann", "", "recognition", "15", "", ""],
        ["ben", "'=HYPERLINK(1)", "US", "recognition", "35", "", ""],
        ["cleo", 'Cleo, "the" cat', "", "recognition", "30", "", ""],
    ]
    request.basis = pb.TAXABLE_BASIS_REDEEMED
    request.last_period = "2020-01"
    with pytest.raises(InvalidRequestError):
        await write_taxable(employer.admin, request, file)
