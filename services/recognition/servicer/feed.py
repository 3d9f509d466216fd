"""The feed: proto in, operation, proto out."""

from __future__ import annotations

from collections.abc import Mapping

from guerdon.recognition.v1 import feed_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from recognition.domain.awards import Award
from recognition.domain.comments import Echo
from recognition.domain.feed import FeedItem
from recognition.domain.recognitions import Recognition, Wanted
from recognition.operations.feed import Asked, FeedReading
from recognition.servicer.award_messages import write_award
from recognition.servicer.celebrations import write_celebration
from recognition.servicer.naming import ORGANISATION, acting, optional_person_id, optional_team_id
from recognition.servicer.recognition_messages import write_recognition


class FeedServicer:
    """`guerdon.recognition.v1.FeedService`."""

    service = pb.DESCRIPTOR.services_by_name["FeedService"]

    def __init__(self, reading: FeedReading) -> None:
        self._reading = reading

    async def list_feed(self, request: pb.ListFeedRequest, call: CallContext) -> pb.ListFeedResponse:
        """The feed."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        asked = Asked(
            organisation=organisation,
            wanted=Wanted(
                value=request.value or None,
                person=optional_person_id(request.person, organisation, "person"),
                team=optional_team_id(request.team, organisation, "team"),
            ),
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            size=request.page_size,
            token=request.page_token,
        )
        found, echoes, next_token = await self._reading.list_items(asked, acting(call.caller))
        return pb.ListFeedResponse(items=[_write(one, echoes) for one in found], next_page_token=next_token)


def _write(item: FeedItem, echoes: Mapping[str, Echo]) -> pb.FeedItem:
    time, content = timestamp(item.time), item.content
    if isinstance(content, Recognition):
        return pb.FeedItem(feed_time=time, recognition=write_recognition(content, echoes[item.id]))
    if isinstance(content, Award):
        return pb.FeedItem(feed_time=time, award=write_award(content))
    return pb.FeedItem(feed_time=time, celebration=write_celebration(content))
