"""The partners' contract."""

from __future__ import annotations

from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import check_id, parse
from guerdon_kit.pages import END, read_place, write_place
from guerdon_kit.webhooks.endpoints import WebhookEndpoints
from partner_exchange.domain.links import check_reference
from partner_exchange.operations.event_streams import EventStreams
from partner_exchange.operations.exchanges import Exchanges
from partner_exchange.operations.links import Links
from partner_exchange.operations.quotes import Quotes
from partner_exchange.operations.quoting import Quoting
from partner_exchange.servicer import rate_messages, reading, writing
from partner_exchange.servicer.events import EventRpcs
from partner_exchange.servicer.limits import pause_message
from partner_exchange.servicer.links import LinkRpcs
from partner_exchange.servicer.reading import EXCHANGE, PARTNER, QUOTE, asking, mark
from partner_exchange.servicer.webhooks import WebhookRpcs


class CoalitionServicer(EventRpcs, WebhookRpcs, LinkRpcs):
    """`guerdon.exchange.v1.CoalitionService`."""

    service = pb.DESCRIPTOR.services_by_name["CoalitionService"]

    def __init__(
        self,
        quotes: Quotes,
        quoting: Quoting,
        exchanges: Exchanges,
        event_streams: EventStreams,
        webhooks: WebhookEndpoints,
        links: Links,
    ) -> None:
        EventRpcs.__init__(self, event_streams)
        WebhookRpcs.__init__(self, webhooks)
        LinkRpcs.__init__(self, links)
        self._quotes = quotes
        self._quoting = quoting
        self._exchanges = exchanges

    async def get_rate(self, request: pb.GetRateRequest, _call: CallContext) -> pb.GetRateResponse:
        """Reads a rate."""
        (partner_id,) = parse(request.partner, PARTNER, "partner")
        sender = check_id(request.sender_id, "sender_id")
        receiver = check_id(request.receiver_id, "receiver_id")
        time = reading.optional_time(request, "time", "time")
        edition, pair, promotion = await self._quotes.rate(partner_id, sender, receiver, time)
        pause = await self._quotes.pause(sender, receiver)
        return pb.GetRateResponse(
            rate=rate_messages.pair(pair),
            rate_book=edition.name,
            effective_time=timestamp(edition.effective_time),
            end_time=None if edition.end_time is None else timestamp(edition.end_time),
            pause=None if pause is None else pause_message(pause),
            promotion_id=promotion.promotion_id if promotion else "",
        )

    async def create_quote(self, request: pb.CreateQuoteRequest, call: CallContext) -> pb.CreateQuoteResponse:
        """Makes a quote."""
        route = reading.route(request.parent, request.quote)
        asked = asking(call, request, request.parent)
        made = await self._quoting.make(asked, route, reading.wanted(request.quote), request.lifetime_minutes)
        mark(call, made.replayed)
        return pb.CreateQuoteResponse(quote=writing.quote(made.quote, route.source_account, made.currency))

    async def execute_exchange(
        self, request: pb.ExecuteExchangeRequest, call: CallContext
    ) -> pb.ExecuteExchangeResponse:
        """Executes a quote."""
        sender, quote_id = parse(request.quote, QUOTE, "quote")
        asked = asking(call, request, f"partners/{sender}")
        if request.authorization_reference:
            check_reference(request.authorization_reference, "authorization_reference")
        view, replayed = await self._exchanges.execute(asked, sender, quote_id, request.authorization_reference)
        mark(call, replayed)
        return pb.ExecuteExchangeResponse(exchange=writing.exchange(view))

    async def get_exchange(self, request: pb.GetExchangeRequest, _call: CallContext) -> pb.GetExchangeResponse:
        """Reads an exchange."""
        reader, exchange_id = parse(request.name, EXCHANGE)
        return pb.GetExchangeResponse(exchange=writing.exchange(await self._exchanges.get(reader, exchange_id)))

    async def list_exchanges(self, request: pb.ListExchangesRequest, call: CallContext) -> pb.ListExchangesResponse:
        """Reads exchanges, newest first."""
        (reader,) = parse(request.parent, PARTNER, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        found = await self._exchanges.newest(reader, read_place(request.page_token, query, END), size + 1)
        answer = pb.ListExchangesResponse(exchanges=[writing.exchange(view) for view in found[:size]])
        if len(found) > size:
            last = found[size - 1].standing.exchange
            answer.next_page_token = write_place(query, last.create_time, last.exchange_id)
        return answer
