"""Insights: proto in, operation, proto out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from guerdon.recognition.v1 import insights_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational
from guerdon_kit.names import parse
from recognition.domain.insights import Participants, Place
from recognition.domain.payouts import PayoutKind
from recognition.domain.people import person_name
from recognition.domain.tallies import Measure
from recognition.domain.taxable import RECOGNITION, REDEMPTION, TaxableBasis, TaxableValue
from recognition.operations.insights import Insights
from recognition.servicer.naming import ORGANISATION, acting, optional_person_id, optional_team_id

_MEASURES = {
    pb.MEASURE_GIVEN: Measure.GIVEN,
    pb.MEASURE_ADDED: Measure.ADDED,
    pb.MEASURE_RECEIVED: Measure.RECEIVED,
}

_BASES = {
    pb.TAXABLE_BASIS_UNSPECIFIED: TaxableBasis.RECEIVED,
    pb.TAXABLE_BASIS_RECEIVED: TaxableBasis.RECEIVED,
    pb.TAXABLE_BASIS_REDEEMED: TaxableBasis.REDEEMED,
}

_CATEGORIES = {
    RECOGNITION: pb.TAXABLE_CATEGORY_RECOGNITION,
    PayoutKind.AWARD.value: pb.TAXABLE_CATEGORY_AWARD,
    PayoutKind.CLAIM.value: pb.TAXABLE_CATEGORY_CLAIM,
    PayoutKind.CELEBRATION.value: pb.TAXABLE_CATEGORY_CELEBRATION,
    PayoutKind.ACHIEVEMENT.value: pb.TAXABLE_CATEGORY_ACHIEVEMENT,
    REDEMPTION: pb.TAXABLE_CATEGORY_REDEMPTION,
}


class InsightServicer:
    """`guerdon.recognition.v1.InsightService`."""

    service = pb.DESCRIPTOR.services_by_name["InsightService"]

    def __init__(self, insights: Insights) -> None:
        self._insights = insights

    async def list_leaderboard(
        self, request: pb.ListLeaderboardRequest, call: CallContext
    ) -> pb.ListLeaderboardResponse:
        """A leaderboard."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        measure = _MEASURES.get(request.measure)
        if measure is None:
            raise InvalidField.of("measure", "must be GIVEN, ADDED or RECEIVED")
        places, next_token = await self._insights.leaderboard(
            organisation,
            measure=measure,
            first=request.first_period,
            last=request.last_period,
            value=request.value,
            team=optional_team_id(request.team, organisation, "team"),
            by_team=request.by_team,
            everything=_everything(request.view),
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            acting=acting(call.caller),
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListLeaderboardResponse(
            entries=[_entry(organisation, place, by_team=request.by_team) for place in places],
            next_page_token=next_token,
        )

    async def get_participation(
        self, request: pb.GetParticipationRequest, call: CallContext
    ) -> pb.GetParticipationResponse:
        """A month's participation."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        found = await self._insights.participation(
            organisation,
            period=request.period,
            everything=_everything(request.view),
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            acting=acting(call.caller),
        )
        return pb.GetParticipationResponse(
            period=request.period,
            active_count=found.active,
            received=_participants(found.received, found.active),
            given=_participants(found.given, found.active),
            added=_participants(found.added, found.active),
        )

    async def get_giving_forecast(
        self, request: pb.GetGivingForecastRequest, call: CallContext
    ) -> pb.GetGivingForecastResponse:
        """What was given so far, and what it comes to."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        found = await self._insights.forecast(
            organisation,
            period=request.period,
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            acting=acting(call.caller),
        )
        return pb.GetGivingForecastResponse(
            period=request.period,
            given_amount=found.given,
            added_amount=found.added,
            elapsed=rational(found.elapsed),
            forecast_amount=found.amount,
        )

    async def export_taxable_values(
        self, request: pb.ExportTaxableValuesRequest, call: CallContext
    ) -> AsyncIterator[pb.ExportTaxableValuesResponse]:
        """What people received or redeemed, and what that is worth."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        basis = _BASES.get(request.basis)
        if basis is None:
            raise InvalidField.of("basis", "must be RECEIVED or REDEEMED")
        values = self._insights.taxable(
            organisation,
            first=request.first_period,
            last=request.last_period,
            basis=basis,
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            acting=acting(call.caller),
        )
        async with aclosing(values) as pages:
            async for page in pages:
                yield pb.ExportTaxableValuesResponse(rows=[_taxable(organisation, one) for one in page])

    async def list_unrecognised_people(
        self, request: pb.ListUnrecognisedPeopleRequest, call: CallContext
    ) -> pb.ListUnrecognisedPeopleResponse:
        """Who was not recognised."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        found, next_token = await self._insights.unrecognised(
            organisation,
            period=request.period,
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            acting=acting(call.caller),
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListUnrecognisedPeopleResponse(
            people=[
                pb.UnrecognisedPerson(person=person_name(organisation, person), display_name=display_name)
                for person, display_name in found
            ],
            next_page_token=next_token,
        )


def _taxable(organisation: str, value: TaxableValue) -> pb.TaxableValue:
    taxed = value.taxed
    return pb.TaxableValue(
        person=person_name(organisation, taxed.person),
        display_name=taxed.display_name,
        country=taxed.country,
        category=_CATEGORIES[taxed.category],
        amount=taxed.amount,
        minor_units=value.minor_units,
        currency_code=value.currency_code,
    )


def _everything(view: pb.InsightView.ValueType) -> bool:
    return view == pb.INSIGHT_VIEW_ALL


def _entry(organisation: str, place: Place, *, by_team: bool) -> pb.LeaderboardEntry:
    standing = place.standing
    entry = pb.LeaderboardEntry(
        rank=place.rank, display_name=standing.display_name, amount=standing.amount, count=standing.count
    )
    if by_team:
        entry.team = f"organisations/{organisation}/teams/{standing.holder}"
    else:
        entry.person = person_name(organisation, standing.holder)
    return entry


def _participants(found: Participants, active: int) -> pb.Participants:
    return pb.Participants(
        people_count=found.people, share=rational(found.share(active)), amount=found.amount, count=found.count
    )
