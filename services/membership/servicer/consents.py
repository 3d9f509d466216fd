"""Membership's RPCs about consent to spend."""

from __future__ import annotations

from guerdon.membership.v1 import consent_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from membership.operations.consents import Consents
from membership.operations.programs import Programs
from membership.servicer.reading import MEMBER
from membership.servicer.writing import tell_replay


class ConsentRpcs:
    """What `guerdon.membership.v1.MembershipService` does with PINs."""

    def __init__(self, programs: Programs, consents: Consents) -> None:
        self._programs = programs
        self._consents = consents

    async def set_pin(self, request: pb.SetPinRequest, call: CallContext) -> pb.SetPinResponse:
        """Sets a PIN."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        # A digest of so few digits would tell them: the request's record is made without.
        said = pb.SetPinRequest(name=request.name, request_id=request.request_id)
        fingerprint = Fingerprint.of(call, said, program.name)
        tell_replay(call, await self._consents.set_pin(program, member_id, request.pin, fingerprint))
        return pb.SetPinResponse()

    async def verify_consent(self, request: pb.VerifyConsentRequest, _call: CallContext) -> pb.VerifyConsentResponse:
        """Verifies a PIN."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        await self._consents.verify(program, member_id, request.pin)
        return pb.VerifyConsentResponse()
