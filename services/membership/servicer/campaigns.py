"""Membership's RPCs about campaigns."""

from __future__ import annotations

from typing import Any

from guerdon.membership.v1 import campaign_pb2 as pb
from guerdon.type.v1.cash_pb2 import Cash
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from membership.domain.campaigns import CampaignState, Group
from membership.domain.ids import check_id
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.operations.campaigns import Campaigns, Standing, campaign_name
from membership.operations.programs import Programs
from membership.servicer.campaign_messages import read_campaign
from membership.servicer.reading import PROGRAM
from membership.servicer.rule_messages import CAMPAIGN
from membership.servicer.writing import tell_replay

_STATES = {
    CampaignState.SCHEDULED: pb.Campaign.STATE_SCHEDULED,
    CampaignState.ACTIVE: pb.Campaign.STATE_ACTIVE,
    CampaignState.ENDED: pb.Campaign.STATE_ENDED,
    CampaignState.ARCHIVED: pb.Campaign.STATE_ARCHIVED,
}
_CHANGEABLE = ("display_name", "start_time", "end_time", "budget_points", "budget_awards")


class CampaignRpcs:
    """What `guerdon.membership.v1.MembershipService` does with campaigns."""

    def __init__(self, programs: Programs, campaigns: Campaigns) -> None:
        self._programs = programs
        self._campaigns = campaigns

    async def create_campaign(self, request: pb.CreateCampaignRequest, call: CallContext) -> pb.CreateCampaignResponse:
        """Makes a campaign."""
        program_id, campaign_id = parse(request.campaign.name, CAMPAIGN, "campaign.name")
        check_id(campaign_id, "campaign.name")
        asked, begins = read_campaign(request.campaign, campaign_id, "campaign")
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        made, replayed = await self._campaigns.create(program, asked, begins, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.CreateCampaignResponse(campaign=_write(program, made))

    async def update_campaign(self, request: pb.UpdateCampaignRequest, call: CallContext) -> pb.UpdateCampaignResponse:
        """Changes a campaign."""
        program_id, campaign_id = parse(request.campaign.name, CAMPAIGN, "campaign.name")
        paths = frozenset(request.update_mask.paths)
        if not paths or not paths <= set(_CHANGEABLE):
            raise InvalidField.of("update_mask", f"must be some of {', '.join(_CHANGEABLE)}")
        changes = _changes(request.campaign, campaign_id, paths)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        changed, replayed = await self._campaigns.update(program, campaign_id, changes, fingerprint)
        tell_replay(call, replayed)
        return pb.UpdateCampaignResponse(campaign=_write(program, changed))

    async def archive_campaign(
        self, request: pb.ArchiveCampaignRequest, call: CallContext
    ) -> pb.ArchiveCampaignResponse:
        """Archives a campaign."""
        program_id, campaign_id = parse(request.name, CAMPAIGN)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        archived, replayed = await self._campaigns.archive(program, campaign_id, fingerprint)
        tell_replay(call, replayed)
        return pb.ArchiveCampaignResponse(campaign=_write(program, archived))

    async def get_campaign(self, request: pb.GetCampaignRequest, _call: CallContext) -> pb.GetCampaignResponse:
        """Reads a campaign."""
        program_id, campaign_id = parse(request.name, CAMPAIGN)
        program = await self._programs.get(program_id)
        return pb.GetCampaignResponse(campaign=_write(program, await self._campaigns.get(program, campaign_id)))

    async def list_campaigns(self, request: pb.ListCampaignsRequest, _call: CallContext) -> pb.ListCampaignsResponse:
        """Lists a program's campaigns."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        program = await self._programs.get(program_id)
        found = await self._campaigns.every(program)
        shown = [one for one in found if request.show_archived or not one.campaign.archived]
        return pb.ListCampaignsResponse(campaigns=[_write(program, one) for one in shown])

    async def get_campaign_report(
        self, request: pb.GetCampaignReportRequest, _call: CallContext
    ) -> pb.GetCampaignReportResponse:
        """Tells what a campaign did."""
        program_id, campaign_id = parse(request.name, CAMPAIGN)
        program = await self._programs.get(program_id)
        standing, groups = await self._campaigns.report(program, campaign_id)
        return pb.GetCampaignReportResponse(
            campaign=_write(program, standing),
            reached=_write_group(program, groups.get(False, Group())),
            held_out=_write_group(program, groups.get(True, Group())),
        )


def _changes(message: pb.Campaign, campaign_id: str, paths: frozenset[str]) -> dict[str, Any]:
    """The fields to be set, by the domain's names."""
    asked, begins = read_campaign(message, campaign_id, "campaign")
    if "start_time" in paths and begins is None:
        raise InvalidField.of("campaign.start_time", "is needed")
    budget: dict[str, Any] = {"budget": asked.budget, "counts_awards": asked.counts_awards}
    fields: dict[str, dict[str, Any]] = {
        "display_name": {"display_name": asked.display_name},
        "start_time": {"start_us": asked.start_us},
        "end_time": {"end_us": asked.end_us},
        "budget_points": budget,
        "budget_awards": budget,
    }
    return {name: value for path in paths for name, value in fields[path].items()}


def _write(program: Program, standing: Standing) -> pb.Campaign:
    one = standing.campaign
    message = pb.Campaign(
        name=campaign_name(program, one.campaign_id),
        display_name=one.display_name,
        start_time=timestamp(from_microseconds(one.start_us)),
        end_time=None if one.end_us is None else timestamp(from_microseconds(one.end_us)),
        budget_points=0 if one.counts_awards else one.budget,
        budget_awards=one.budget if one.counts_awards else 0,
        state=_STATES[one.state(to_microseconds(standing.now))],
        spent_points=0 if one.counts_awards else standing.spent,
        spent_awards=standing.spent if one.counts_awards else 0,
        create_time=timestamp(one.create_time),
    )
    if one.holdout:
        message.holdout_share.CopyFrom(rational(one.holdout))
    return message


def _write_group(program: Program, group: Group) -> pb.CampaignGroup:
    currency = program.settings.currency_code
    return pb.CampaignGroup(
        member_count=group.members,
        purchase_count=group.purchases,
        amount=Cash(minor_units=group.amount, currency_code=currency),
        returned_amount=Cash(minor_units=group.returned_amount, currency_code=currency),
        awarded_purchase_count=group.awarded_purchases,
        awarded_points=group.points,
    )
