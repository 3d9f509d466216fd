"""Membership's RPCs about segments."""

from __future__ import annotations

from guerdon.membership.v1 import segment_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from membership.domain.program import Program
from membership.domain.segments import Segment, SegmentTerms
from membership.operations.programs import Programs
from membership.operations.segments import Segments, segment_name
from membership.servicer.reading import MEMBER, PROGRAM
from membership.servicer.writing import tell_replay

SEGMENT = "programs/{program}/segments/{segment}"


class SegmentRpcs:
    """What `guerdon.membership.v1.MembershipService` does with segments."""

    def __init__(self, programs: Programs, segments: Segments) -> None:
        self._programs = programs
        self._segments = segments

    async def create_segment(self, request: pb.CreateSegmentRequest, call: CallContext) -> pb.CreateSegmentResponse:
        """Makes a segment."""
        program, segment_id, terms = await self._asked_segment(request.segment)
        fingerprint = Fingerprint.of(call, request, program.name)
        replayed = await self._segments.create(program, segment_id, terms, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.CreateSegmentResponse(segment=await self._segment(program, segment_id))

    async def update_segment(self, request: pb.UpdateSegmentRequest, call: CallContext) -> pb.UpdateSegmentResponse:
        """Changes a segment."""
        program, segment_id, terms = await self._asked_segment(request.segment)
        fingerprint = Fingerprint.of(call, request, program.name)
        replayed = await self._segments.update(program, segment_id, terms, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.UpdateSegmentResponse(segment=await self._segment(program, segment_id))

    async def archive_segment(self, request: pb.ArchiveSegmentRequest, call: CallContext) -> pb.ArchiveSegmentResponse:
        """Archives a segment."""
        program_id, segment_id = parse(request.name, SEGMENT)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        tell_replay(call, await self._segments.archive(program, segment_id, fingerprint, call.caller.actor))
        return pb.ArchiveSegmentResponse(segment=await self._segment(program, segment_id))

    async def get_segment(self, request: pb.GetSegmentRequest, _call: CallContext) -> pb.GetSegmentResponse:
        """Reads a segment."""
        program_id, segment_id = parse(request.name, SEGMENT)
        return pb.GetSegmentResponse(segment=await self._segment(await self._programs.get(program_id), segment_id))

    async def list_segments(self, request: pb.ListSegmentsRequest, _call: CallContext) -> pb.ListSegmentsResponse:
        """Lists segments."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        most, query = page_size(request.page_size), ("ListSegments", request.parent)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        program = await self._programs.get(program_id)
        found = await self._segments.page(program, after, most + 1)  # one more tells whether there is a next page
        return pb.ListSegmentsResponse(
            segments=[_write(program, one) for one in found[:most]],
            next_page_token=write_token(query, (found[most - 1].segment_id,)) if len(found) > most else "",
        )

    async def list_member_segments(
        self, request: pb.ListMemberSegmentsRequest, _call: CallContext
    ) -> pb.ListMemberSegmentsResponse:
        """Lists the segments that a member is in."""
        program_id, member_id = parse(request.parent, MEMBER, "parent")
        program = await self._programs.get(program_id)
        found = await self._segments.of_member(program, member_id)
        return pb.ListMemberSegmentsResponse(segments=[segment_name(program, one) for one in found])

    async def _asked_segment(self, message: pb.Segment) -> tuple[Program, str, SegmentTerms]:
        program_id, segment_id = parse(message.name, SEGMENT, "segment.name")
        program = await self._programs.get(program_id)
        return program, segment_id, SegmentTerms(message.display_name, message.condition)

    async def _segment(self, program: Program, segment_id: str) -> pb.Segment:
        return _write(program, await self._segments.get(program, segment_id))


def _write(program: Program, one: Segment) -> pb.Segment:
    return pb.Segment(
        name=segment_name(program, one.segment_id),
        display_name=one.terms.display_name,
        condition=one.terms.condition,
        archived=one.archived,
        create_time=timestamp(one.create_time),
        update_time=timestamp(one.update_time),
    )
