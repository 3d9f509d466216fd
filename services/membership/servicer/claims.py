"""Membership's RPCs about purchases of nobody known, as far as they differ from those of members."""

from __future__ import annotations

from guerdon.membership.v1 import claim_pb2, purchase_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from membership.domain.claims import Proof
from membership.domain.program import Program
from membership.domain.rows import Row
from membership.operations.claims import Claims
from membership.operations.programs import Programs
from membership.operations.purchases import Purchases
from membership.servicer import reading, writing
from membership.servicer.profiles import day_of
from membership.servicer.reading import MEMBER, PURCHASE
from membership.servicer.writing import tell_replay


class ClaimRpcs:
    """What `guerdon.membership.v1.MembershipService` does with purchases that members may claim."""

    def __init__(self, programs: Programs, claims: Claims, purchases: Purchases) -> None:
        self._programs = programs
        self._claims = claims
        self._purchases = purchases

    async def claim_purchase(
        self, request: claim_pb2.ClaimPurchaseRequest, call: CallContext
    ) -> claim_pb2.ClaimPurchaseResponse:
        """Claims a purchase."""
        program_id, purchase_id = parse(request.name, PURCHASE)
        owner, member_id = parse(request.member, MEMBER, "member")
        if owner != program_id:
            raise InvalidField.of("member", "must be a member of the purchase's program")
        currency = reading.amount_currency(request.amount, "amount")
        program = await self._programs.get(program_id)
        reading.require_currency(program, currency)
        proof = Proof(request.amount.minor_units, day_of(request.date))
        fingerprint = Fingerprint.of(call, request, program.name)
        already, replayed = await self._claims.claim(
            program, purchase_id, member_id, proof, fingerprint, call.caller.actor, call.remaining_s()
        )
        tell_replay(call, replayed)
        return claim_pb2.ClaimPurchaseResponse(
            purchase=await self._purchase(program, purchase_id), already_claimed=already
        )

    async def _record_guest(
        self, program: Program, row: Row, fingerprint: Fingerprint, call: CallContext
    ) -> pb.RecordPurchaseResponse:
        """Records a purchase of nobody known."""
        already, replayed = await self._claims.record(program, row, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.RecordPurchaseResponse(
            purchase=await self._purchase(program, row.purchase_id), already_recorded=already
        )

    async def _purchase(self, program: Program, purchase_id: str) -> purchase_pb2.Purchase:
        """A purchase, whoever's it is."""
        try:
            return writing.purchase(program, await self._purchases.get(program, purchase_id))
        except NotFound:
            guest = await self._claims.find(program, purchase_id)
            if guest is not None:
                return writing.guest_purchase(program, guest)
        return writing.purchase(program, await self._purchases.get(program, purchase_id))  # it may just be claimed
