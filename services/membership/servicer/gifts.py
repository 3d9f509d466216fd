"""Membership's RPCs about rewards that rules give and the catalog does not answer for."""

from __future__ import annotations

from guerdon.membership.v1 import given_reward_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from membership.operations.gifts import Gifts
from membership.operations.programs import Programs
from membership.servicer import writing
from membership.servicer.reading import PROGRAM
from membership.servicer.writing import tell_replay

GIVEN_REWARD = "programs/{program}/givenRewards/{given_reward}"


class GiftRpcs:
    """What `guerdon.membership.v1.MembershipService` does with rewards that are overdue."""

    def __init__(self, programs: Programs, gifts: Gifts) -> None:
        self._programs = programs
        self._gifts = gifts

    async def list_overdue_rewards(
        self, request: pb.ListOverdueRewardsRequest, _call: CallContext
    ) -> pb.ListOverdueRewardsResponse:
        """Lists rewards that are overdue."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        most, query = page_size(request.page_size), ("ListOverdueRewards", request.parent)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        program = await self._programs.get(program_id)
        found = await self._gifts.page(program, after, most + 1)  # one more tells whether there is a next page
        return pb.ListOverdueRewardsResponse(
            given_rewards=[writing.gift(program, one) for one in found[:most]],
            next_page_token=write_token(query, (found[most - 1].gift_id,)) if len(found) > most else "",
        )

    async def retry_reward(self, request: pb.RetryRewardRequest, call: CallContext) -> pb.RetryRewardResponse:
        """Has the catalog asked again."""
        program_id, gift_id = parse(request.name, GIVEN_REWARD)
        program = await self._programs.get(program_id)
        tell_replay(call, await self._gifts.retry(program, gift_id, Fingerprint.of(call, request, program.name)))
        return pb.RetryRewardResponse(given_reward=writing.gift(program, await self._gifts.get(program, gift_id)))

    async def end_reward(self, request: pb.EndRewardRequest, call: CallContext) -> pb.EndRewardResponse:
        """Ends a reward."""
        program_id, gift_id = parse(request.name, GIVEN_REWARD)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        tell_replay(call, await self._gifts.end(program, gift_id, fingerprint, call.caller.actor))
        return pb.EndRewardResponse(given_reward=writing.gift(program, await self._gifts.get(program, gift_id)))
