"""Membership's RPC that tries draft rules on what was bought."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from guerdon.membership.v1 import simulation_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.names import parse
from membership.domain.campaigns import Campaign
from membership.domain.program import Program
from membership.domain.replays import Change, Comparison
from membership.domain.rules import Rule
from membership.operations.programs import Programs
from membership.operations.replays import Replays, Wanted
from membership.servicer.campaign_messages import read_campaign
from membership.servicer.reading import PROGRAM, moment
from membership.servicer.rule_messages import CAMPAIGN, read_rule
from membership.servicer.rules import RULE

NAMED_MAX = 100
NAMED_DEFAULT = 10


class SimulationRpcs:
    """What `guerdon.membership.v1.MembershipService` does with draft rules."""

    def __init__(self, programs: Programs, replays: Replays) -> None:
        self._programs = programs
        self._replays = replays

    async def simulate_rules(
        self, request: pb.SimulateRulesRequest, _call: CallContext
    ) -> AsyncIterator[pb.SimulateRulesResponse]:
        """Replays purchases under draft rules."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        if not 0 <= request.named_members <= NAMED_MAX:
            raise InvalidField.of("named_members", f"must be between 0 and {NAMED_MAX}")
        wanted = Wanted(
            program=await self._programs.get(program_id),
            rules=_rules(request, program_id),
            campaigns=_campaigns(request, program_id),
            start=moment(request.start_time, "start_time") if request.HasField("start_time") else None,
            end=moment(request.end_time, "end_time") if request.HasField("end_time") else None,
            named=request.named_members or NAMED_DEFAULT,
        )
        async with aclosing(self._replays.run(wanted)) as steps:
            async for step in steps:
                yield pb.SimulateRulesResponse(
                    replayed_count=step.so_far,
                    purchase_count=step.in_all,
                    simulation=None if step.comparison is None else _simulation(wanted.program, step.comparison),
                )


def _rules(request: pb.SimulateRulesRequest, program_id: str) -> list[Rule]:
    rules = []
    for place, message in enumerate(request.earning_rules):
        path = f"earning_rules[{place}]"
        owner, rule_id = parse(message.name, RULE, f"{path}.name")
        if owner != program_id:
            raise InvalidField.of(f"{path}.name", "must be a rule of this program")
        rules.append(read_rule(message, rule_id, path))
    return rules


def _campaigns(request: pb.SimulateRulesRequest, program_id: str) -> list[Campaign]:
    campaigns = []
    for place, message in enumerate(request.campaigns):
        path = f"campaigns[{place}]"
        owner, campaign_id = parse(message.name, CAMPAIGN, f"{path}.name")
        if owner != program_id:
            raise InvalidField.of(f"{path}.name", "must be a campaign of this program")
        campaign, _ = read_campaign(message, campaign_id, path)
        campaigns.append(campaign)
    return campaigns


def _simulation(program: Program, one: Comparison) -> pb.RulesSimulation:
    return pb.RulesSimulation(
        purchase_count=one.purchases,
        member_count=one.members,
        awarded_points=one.awarded,
        simulated_points=one.simulated,
        costs=[
            pb.RulesSimulation.Cost(
                rule=f"{program.name}/rules/{rule_id}" if rule_id else "",
                points=cost.points,
                purchase_count=cost.purchases,
                reward_count=cost.rewards,
            )
            for rule_id, cost in one.costs.items()
        ],
        winner_count=one.winner_count,
        loser_count=one.loser_count,
        winners=[_change(program, change) for change in one.winners],
        losers=[_change(program, change) for change in one.losers],
    )


def _change(program: Program, one: Change) -> pb.RulesSimulation.Change:
    return pb.RulesSimulation.Change(
        member=f"{program.name}/members/{one.member_id}",
        awarded_points=one.awarded,
        simulated_points=one.simulated,
    )
