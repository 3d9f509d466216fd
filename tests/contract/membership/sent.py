"""Offers, for the tests of what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import new_request_id
from guerdon.membership.v1 import offer_pb2 as pb
from tests.contract.membership.world import Shop, usd

OFFERED, RUNNING = pb.PersonalOffer.STATE_OFFERED, pb.PersonalOffer.STATE_RUNNING
COMPLETED, OVER = pb.PersonalOffer.STATE_COMPLETED, pb.PersonalOffer.STATE_OVER

ONE_PURCHASE: dict[str, Any] = {"one_purchase": pb.Offer.OnePurchase(minimum_spend=usd(20_00))}
TOTAL_SPEND: dict[str, Any] = {"total_spend": pb.Offer.TotalSpend(amount=usd(50_00))}
VISITS: dict[str, Any] = {"visits": pb.Offer.Visits(count=3)}


def stamp(moment: datetime) -> Timestamp:
    """A moment, as it is told."""
    told = Timestamp()
    told.FromDatetime(moment)
    return told


def now() -> datetime:
    """Answers this second. A test whose moments lie minutes apart asks for it: long may pass before it is run."""
    return datetime.now(UTC).replace(microsecond=0)


NOW = now()
"""When these tests were collected: what is valid for two days around it is so until they end."""
START, END = NOW - timedelta(days=1), NOW + timedelta(days=1)


async def make(shop: Shop, offer_id: str = "spring", request_id: str = "", **changes: Any) -> pb.Offer:
    """Makes an offer of 100 points for a purchase of $20, unless changed."""
    values: dict[str, Any] = {"display_name": "Spring", "points": 100} | changes
    if not {"one_purchase", "total_spend", "visits"} & values.keys():
        values |= ONE_PURCHASE
    offer = pb.Offer(name=f"{shop.program}/offers/{offer_id}", **values)
    request = pb.CreateOfferRequest(offer=offer, request_id=request_id or new_request_id())
    return (await shop.membership.membership.CreateOffer(request)).offer


def send(
    shop: Shop,
    *member_ids: str,
    offer_id: str = "spring",
    start: datetime | None = START,
    end: datetime = END,
    request_id: str = "",
) -> Any:
    """Sends an offer."""
    return shop.membership.membership.SendOffer(
        pb.SendOfferRequest(
            name=f"{shop.program}/offers/{offer_id}",
            members=[f"{shop.program}/members/{one}" for one in member_ids],
            start_time=None if start is None else stamp(start),
            end_time=stamp(end),
            request_id=request_id or new_request_id(),
        )
    )


def send_to_segment(shop: Shop, segment_id: str, offer_id: str = "spring", request_id: str = "") -> Any:
    """Sends an offer to the members of a segment."""
    return shop.membership.membership.SendOffer(
        pb.SendOfferRequest(
            name=f"{shop.program}/offers/{offer_id}",
            segment=f"{shop.program}/segments/{segment_id}",
            start_time=stamp(START),
            end_time=stamp(END),
            request_id=request_id or new_request_id(),
        )
    )


async def sending(shop: Shop, name: str) -> pb.OfferSending:
    """How far a sending has come."""
    request = pb.GetOfferSendingRequest(name=name)
    return (await shop.membership.membership.GetOfferSending(request)).sending


def accept(shop: Shop, name: str, request_id: str = "") -> Any:
    """Accepts a personal offer."""
    return shop.membership.membership.AcceptPersonalOffer(
        pb.AcceptPersonalOfferRequest(name=name, request_id=request_id or new_request_id())
    )


async def received(shop: Shop, member_id: str, page_size: int = 0) -> list[pb.PersonalOffer]:
    """What a member received, the latest first."""
    found: list[pb.PersonalOffer] = []
    request = pb.ListPersonalOffersRequest(parent=f"{shop.program}/members/{member_id}", page_size=page_size)
    while True:
        page = await shop.membership.membership.ListPersonalOffers(request)
        found += page.personal_offers
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def report(shop: Shop, offer_id: str = "spring") -> pb.GetOfferReportResponse:
    """What an offer brought."""
    request = pb.GetOfferReportRequest(name=f"{shop.program}/offers/{offer_id}")
    return await shop.membership.membership.GetOfferReport(request)
