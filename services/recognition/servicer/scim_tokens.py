"""SCIM tokens: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import scim_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.scim_tokens import ScimToken
from recognition.operations.scim_tokens import ScimTokens
from recognition.servicer.naming import ORGANISATION, tell_replay

_SCIM_TOKEN = "organisations/{organisation}/scimTokens/{scim_token}"  # noqa: S105 - the pattern of a name


class ScimTokenServicer:
    """`guerdon.recognition.v1.ScimTokenService`."""

    service = pb.DESCRIPTOR.services_by_name["ScimTokenService"]

    def __init__(self, tokens: ScimTokens) -> None:
        self._tokens = tokens

    async def create_scim_token(
        self, request: pb.CreateScimTokenRequest, call: CallContext
    ) -> pb.CreateScimTokenResponse:
        """Makes a token."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        fingerprint = Fingerprint.of(call, request, request.parent)
        made, secret, replayed = await self._tokens.create(
            fingerprint, organisation, request.scim_token.display_name, request.scim_token.issuer, call.caller.actor
        )
        tell_replay(call, replayed)
        return pb.CreateScimTokenResponse(scim_token=write_scim_token(made), secret=secret)

    async def revoke_scim_token(
        self, request: pb.RevokeScimTokenRequest, call: CallContext
    ) -> pb.RevokeScimTokenResponse:
        """Ends a token."""
        organisation, token = parse(request.name, _SCIM_TOKEN)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        ended, replayed = await self._tokens.revoke(fingerprint, organisation, token)
        tell_replay(call, replayed)
        return pb.RevokeScimTokenResponse(scim_token=write_scim_token(ended))

    async def list_scim_tokens(
        self, request: pb.ListScimTokensRequest, _call: CallContext
    ) -> pb.ListScimTokensResponse:
        """Lists tokens by id."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListScimTokens", organisation)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._tokens.list_after(organisation, after, size + 1)
        return pb.ListScimTokensResponse(
            scim_tokens=map(write_scim_token, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if len(found) > size else "",
        )


def write_scim_token(token: ScimToken) -> pb.ScimToken:
    """The contract's token."""
    return pb.ScimToken(
        name=token.name,
        display_name=token.display_name,
        issuer=token.issuer,
        create_time=timestamp(token.create_time),
        revoke_time=None if token.revoke_time is None else timestamp(token.revoke_time),
    )
