"""The RPCs about programs and their units."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import policies_pb2
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse, tenant_of
from guerdon_kit.pages import page_size, read_token, write_token
from ledger.domain.model import AMOUNT_MAX
from ledger.domain.policies import EVERY_OTHER_UNIT, GRACE_MAX, LIMITS_MAX, Policies
from ledger.operations.programs import ProgramChange, Programs, ProgramState
from ledger.servicer import answers
from ledger.store.directory import Directory
from ledger.store.policies import NEWEST

CHANGEABLE = frozenset({"display_name", "adjustment_limits", "restored_lot_grace"})
_LIMITS = "program.adjustment_limits"
_UNIT = "programs/{program}/units/{unit}"


class ProgramRpcs:
    """Making and changing programs, and making their units."""

    _directory: Directory
    _programs: Programs

    async def create_program(self, request: pb.CreateProgramRequest, call: CallContext) -> pb.CreateProgramResponse:
        message = request.program
        [id_] = parse(message.name, "programs/{program}", "program.name")
        policies = Policies(_limits(message, {}), _grace(message.restored_lot_grace))
        made, call.replayed = await self._programs.create_program(
            Fingerprint.of(call, request, message.name),
            id_,
            message.display_name,
            message.time_zone,
            policies,
            call.caller.actor,
        )
        return pb.CreateProgramResponse(program=answers.program(ProgramState(made, message.display_name, policies, {})))

    async def get_program(self, request: pb.GetProgramRequest, _call: CallContext) -> pb.GetProgramResponse:
        program = await self._directory.program(request.name)
        return pb.GetProgramResponse(program=answers.program(await self._programs.state(program)))

    async def update_program(self, request: pb.UpdateProgramRequest, call: CallContext) -> pb.UpdateProgramResponse:
        message = request.program
        program = await self._directory.program(message.name, "program.name")
        paths = set(request.update_mask.paths)
        if not paths or not paths <= CHANGEABLE:
            raise InvalidField.of("update_mask", f"must be some of {', '.join(sorted(CHANGEABLE))}")
        limits = None
        if "adjustment_limits" in paths:
            units = await self._directory.units(program)
            limits = _limits(message, {unit.id: unit.number for unit in units})
        change = ProgramChange(
            message.display_name if "display_name" in paths else None,
            limits,
            _grace(message.restored_lot_grace) if "restored_lot_grace" in paths else None,
            call.caller.actor,
        )
        fingerprint = Fingerprint.of(call, request, program.name)
        state, call.replayed = await self._programs.update_program(fingerprint, program, change)
        return pb.UpdateProgramResponse(program=answers.program(state))

    async def list_policy_changes(
        self, request: policies_pb2.ListPolicyChangesRequest, _call: CallContext
    ) -> policies_pb2.ListPolicyChangesResponse:
        program = await self._directory.program(request.parent, "parent")
        size = page_size(request.page_size)
        query = ("ListPolicyChanges", program.name)
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else NEWEST
        found, units = await self._programs.policy_changes(program, before, size + 1)
        response = policies_pb2.ListPolicyChangesResponse(
            next_page_token=write_token(query, (found[size - 1].number,)) if len(found) > size else ""
        )
        for change in found[:size]:
            message = response.changes.add(
                adjustment_limits=answers.adjustment_limits(program, change.policies, units),
                actor=change.actor,
                record_time=timestamp(change.record_time),
            )
            message.restored_lot_grace.FromTimedelta(change.policies.restored_lot_grace)
        return response

    async def create_unit(self, request: pb.CreateUnitRequest, call: CallContext) -> pb.CreateUnitResponse:
        message = request.unit
        program_id, id_ = parse(message.name, _UNIT, "unit.name")
        program = await self._directory.program_by_id(program_id)
        made, call.replayed = await self._programs.create_unit(
            Fingerprint.of(call, request, program.name), program, id_, message.display_name, message.scale
        )
        return pb.CreateUnitResponse(unit=answers.unit(made, program))

    async def get_unit(self, request: pb.GetUnitRequest, _call: CallContext) -> pb.GetUnitResponse:
        program_id, id_ = parse(request.name, _UNIT)
        program = await self._directory.program_by_id(program_id)
        return pb.GetUnitResponse(unit=answers.unit(await self._programs.unit(program, id_), program))


def _limits(message: res.Program, units: Mapping[str, int]) -> Mapping[int, int]:
    """The limits of a program with these units, whose numbers are given by id. Raises InvalidField, NotFound."""
    if len(message.adjustment_limits) > LIMITS_MAX:
        raise InvalidField.of(_LIMITS, f"must be at most {LIMITS_MAX}")
    limits: dict[int, int] = {}
    for index, limit in enumerate(message.adjustment_limits):
        unit = EVERY_OTHER_UNIT
        if limit.unit:
            _, id_ = parse(limit.unit, "programs/{program}/units/{unit}", f"{_LIMITS}[{index}].unit")
            if tenant_of(limit.unit) != message.name:
                raise InvalidField.of(f"{_LIMITS}[{index}].unit", f"must be of {message.name}")
            if id_ not in units:
                raise NotFound(limit.unit)
            unit = units[id_]
        if unit in limits:
            raise InvalidField.of(f"{_LIMITS}[{index}].unit", "occurs twice")
        if not 0 <= limit.amount <= AMOUNT_MAX:
            raise InvalidField.of(f"{_LIMITS}[{index}].amount", "must be 0 to 2^53")
        limits[unit] = limit.amount
    return limits


def _grace(message: Duration) -> timedelta:
    if message.nanos or not 0 <= message.seconds <= GRACE_MAX // timedelta(seconds=1):
        raise InvalidField.of("program.restored_lot_grace", f"must be 0 to {GRACE_MAX.days} days, in whole seconds")
    return timedelta(seconds=message.seconds)
