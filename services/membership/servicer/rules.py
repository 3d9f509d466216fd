"""Membership's RPCs about earning rules."""

from __future__ import annotations

from datetime import datetime

from guerdon.membership.v1 import rule_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from membership.domain.program import Program
from membership.domain.rules import Rule
from membership.operations.programs import Programs
from membership.operations.rules import Rules
from membership.servicer.reading import PROGRAM, moment
from membership.servicer.rule_messages import read_rule, write_version
from membership.servicer.writing import tell_replay

RULE = "programs/{program}/rules/{rule}"


class RuleRpcs:
    """What `guerdon.membership.v1.MembershipService` does with earning rules."""

    def __init__(self, programs: Programs, rules: Rules) -> None:
        self._programs = programs
        self._rules = rules

    async def create_earning_rule(
        self, request: pb.CreateEarningRuleRequest, call: CallContext
    ) -> pb.CreateEarningRuleResponse:
        """Makes a rule."""
        program, rule, effective = await self._asked(request.earning_rule)
        if rule.unit:
            await self._programs.require_unit(program, rule.unit, call.caller.actor)
        fingerprint = Fingerprint.of(call, request, program.name)
        made, replayed = await self._rules.create(program, rule, effective, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.CreateEarningRuleResponse(earning_rule=write_version(program, made))

    async def update_earning_rule(
        self, request: pb.UpdateEarningRuleRequest, call: CallContext
    ) -> pb.UpdateEarningRuleResponse:
        """Makes a new version of a rule."""
        program, rule, effective = await self._asked(request.earning_rule)
        fingerprint = Fingerprint.of(call, request, program.name)
        made, replayed = await self._rules.update(program, rule, effective, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.UpdateEarningRuleResponse(earning_rule=write_version(program, made))

    async def archive_earning_rule(
        self, request: pb.ArchiveEarningRuleRequest, call: CallContext
    ) -> pb.ArchiveEarningRuleResponse:
        """Archives a rule."""
        program_id, rule_id = parse(request.name, RULE)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        made, replayed = await self._rules.archive(program, rule_id, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.ArchiveEarningRuleResponse(earning_rule=write_version(program, made))

    async def get_earning_rule(
        self, request: pb.GetEarningRuleRequest, _call: CallContext
    ) -> pb.GetEarningRuleResponse:
        """Reads a rule with its versions."""
        program_id, rule_id = parse(request.name, RULE)
        program = await self._programs.get(program_id)
        versions = [write_version(program, one) for one in await self._rules.versions(program, rule_id)]
        return pb.GetEarningRuleResponse(earning_rule=versions[-1], versions=versions)

    async def list_earning_rules(
        self, request: pb.ListEarningRulesRequest, _call: CallContext
    ) -> pb.ListEarningRulesResponse:
        """Lists a program's rules."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        program = await self._programs.get(program_id)
        latest = await self._rules.latest(program)
        shown = [one for one in latest if request.show_archived or not one.archived]
        return pb.ListEarningRulesResponse(earning_rules=[write_version(program, one) for one in shown])

    async def _asked(self, message: pb.EarningRule) -> tuple[Program, Rule, datetime | None]:
        program_id, rule_id = parse(message.name, RULE, "earning_rule.name")
        rule = read_rule(message, rule_id, "earning_rule")
        effective = None
        if message.HasField("effective_time"):
            effective = moment(message.effective_time, "earning_rule.effective_time")
        return await self._programs.get(program_id), rule, effective
