"""Award programs: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import award_programs_pb2 as pb
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.awards import AwardProgram
from recognition.domain.roles import Role
from recognition.operations.award_programs import AwardPrograms
from recognition.servicer.approvals import ROLES, read_chain
from recognition.servicer.award_messages import AWARD_PROGRAM, write_program
from recognition.servicer.naming import ORGANISATION, acting, budget_id, tell_replay


class AwardProgramServicer:
    """`guerdon.recognition.v1.AwardProgramService`."""

    service = pb.DESCRIPTOR.services_by_name["AwardProgramService"]

    def __init__(self, clock: Clock, programs: AwardPrograms) -> None:
        self._clock = clock
        self._programs = programs

    async def create_award_program(
        self, request: pb.CreateAwardProgramRequest, call: CallContext
    ) -> pb.CreateAwardProgramResponse:
        """Makes a program."""
        program = read_program(request.award_program, self._clock)
        fingerprint = Fingerprint.of(call, request, f"organisations/{program.organisation}")
        made, replayed = await self._programs.create(fingerprint, program, acting(call.caller))
        tell_replay(call, replayed)
        return pb.CreateAwardProgramResponse(award_program=write_program(made))

    async def close_award_program(
        self, request: pb.CloseAwardProgramRequest, call: CallContext
    ) -> pb.CloseAwardProgramResponse:
        """Closes a program."""
        organisation, program = parse(request.name, AWARD_PROGRAM)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        closed, replayed = await self._programs.close(fingerprint, organisation, program, acting(call.caller))
        tell_replay(call, replayed)
        return pb.CloseAwardProgramResponse(award_program=write_program(closed))

    async def get_award_program(
        self, request: pb.GetAwardProgramRequest, _call: CallContext
    ) -> pb.GetAwardProgramResponse:
        """Reads a program."""
        organisation, program = parse(request.name, AWARD_PROGRAM)
        found = await self._programs.get(organisation, program)
        return pb.GetAwardProgramResponse(award_program=write_program(found))

    async def list_award_programs(
        self, request: pb.ListAwardProgramsRequest, _call: CallContext
    ) -> pb.ListAwardProgramsResponse:
        """Lists programs by id."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListAwardPrograms", organisation)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._programs.list_after(organisation, after, size + 1)
        more = len(found) > size
        return pb.ListAwardProgramsResponse(
            award_programs=map(write_program, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if more else "",
        )


def read_program(message: pb.AwardProgram, clock: Clock) -> AwardProgram:
    """A program to make."""
    organisation, program = parse(message.name, AWARD_PROGRAM, "award_program.name")
    if any(role not in ROLES for role in message.nominators):
        raise InvalidField.of("award_program.nominators", "must be some of ADMIN, MANAGER, GIVER")
    nominators = tuple(dict.fromkeys(ROLES[role] for role in message.nominators))
    return AwardProgram(
        organisation=organisation,
        id=program,
        display_name=message.display_name,
        budget=budget_id(message.award_budget, organisation, "award_program.award_budget"),
        amount_min=message.amount_min,
        amount_max=message.amount_max,
        nominators=nominators or tuple(role for role in Role if role.gives),
        own_reports_only=message.own_reports_only,
        chain=read_chain(message.levels, organisation, "award_program.levels"),
        closed=False,
        create_time=clock.now(),
    )
