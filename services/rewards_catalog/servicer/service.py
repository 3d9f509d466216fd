"""The catalog's contract: proto in, operation, proto out."""

from __future__ import annotations

from collections.abc import AsyncIterator

from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon_kit import names, pages
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.codes import REPORTED_REJECTIONS, CodeKeys
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.operations.asking import Asking
from rewards_catalog.operations.codes import CodePools
from rewards_catalog.operations.redemptions import Redemptions, Wish
from rewards_catalog.operations.rewards import Rewards
from rewards_catalog.servicer import calls
from rewards_catalog.servicer.kinds import read_cash
from rewards_catalog.servicer.messages import REJECTIONS, offer_message, redemption_message, reward_message
from rewards_catalog.servicer.positions import reward_position, reward_token, time_position, time_token
from rewards_catalog.servicer.reading import changes_of, groups_of, new_reward, sought_of

SEE_CODES = "rewards.codes.read"
"""The scope of those who may see the codes that were issued."""

_REWARD = "programs/{program}/rewards/{reward}"
_REDEMPTION = "programs/{program}/redemptions/{redemption}"
_ACCOUNT = "programs/{program}/accounts/{account}"
_UNIT = "programs/{program}/units/{unit}"
_PROGRAM = "programs/{program}"


class RewardsServicer:
    """`guerdon.rewards.v1.RewardsService`."""

    service = pb.DESCRIPTOR.services_by_name["RewardsService"]

    def __init__(
        self, rewards: Rewards, codes: CodePools, redemptions: Redemptions, keys: CodeKeys, clock: Clock
    ) -> None:
        self._rewards = rewards
        self._codes = codes
        self._redemptions = redemptions
        self._keys = keys
        self._clock = clock

    async def create_reward(self, request: pb.CreateRewardRequest, call: CallContext) -> pb.CreateRewardResponse:
        """Makes a reward."""
        asked = request.reward
        program, reward = names.parse(asked.name, _REWARD, "reward.name")
        unit_program, unit = names.parse(asked.unit, _UNIT, "reward.unit")
        calls.require_same_program(program, unit_program, "reward.unit")
        wanted = new_reward(request, program, reward, unit, self._clock.now())
        made, replayed = await self._rewards.create(calls.asking(call, request, program), wanted)
        calls.mark(call, replayed)
        return pb.CreateRewardResponse(reward=reward_message(made))

    async def get_reward(self, request: pb.GetRewardRequest, call: CallContext) -> pb.GetRewardResponse:
        """Reads a reward."""
        program, reward = names.parse(request.name, _REWARD)
        if request.version < 0:
            raise InvalidField.of("version", "must not be negative")
        return pb.GetRewardResponse(reward=reward_message(await self._rewards.get(program, reward, request.version)))

    async def update_reward(self, request: pb.UpdateRewardRequest, call: CallContext) -> pb.UpdateRewardResponse:
        """Makes a reward's next version."""
        program, reward = names.parse(request.reward.name, _REWARD, "reward.name")
        asking = calls.asking(call, request, program)
        now, replayed = await self._rewards.update(asking, program, reward, changes_of(request))
        calls.mark(call, replayed)
        return pb.UpdateRewardResponse(reward=reward_message(now))

    async def activate_reward(self, request: pb.ActivateRewardRequest, call: CallContext) -> pb.ActivateRewardResponse:
        """Lets members see and redeem a reward."""
        program, reward = names.parse(request.name, _REWARD)
        now, replayed = await self._rewards.activate(calls.asking(call, request, program), program, reward)
        calls.mark(call, replayed)
        return pb.ActivateRewardResponse(reward=reward_message(now))

    async def pause_reward(self, request: pb.PauseRewardRequest, call: CallContext) -> pb.PauseRewardResponse:
        """Hides a reward from members."""
        program, reward = names.parse(request.name, _REWARD)
        now, replayed = await self._rewards.pause(calls.asking(call, request, program), program, reward)
        calls.mark(call, replayed)
        return pb.PauseRewardResponse(reward=reward_message(now))

    async def archive_reward(self, request: pb.ArchiveRewardRequest, call: CallContext) -> pb.ArchiveRewardResponse:
        """Ends a reward for good."""
        program, reward = names.parse(request.name, _REWARD)
        now, replayed = await self._rewards.archive(calls.asking(call, request, program), program, reward)
        calls.mark(call, replayed)
        return pb.ArchiveRewardResponse(reward=reward_message(now))

    async def add_stock(self, request: pb.AddStockRequest, call: CallContext) -> pb.AddStockResponse:
        """Adds pieces."""
        program, reward = names.parse(request.reward, _REWARD, "reward")
        asking = calls.asking(call, request, program)
        now, replayed = await self._rewards.add_stock(asking, program, reward, request.amount)
        calls.mark(call, replayed)
        return pb.AddStockResponse(reward=reward_message(now))

    async def import_codes(
        self, chunks: AsyncIterator[pb.ImportCodesRequest], call: CallContext
    ) -> pb.ImportCodesResponse:
        """Adds codes, chunk by chunk."""
        answer = pb.ImportCodesResponse()
        target = ""
        before = 0
        all_replayed = True
        async for chunk in chunks:
            target = target or chunk.reward
            if chunk.reward != target:
                raise InvalidField.of("reward", "must be the same in every chunk of a stream")
            program, reward = names.parse(chunk.reward, _REWARD, "reward")
            asking = self._asking_for_codes(call, chunk, program)
            outcome, replayed = await self._codes.add(asking, program, reward, chunk.codes)
            all_replayed = all_replayed and replayed
            answer.imported_count += outcome.imported
            answer.rejected_count += len(outcome.rejected)
            for place, why in outcome.rejected[: REPORTED_REJECTIONS - len(answer.rejected)]:
                answer.rejected.add(row=before + place + 1, reason=REJECTIONS[why])
            before += len(chunk.codes)
        if not target:
            raise InvalidField.of("codes", "the stream has no chunk")
        calls.mark(call, all_replayed)
        return answer

    async def list_rewards(self, request: pb.ListRewardsRequest, call: CallContext) -> pb.ListRewardsResponse:
        """Shows an account what it can buy."""
        (program,) = names.parse(request.parent, _PROGRAM, "parent")
        calls.require_same_program(program, names.parse(request.account, _ACCOUNT, "account")[0], "account")
        size = pages.page_size(request.page_size)
        sought = sought_of(request)
        query = (call.method, request.parent, request.account, repr(sought))
        after = reward_position(sought.order, request.page_token, query)
        shelf = await self._rewards.shelf(
            program, request.account, sought, after, size + 1, actor=call.caller.actor, until=call.deadline
        )
        shown = [one for one in shelf.offers[:size] if one.affordable or not sought.affordable_only]
        answer = pb.ListRewardsResponse(offers=map(offer_message, shown), available_points=shelf.available_points)
        if len(shelf.offers) > size:
            answer.next_page_token = reward_token(sought.order, shelf.offers[size - 1].reward, query)
        return answer

    async def redeem(self, request: pb.RedeemRequest, call: CallContext) -> pb.RedeemResponse:
        """Buys a reward."""
        program, reward = names.parse(request.reward, _REWARD, "reward")
        calls.require_same_program(program, names.parse(request.account, _ACCOUNT, "account")[0], "account")
        asking = calls.asking(call, request, program)
        member = groups_of(request.member_groups)
        wish = Wish(
            program=program,
            reward=reward,
            account=request.account,
            version=request.reward_version,
            points=request.points,
            member=member,
            wallet=request.wallet,
            destination=request.destination_account_id,
            least_received=request.min_received_points,
        )
        redemption, replayed = await self._redemptions.redeem(asking, wish)
        calls.mark(call, replayed)
        return pb.RedeemResponse(redemption=await self._shown(redemption, call))

    async def grant_reward(self, request: pb.GrantRewardRequest, call: CallContext) -> pb.GrantRewardResponse:
        """Gives a reward."""
        program, reward = names.parse(request.reward, _REWARD, "reward")
        calls.require_same_program(program, names.parse(request.account, _ACCOUNT, "account")[0], "account")
        asking = calls.asking(call, request, program)
        wish = Wish(program, reward, request.account, 0, 0, Groups(), "", granted=True)
        redemption, replayed = await self._redemptions.redeem(asking, wish)
        calls.mark(call, replayed)
        return pb.GrantRewardResponse(redemption=await self._shown(redemption, call))

    async def confirm_payment(self, request: pb.ConfirmPaymentRequest, call: CallContext) -> pb.ConfirmPaymentResponse:
        """Sees a redemption through whose money is there."""
        program, redemption = names.parse(request.name, _REDEMPTION)
        asking = calls.asking(call, request, program)
        now, replayed = await self._redemptions.pay(
            asking, program, redemption, request.payment, read_cash(request.cash)
        )
        calls.mark(call, replayed)
        return pb.ConfirmPaymentResponse(redemption=await self._shown(now, call))

    async def get_redemption(self, request: pb.GetRedemptionRequest, call: CallContext) -> pb.GetRedemptionResponse:
        """Reads a redemption."""
        found = await self._redemptions.get(*names.parse(request.name, _REDEMPTION))
        return pb.GetRedemptionResponse(redemption=await self._shown(found, call))

    async def list_redemptions(
        self, request: pb.ListRedemptionsRequest, call: CallContext
    ) -> pb.ListRedemptionsResponse:
        """Reads redemptions, newest first."""
        (program,) = names.parse(request.parent, _PROGRAM, "parent")
        if request.account:
            calls.require_same_program(program, names.parse(request.account, _ACCOUNT, "account")[0], "account")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent, request.account)
        before = time_position(request.page_token, query)
        found = await self._redemptions.newest(program, request.account, before, size + 1)
        answer = pb.ListRedemptionsResponse(redemptions=map(redemption_message, found[:size]))
        if len(found) > size:
            answer.next_page_token = time_token(found[size - 1], query)
        return answer

    async def fulfil_redemption(
        self, request: pb.FulfilRedemptionRequest, call: CallContext
    ) -> pb.FulfilRedemptionResponse:
        """Says that a redemption was handed over."""
        program, redemption = names.parse(request.name, _REDEMPTION)
        asking = calls.asking(call, request, program)
        now, replayed = await self._redemptions.fulfil(asking, program, redemption)
        calls.mark(call, replayed)
        return pb.FulfilRedemptionResponse(redemption=redemption_message(now))

    async def cancel_redemption(
        self, request: pb.CancelRedemptionRequest, call: CallContext
    ) -> pb.CancelRedemptionResponse:
        """Calls a redemption off."""
        program, redemption = names.parse(request.name, _REDEMPTION)
        asking = calls.asking(call, request, program)
        now, replayed = await self._redemptions.cancel(asking, program, redemption)
        calls.mark(call, replayed)
        return pb.CancelRedemptionResponse(redemption=redemption_message(now))

    async def refund_redemption(
        self, request: pb.RefundRedemptionRequest, call: CallContext
    ) -> pb.RefundRedemptionResponse:
        """Gives points back for what was handed over."""
        program, redemption = names.parse(request.name, _REDEMPTION)
        asking = calls.asking(call, request, program)
        now, replayed = await self._redemptions.refund(asking, program, redemption, request.points)
        calls.mark(call, replayed)
        return pb.RefundRedemptionResponse(redemption=redemption_message(now))

    async def _shown(self, redemption: Redemption, call: CallContext) -> res.Redemption:
        shown = redemption_message(redemption)
        if call.caller.may(SEE_CODES):
            shown.code = await self._redemptions.code_of(redemption)
            if shown.code:
                call.fields["code_shown_of"] = redemption.name  # who saw it is a line in the log; what it is, is not
        return shown

    def _asking_for_codes(self, call: CallContext, chunk: pb.ImportCodesRequest, program: str) -> Asking:
        """With a fingerprint of keyed digests: from a plain hash of the codes, short ones could be guessed."""
        digests = [self._keys.digest(program, code).hex() for code in chunk.codes]
        disguised = pb.ImportCodesRequest(reward=chunk.reward, codes=digests, request_id=chunk.request_id)
        return calls.asking(call, disguised, program)
