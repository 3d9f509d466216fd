"""The contract of fulfilment providers: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.rewards.v1 import providers_pb2 as pb
from guerdon_kit import names, pages
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from rewards_catalog.domain.codes import CodeKeys
from rewards_catalog.domain.fulfilment import Issued, Refused
from rewards_catalog.domain.provider_messages import MAX_BODY
from rewards_catalog.domain.providers import USUAL_ORDERS, Provider, ProviderKind
from rewards_catalog.operations.fulfilments import Fulfilments, Webhook
from rewards_catalog.operations.providers import Providers
from rewards_catalog.servicer import calls
from rewards_catalog.servicer.messages import redemption_message

_PROGRAM = "programs/{program}"
_PROVIDER = "programs/{program}/providers/{provider}"
_REDEMPTION = "programs/{program}/redemptions/{redemption}"
_KINDS = {pb.PROVIDER_KIND_HTTP: ProviderKind.HTTP, pb.PROVIDER_KIND_SANDBOX: ProviderKind.SANDBOX}
_MAX_SIGNATURE = 2_000
_CHANGEABLE = frozenset({"url", "max_orders"})


class ProvidersServicer:
    """`guerdon.rewards.v1.ProviderService`."""

    service = pb.DESCRIPTOR.services_by_name["ProviderService"]

    def __init__(self, providers: Providers, fulfilments: Fulfilments, keys: CodeKeys, clock: Clock) -> None:
        self._providers = providers
        self._fulfilments = fulfilments
        self._keys = keys
        self._clock = clock

    async def create_provider(self, request: pb.CreateProviderRequest, call: CallContext) -> pb.CreateProviderResponse:
        """Makes a provider."""
        asked = request.provider
        if asked.kind not in _KINDS:
            raise InvalidField.of("provider.kind", "must be one of the values that the contract names")
        wanted = self._read(asked, _KINDS[asked.kind])
        made, secret, replayed = await self._providers.create(calls.asking(call, request, wanted.program), wanted)
        calls.mark(call, replayed)
        return pb.CreateProviderResponse(provider=_message(made), secret=secret)

    async def update_provider(self, request: pb.UpdateProviderRequest, call: CallContext) -> pb.UpdateProviderResponse:
        """Changes a provider."""
        paths = frozenset(request.update_mask.paths)
        if not paths or not paths <= _CHANGEABLE:
            raise InvalidField.of("update_mask", f"must be some of {', '.join(sorted(_CHANGEABLE))}")
        wanted = self._read(request.provider, ProviderKind.HTTP)  # whichever it is, it stays
        now, replayed = await self._providers.update(calls.asking(call, request, wanted.program), wanted, paths)
        calls.mark(call, replayed)
        return pb.UpdateProviderResponse(provider=_message(now))

    async def get_provider(self, request: pb.GetProviderRequest, call: CallContext) -> pb.GetProviderResponse:
        """Reads a provider."""
        return pb.GetProviderResponse(
            provider=_message(await self._providers.get(*names.parse(request.name, _PROVIDER)))
        )

    async def list_providers(self, request: pb.ListProvidersRequest, call: CallContext) -> pb.ListProvidersResponse:
        """Reads a program's providers."""
        (program,) = names.parse(request.parent, _PROGRAM, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        after = str(pages.read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._providers.after(program, after, size + 1)
        answer = pb.ListProvidersResponse(providers=map(_message, found[:size]))
        if len(found) > size:
            answer.next_page_token = pages.write_token(query, (found[size - 1].id,))
        return answer

    async def rotate_provider_secret(
        self, request: pb.RotateProviderSecretRequest, call: CallContext
    ) -> pb.RotateProviderSecretResponse:
        """Makes a provider's new secret."""
        program, provider = names.parse(request.name, _PROVIDER)
        now, secret, replayed = await self._providers.rotate(calls.asking(call, request, program), program, provider)
        calls.mark(call, replayed)
        return pb.RotateProviderSecretResponse(provider=_message(now), secret=secret)

    async def report_fulfilment(
        self, request: pb.ReportFulfilmentRequest, call: CallContext
    ) -> pb.ReportFulfilmentResponse:
        """Takes what a provider says later."""
        program, provider = names.parse(request.name, _PROVIDER)
        if len(request.body) > MAX_BODY:
            raise InvalidField.of("body", f"must be at most {MAX_BODY} bytes")
        if len(request.webhook_signature) > _MAX_SIGNATURE:
            raise InvalidField.of("webhook_signature", f"must be at most {_MAX_SIGNATURE} characters")
        # Said again, a message has another time and another signature; and from a plain hash its code could be guessed.
        disguised = pb.ReportFulfilmentRequest(
            name=request.name, request_id=request.request_id, body=self._keys.digest(program, request.body.hex())
        )
        webhook = Webhook(request.request_id, request.webhook_timestamp, request.webhook_signature, request.body)
        # The ids are each provider's own, though one gateway brings them all.
        asking = calls.asking(call, disguised, program, within=request.name)
        now, replayed = await self._fulfilments.report(asking, program, provider, webhook)
        calls.mark(call, replayed)
        return pb.ReportFulfilmentResponse(redemption=redemption_message(now))

    async def decide_fulfilment(
        self, request: pb.DecideFulfilmentRequest, call: CallContext
    ) -> pb.DecideFulfilmentResponse:
        """Says in a provider's stead what became of a redemption."""
        program, redemption = names.parse(request.name, _REDEMPTION)
        outcome: Issued | Refused
        match request.WhichOneof("outcome"):
            case "issued":
                outcome = Issued(request.issued.code)
            case "refused":
                outcome = Refused(request.refused.reason)
            case _:
                raise InvalidField.of("outcome", "must be one of the contract's")
        disguised = pb.DecideFulfilmentRequest()
        disguised.CopyFrom(request)
        if request.issued.code:
            disguised.issued.code = self._keys.digest(program, request.issued.code).hex()
        now, replayed = await self._fulfilments.decide(
            calls.asking(call, disguised, program), program, redemption, outcome
        )
        calls.mark(call, replayed)
        return pb.DecideFulfilmentResponse(redemption=redemption_message(now))

    def _read(self, asked: pb.Provider, kind: ProviderKind) -> Provider:
        program, provider = names.parse(asked.name, _PROVIDER, "provider.name")
        now = self._clock.now()
        return Provider(program, provider, kind, asked.url, asked.max_orders or USUAL_ORDERS, now, now)


def _message(provider: Provider) -> pb.Provider:
    return pb.Provider(
        name=provider.name,
        kind=pb.ProviderKind.Value(f"PROVIDER_KIND_{provider.kind}"),
        url=provider.url,
        max_orders=provider.max_orders,
        create_time=timestamp(provider.create_time),
        secret_create_time=timestamp(provider.secret_create_time),
    )
