"""Membership's RPCs about members as files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from guerdon.membership.v1 import member_file_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.grpc.status import to_status
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import read_token, write_token
from membership.domain.member_rows import MALFORMED_US, MemberRow
from membership.operations.member_imports import ImportedMembers, MemberChunk, MemberFiles
from membership.operations.programs import Programs
from membership.servicer.profiles import read_profile, write_profile
from membership.servicer.reading import PROGRAM, check_chunk, microseconds
from membership.store.profiles import Exported


class FileRpcs:
    """What `guerdon.membership.v1.MembershipService` does with files of members."""

    def __init__(self, programs: Programs, files: MemberFiles) -> None:
        self._programs = programs
        self._files = files

    async def import_members(
        self, requests: AsyncIterator[pb.ImportMembersRequest], call: CallContext
    ) -> AsyncIterator[pb.ImportMembersResponse]:
        """Imports members, chunk by chunk."""
        async with aclosing(self._files.run(self._member_chunks(requests, call))) as answers:
            async for one in answers:
                yield _imported(one)

    async def export_members(
        self, request: pb.ExportMembersRequest, _call: CallContext
    ) -> AsyncIterator[pb.ExportMembersResponse]:
        """Exports members."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        query = ("ExportMembers", request.parent)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        program = await self._programs.get(program_id)
        async with aclosing(self._files.export(program, after)) as pages:
            async for page in pages:
                yield pb.ExportMembersResponse(
                    rows=map(_exported, page.rows),
                    exported_count=page.so_far,
                    member_count=page.in_all,
                    next_page_token="" if page.is_last else write_token(query, (page.rows[-1].member_id,)),
                )

    async def _member_chunks(
        self, requests: AsyncIterator[pb.ImportMembersRequest], call: CallContext
    ) -> AsyncIterator[MemberChunk]:
        parent = ""
        async for request in requests:
            if parent and request.parent != parent:
                raise InvalidField.of("parent", "must be the same in every message of a stream")
            parent = request.parent
            (program_id,) = parse(parent, PROGRAM, "parent")
            program = await self._programs.get(program_id)
            check_chunk(request)
            yield MemberChunk(
                program=program,
                request_id=request.request_id,
                fingerprint=Fingerprint.of(call, request, program.name),
                first_row=request.first_row,
                rows=[_row(place, row) for place, row in enumerate(request.rows)],
                give_welcome=request.give_welcome_points,
                actor=call.caller.actor,
            )


def _row(place: int, row: pb.MemberRow) -> MemberRow:
    enroll_us: int | None = None
    if row.HasField("enroll_time"):
        given_us = microseconds(row.enroll_time)
        enroll_us = MALFORMED_US if given_us is None else given_us
    return MemberRow(place, row.member_id, enroll_us, read_profile(row.profile) if row.HasField("profile") else None)


def _exported(one: Exported) -> pb.MemberRow:
    return pb.MemberRow(
        member_id=one.member_id,
        enroll_time=timestamp(one.enroll_time),
        profile=None if one.profile is None else write_profile(one.profile),
    )


def _imported(one: ImportedMembers) -> pb.ImportMembersResponse:
    return pb.ImportMembersResponse(
        request_id=one.request_id,
        first_row=one.first_row,
        enrolled_count=one.enrolled,
        updated_count=one.updated,
        unchanged_count=one.unchanged,
        pending_count=one.pending,
        errors=[pb.ImportMembersResponse.RowError(row=row, error=to_status(error)) for row, error in one.errors],
        replayed=one.replayed,
    )
