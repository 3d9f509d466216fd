"""Achievements: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import achievements_pb2 as pb
from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.grpc.status import to_status
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.achievements import BATCH_MAX, Achievement, Asked, Source
from recognition.domain.award_budgets import budget_name
from recognition.domain.people import person_name
from recognition.operations.achievements import Achievements, Recorded
from recognition.servicer.naming import (
    ORGANISATION,
    acting,
    budget_id,
    optional_person_id,
    owned_id,
    person_id,
    tell_replay,
)
from recognition.servicer.payouts import write_payout

_SOURCE = "organisations/{organisation}/achievementSources/{achievement_source}"
_ACHIEVEMENT = f"{_SOURCE}/achievements/{{achievement}}"
_METHOD = "RecordAchievement"
"""Whose requests these are, whether they come alone or many together."""


class AchievementServicer:
    """`guerdon.recognition.v1.AchievementService`."""

    service = pb.DESCRIPTOR.services_by_name["AchievementService"]

    def __init__(self, clock: Clock, achievements: Achievements) -> None:
        self._clock = clock
        self._achievements = achievements

    async def create_achievement_source(
        self, request: pb.CreateAchievementSourceRequest, call: CallContext
    ) -> pb.CreateAchievementSourceResponse:
        """Makes a source."""
        message = request.achievement_source
        organisation, source = parse(message.name, _SOURCE, "achievement_source.name")
        new = Source(
            organisation=organisation,
            id=source,
            display_name=message.display_name,
            budget=budget_id(message.award_budget, organisation, "achievement_source.award_budget"),
            daily_limit=message.daily_limit,
            monthly_limit=message.monthly_limit,
            create_time=self._clock.now(),
        )
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        made, replayed = await self._achievements.create_source(fingerprint, new, acting(call.caller))
        tell_replay(call, replayed)
        return pb.CreateAchievementSourceResponse(achievement_source=write_source(made))

    async def get_achievement_source(
        self, request: pb.GetAchievementSourceRequest, _call: CallContext
    ) -> pb.GetAchievementSourceResponse:
        """Reads a source."""
        organisation, source = parse(request.name, _SOURCE)
        found = await self._achievements.find_source(organisation, source)
        return pb.GetAchievementSourceResponse(achievement_source=write_source(found))

    async def list_achievement_sources(
        self, request: pb.ListAchievementSourcesRequest, _call: CallContext
    ) -> pb.ListAchievementSourcesResponse:
        """Lists sources by id."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListAchievementSources", organisation)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._achievements.list_sources(organisation, after, size + 1)
        more = len(found) > size
        return pb.ListAchievementSourcesResponse(
            achievement_sources=map(write_source, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if more else "",
        )

    async def record_achievement(
        self, request: pb.RecordAchievementRequest, call: CallContext
    ) -> pb.RecordAchievementResponse:
        """Records an achievement."""
        asked = read_asked(request.achievement, "achievement")
        [outcome] = await self._record(asked.organisation, asked.source, [(request, asked)], "", call)
        if isinstance(outcome, DomainError):
            raise outcome
        tell_replay(call, outcome.replayed)
        return write_recorded(outcome)

    async def batch_record_achievements(
        self, request: pb.BatchRecordAchievementsRequest, call: CallContext
    ) -> pb.BatchRecordAchievementsResponse:
        """Records many achievements."""
        organisation, source = parse(request.parent, _SOURCE, "parent")
        if len(request.requests) > BATCH_MAX:
            raise InvalidField.of("requests", "must be 1 to 1,000")
        reports = []
        for index, item in enumerate(request.requests):
            path = f"requests[{index}].achievement"
            asked = read_asked(item.achievement, path)
            if (asked.organisation, asked.source) != (organisation, source):
                raise InvalidField.of(f"{path}.name", f"must be an achievement of {request.parent}")
            reports.append((item, asked))
        outcomes = await self._record(organisation, source, reports, "requests[{index}].", call)
        return pb.BatchRecordAchievementsResponse(
            results=[
                pb.RecordAchievementResult(error=to_status(outcome))
                if isinstance(outcome, DomainError)
                else pb.RecordAchievementResult(recorded=write_recorded(outcome))
                for outcome in outcomes
            ]
        )

    async def get_achievement(self, request: pb.GetAchievementRequest, _call: CallContext) -> pb.GetAchievementResponse:
        """Reads an achievement."""
        organisation, source, achievement = parse(request.name, _ACHIEVEMENT)
        found = await self._achievements.find(organisation, source, achievement)
        return pb.GetAchievementResponse(achievement=write_achievement(found))

    async def list_achievements(
        self, request: pb.ListAchievementsRequest, _call: CallContext
    ) -> pb.ListAchievementsResponse:
        """Lists achievements."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        source = request.achievement_source
        found, next_token = await self._achievements.list_achievements(
            organisation,
            owned_id(source, _SOURCE, organisation, "achievement_source") if source else None,
            optional_person_id(request.person, organisation, "person"),
            request.page_size,
            request.page_token,
        )
        return pb.ListAchievementsResponse(achievements=map(write_achievement, found), next_page_token=next_token)

    async def _record(
        self,
        organisation: str,
        source: str,
        reports: list[tuple[pb.RecordAchievementRequest, Asked]],
        path: str,
        call: CallContext,
    ) -> list[Recorded | DomainError]:
        tenant = f"organisations/{organisation}"
        known = [
            (Fingerprint.of(call, request, tenant, method=_METHOD), request.request_id, asked)
            for request, asked in reports
        ]
        return await self._achievements.record(organisation, source, known, path, call.caller.actor)


def read_asked(message: pb.Achievement, field: str) -> Asked:
    """An achievement as reported."""
    organisation, source, achievement = parse(message.name, _ACHIEVEMENT, f"{field}.name")
    return Asked(
        organisation=organisation,
        source=source,
        id=achievement,
        person=person_id(message.person, organisation, f"{field}.person"),
        amount=message.amount,
        description=message.description,
    )


def write_source(source: Source) -> pb.AchievementSource:
    """The contract's source."""
    return pb.AchievementSource(
        name=source.name,
        display_name=source.display_name,
        award_budget=budget_name(source.organisation, source.budget),
        daily_limit=source.daily_limit,
        monthly_limit=source.monthly_limit,
        create_time=timestamp(source.create_time),
    )


def write_recorded(recorded: Recorded) -> pb.RecordAchievementResponse:
    """The contract's answer to one report."""
    return pb.RecordAchievementResponse(
        achievement=write_achievement(recorded.achievement), already_recorded=recorded.already
    )


def write_achievement(achievement: Achievement) -> pb.Achievement:
    """The contract's achievement."""
    asked = achievement.asked
    return pb.Achievement(
        name=asked.name,
        person=person_name(asked.organisation, asked.person),
        amount=asked.amount,
        description=asked.description,
        record_time=timestamp(achievement.record_time),
        payout=write_payout(achievement.progress),
    )
