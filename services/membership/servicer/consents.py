"""Membership's RPCs about consent to spend."""

from __future__ import annotations

from guerdon.membership.v1 import consent_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from membership.operations.consents import Consents
from membership.operations.one_time_consents import OneTimeConsents
from membership.operations.programs import Programs
from membership.servicer.reading import MEMBER
from membership.servicer.writing import tell_replay


class ConsentRpcs:
    """What `guerdon.membership.v1.MembershipService` does with PINs, codes and tokens."""

    def __init__(self, programs: Programs, consents: Consents, one_time_consents: OneTimeConsents) -> None:
        self._programs = programs
        self._consents = consents
        self._one_time_consents = one_time_consents

    async def set_pin(self, request: pb.SetPinRequest, call: CallContext) -> pb.SetPinResponse:
        """Sets a PIN."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        # A digest of so few digits would tell them: the request's record is made without.
        said = pb.SetPinRequest(name=request.name, request_id=request.request_id)
        fingerprint = Fingerprint.of(call, said, program.name)
        tell_replay(call, await self._consents.set_pin(program, member_id, request.pin, fingerprint))
        return pb.SetPinResponse()

    async def create_consent_code(
        self, request: pb.CreateConsentCodeRequest, call: CallContext
    ) -> pb.CreateConsentCodeResponse:
        """Makes a code."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        code, expire_time, replayed = await self._one_time_consents.create_code(program, member_id, fingerprint)
        tell_replay(call, replayed)
        return pb.CreateConsentCodeResponse(code=code, expire_time=timestamp(expire_time))

    async def create_consent_token(
        self, request: pb.CreateConsentTokenRequest, call: CallContext
    ) -> pb.CreateConsentTokenResponse:
        """Makes a token."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        token, expire_time, replayed = await self._one_time_consents.create_token(program, member_id, fingerprint)
        tell_replay(call, replayed)
        return pb.CreateConsentTokenResponse(token=token, expire_time=timestamp(expire_time))

    async def verify_consent(self, request: pb.VerifyConsentRequest, call: CallContext) -> pb.VerifyConsentResponse:
        """Verifies a PIN, a code or a token."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        said = pb.VerifyConsentRequest(name=request.name, request_id=request.request_id)  # as for a PIN that is set
        fingerprint = Fingerprint.of(call, said, program.name)
        match request.WhichOneof("consent"):
            case "pin":
                await self._consents.verify(program, member_id, request.pin)
            case "code":
                given = program, member_id, request.code, fingerprint
                tell_replay(call, await self._one_time_consents.verify_code(*given))
            case "token":
                given = program, member_id, request.token, fingerprint
                tell_replay(call, await self._one_time_consents.verify_token(*given))
            case _:
                raise InvalidField.of("consent", "must be a pin, a code or a token")
        return pb.VerifyConsentResponse()
