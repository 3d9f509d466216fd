"""Campaigns for tests: made over the service, and who is held out of one."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Any

from guerdon import new_request_id
from guerdon.membership.v1 import basket_pb2, campaign_pb2, purchase_pb2
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.membership.world import Shop


async def run(shop: Shop, campaign_id: str, **fields: Any) -> campaign_pb2.Campaign:
    """Makes a campaign."""
    one = campaign_pb2.Campaign(name=f"{shop.program}/campaigns/{campaign_id}", **fields)
    request = campaign_pb2.CreateCampaignRequest(campaign=one, request_id=new_request_id())
    return (await shop.membership.membership.CreateCampaign(request)).campaign


async def change(shop: Shop, campaign_id: str, **fields: Any) -> campaign_pb2.Campaign:
    """Sets fields of a campaign."""
    one = campaign_pb2.Campaign(name=f"{shop.program}/campaigns/{campaign_id}", **fields)
    request = campaign_pb2.UpdateCampaignRequest(campaign=one, request_id=new_request_id())
    request.update_mask.paths.extend(fields)
    return (await shop.membership.membership.UpdateCampaign(request)).campaign


async def archive(shop: Shop, campaign_id: str) -> campaign_pb2.Campaign:
    """Archives a campaign."""
    name = f"{shop.program}/campaigns/{campaign_id}"
    request = campaign_pb2.ArchiveCampaignRequest(name=name, request_id=new_request_id())
    return (await shop.membership.membership.ArchiveCampaign(request)).campaign


async def report(shop: Shop, campaign_id: str) -> campaign_pb2.GetCampaignReportResponse:
    """What a campaign did."""
    request = campaign_pb2.GetCampaignReportRequest(name=f"{shop.program}/campaigns/{campaign_id}")
    return await shop.membership.membership.GetCampaignReport(request)


def held_out(campaign: campaign_pb2.Campaign, member_id: str) -> bool:
    """Whether a member is held out, by the words of the contract."""
    program = campaign.name.partition("/campaigns/")[0]
    digest = hashlib.sha256(f"{campaign.name} {program}/members/{member_id}".encode()).digest()
    share = Fraction(campaign.holdout_share.numerator, campaign.holdout_share.denominator)
    return Fraction(int.from_bytes(digest[:8], "big"), 2**64) < share


def told(purchase: purchase_pb2.Purchase, rule_id: str) -> basket_pb2.Award:
    """What a rule gave for a purchase, or why it gave nothing."""
    [award] = [one for one in purchase.rating.awards if one.rule.endswith(f"/rules/{rule_id}")]
    return award


HALF = Rational(numerator=1, denominator=2)
