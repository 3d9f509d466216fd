"""The contract of vouchers: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.rewards.v1 import vouchers_pb2 as pb
from guerdon_kit import names, pages
from guerdon_kit.grpc import CallContext
from rewards_catalog.operations.codes import CodePools
from rewards_catalog.operations.vouchers import Vouchers
from rewards_catalog.servicer import calls
from rewards_catalog.servicer.kinds import read_cash
from rewards_catalog.servicer.messages import reward_message
from rewards_catalog.servicer.positions import time_position, time_token
from rewards_catalog.servicer.voucher_messages import (
    refusal_message,
    terms_message,
    terms_of,
    till_of,
    use_message,
    voucher_message,
)

_PROGRAM = "programs/{program}"
_REWARD = "programs/{program}/rewards/{reward}"
_VOUCHER = "programs/{program}/vouchers/{voucher}"
_USE = "programs/{program}/vouchers/{voucher}/uses/{use}"


class VouchersServicer:
    """`guerdon.rewards.v1.VoucherService`."""

    service = pb.DESCRIPTOR.services_by_name["VoucherService"]

    def __init__(self, codes: CodePools, vouchers: Vouchers) -> None:
        self._codes = codes
        self._vouchers = vouchers

    async def generate_codes(self, request: pb.GenerateCodesRequest, call: CallContext) -> pb.GenerateCodesResponse:
        """Makes codes for a pool."""
        program, reward = names.parse(request.reward, _REWARD, "reward")
        now, replayed = await self._codes.generate(calls.asking(call, request, program), program, reward, request.count)
        calls.mark(call, replayed)
        return pb.GenerateCodesResponse(reward=reward_message(now))

    async def set_voucher_terms(
        self, request: pb.SetVoucherTermsRequest, call: CallContext
    ) -> pb.SetVoucherTermsResponse:
        """Says what vouchers of a reward are worth."""
        program, reward = names.parse(request.reward, _REWARD, "reward")
        asked = calls.asking(call, request, program)
        calls.mark(call, await self._vouchers.set_terms(asked, program, reward, terms_of(request.terms)))
        return pb.SetVoucherTermsResponse(terms=terms_message(await self._vouchers.terms(program, reward)))

    async def get_voucher_terms(
        self, request: pb.GetVoucherTermsRequest, call: CallContext
    ) -> pb.GetVoucherTermsResponse:
        """Reads what they are worth."""
        terms = await self._vouchers.terms(*names.parse(request.reward, _REWARD, "reward"))
        return pb.GetVoucherTermsResponse(terms=terms_message(terms))

    async def validate_voucher(
        self, request: pb.ValidateVoucherRequest, call: CallContext
    ) -> pb.ValidateVoucherResponse:
        """Says what a code is worth."""
        (program,) = names.parse(request.parent, _PROGRAM, "parent")
        amount = read_cash(request.amount) if request.HasField("amount") else None
        voucher, refusal = await self._vouchers.validate(call.caller.name, program, request.code, amount)
        answer = pb.ValidateVoucherResponse(voucher=voucher_message(voucher))
        if refusal is not None:
            answer.refusal.CopyFrom(refusal_message(refusal))
        return answer

    async def redeem_voucher(self, request: pb.RedeemVoucherRequest, call: CallContext) -> pb.RedeemVoucherResponse:
        """Uses a voucher."""
        (program,) = names.parse(request.parent, _PROGRAM, "parent")
        # From a plain hash of a short code, which the request's record would keep, it could be guessed.
        disguised = pb.RedeemVoucherRequest()
        disguised.CopyFrom(request)
        disguised.code = self._vouchers.digest(program, request.code).hex()
        use, replayed = await self._vouchers.redeem(
            calls.asking(call, disguised, program),
            call.caller.name,
            program,
            request.code,
            read_cash(request.amount) if request.HasField("amount") else None,
            till_of(request.till),
        )
        calls.mark(call, replayed)
        return pb.RedeemVoucherResponse(use=use_message(use))

    async def undo_voucher_redemption(
        self, request: pb.UndoVoucherRedemptionRequest, call: CallContext
    ) -> pb.UndoVoucherRedemptionResponse:
        """Takes a use back."""
        program, voucher, use = names.parse(request.name, _USE)
        undone, replayed = await self._vouchers.undo(
            calls.asking(call, request, program), program, voucher, use, till_of(request.till)
        )
        calls.mark(call, replayed)
        return pb.UndoVoucherRedemptionResponse(use=use_message(undone))

    async def get_voucher(self, request: pb.GetVoucherRequest, call: CallContext) -> pb.GetVoucherResponse:
        """Reads a voucher."""
        found = await self._vouchers.get(*names.parse(request.name, _VOUCHER))
        return pb.GetVoucherResponse(voucher=voucher_message(found))

    async def list_voucher_uses(
        self, request: pb.ListVoucherUsesRequest, call: CallContext
    ) -> pb.ListVoucherUsesResponse:
        """Reads what tills did with a voucher, newest first."""
        program, voucher = names.parse(request.parent, _VOUCHER, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        before = time_position(request.page_token, query)
        found = await self._vouchers.uses(program, voucher, before, size + 1)
        answer = pb.ListVoucherUsesResponse(uses=map(use_message, found[:size]))
        if len(found) > size:
            answer.next_page_token = time_token(found[size - 1], query)
        return answer
