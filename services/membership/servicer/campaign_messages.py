"""Campaigns from the contract to the domain."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from guerdon.membership.v1 import campaign_pb2 as pb
from guerdon_kit.errors import InvalidField
from membership.domain.campaigns import Campaign
from membership.domain.moments import EPOCH, to_microseconds
from membership.servicer.rationals import fraction
from membership.servicer.reading import moment


def read_campaign(message: pb.Campaign, campaign_id: str, path: str) -> tuple[Campaign, datetime | None]:
    """A campaign as asked for, and when it shall begin, where that is said; its bounds are the domain's to check.

    Raises:
        InvalidField: a time or a rational is malformed.
    """
    if message.budget_points and message.budget_awards:
        raise InvalidField.of(f"{path}.budget_awards", "cannot be together with budget_points")
    begins = moment(message.start_time, f"{path}.start_time") if message.HasField("start_time") else None
    ends = moment(message.end_time, f"{path}.end_time") if message.HasField("end_time") else None
    asked = Campaign(
        campaign_no=0,
        revision=0,
        campaign_id=campaign_id,
        display_name=message.display_name,
        start_us=to_microseconds(begins or EPOCH),
        end_us=None if ends is None else to_microseconds(ends),
        budget=message.budget_points or message.budget_awards,
        holdout=fraction(message.holdout_share, f"{path}.holdout_share")
        if message.HasField("holdout_share")
        else Fraction(0),
        archived=False,
        create_time=EPOCH,
        counts_awards=message.budget_awards != 0,
    )
    return asked, begins
