"""The operator's contract."""

from __future__ import annotations

from guerdon.exchange.v1 import coalition_admin_service_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.names import parse
from partner_exchange.domain.partners import parse_jwk
from partner_exchange.operations.exchanges import Exchanges
from partner_exchange.operations.lifecycle import Lifecycle
from partner_exchange.operations.link_policies import LinkPolicies
from partner_exchange.operations.partner_terms import PartnerTerms
from partner_exchange.operations.partners import Partners
from partner_exchange.operations.rate_books import RateBooks
from partner_exchange.servicer import rate_messages, reading, writing
from partner_exchange.servicer.links import link_policy, policy_message
from partner_exchange.servicer.partners import PartnerRpcs
from partner_exchange.servicer.reading import COALITION, KEY, PARTNER, asking, mark

_VERSIONS_END = 2**31 - 1
"""Beyond every version of a book."""


class CoalitionAdminServicer(PartnerRpcs):
    """`guerdon.exchange.v1.CoalitionAdminService`."""

    service = pb.DESCRIPTOR.services_by_name["CoalitionAdminService"]

    def __init__(
        self,
        partners: Partners,
        lifecycle: Lifecycle,
        terms: PartnerTerms,
        link_policies: LinkPolicies,
        rate_books: RateBooks,
        exchanges: Exchanges,
    ) -> None:
        PartnerRpcs.__init__(self, lifecycle, terms)
        self._partners = partners
        self._link_policies = link_policies
        self._rate_books = rate_books
        self._exchanges = exchanges

    async def create_coalition(
        self, request: pb.CreateCoalitionRequest, call: CallContext
    ) -> pb.CreateCoalitionResponse:
        """Makes a coalition."""
        wanted = request.coalition
        (coalition_id,) = parse(wanted.name, COALITION, "coalition.name")
        policy = link_policy(wanted.link_policy, "coalition.link_policy")
        made, replayed = await self._partners.create_coalition(
            asking(call, request, wanted.name),
            coalition_id,
            wanted.display_name,
            wanted.settlement_currency_code,
            wanted.time_zone or "UTC",
            reading.rate_move_max(wanted),
            policy,
        )
        mark(call, replayed)
        answer = pb.CreateCoalitionResponse(coalition=writing.coalition(made))
        answer.coalition.link_policy.CopyFrom(policy_message(policy))
        return answer

    async def update_link_policy(
        self, request: pb.UpdateLinkPolicyRequest, call: CallContext
    ) -> pb.UpdateLinkPolicyResponse:
        """Changes what a coalition asks of links."""
        (coalition_id,) = parse(request.coalition, COALITION, "coalition")
        policy = link_policy(request.link_policy, "link_policy")
        replayed = await self._link_policies.update(asking(call, request, request.coalition), coalition_id, policy)
        mark(call, replayed)
        return pb.UpdateLinkPolicyResponse(link_policy=policy_message(policy))

    async def create_partner(self, request: pb.CreatePartnerRequest, call: CallContext) -> pb.CreatePartnerResponse:
        """Takes a brand in."""
        profile = reading.profile(request.partner)
        keys = reading.keys(request.jwks)
        asked = asking(call, request, request.partner.name)
        made, replayed = await self._partners.create_partner(asked, profile, keys)
        mark(call, replayed)
        return pb.CreatePartnerResponse(partner=writing.partner(made))

    async def get_partner(self, request: pb.GetPartnerRequest, _call: CallContext) -> pb.GetPartnerResponse:
        """Reads a partner."""
        (partner_id,) = parse(request.name, PARTNER)
        return pb.GetPartnerResponse(partner=writing.partner(await self._partners.get(partner_id)))

    async def add_partner_key(self, request: pb.AddPartnerKeyRequest, call: CallContext) -> pb.AddPartnerKeyResponse:
        """Registers a key."""
        (partner_id,) = parse(request.parent, PARTNER, "parent")
        key = parse_jwk(request.jwk, "jwk")
        now, replayed = await self._partners.add_key(asking(call, request, request.parent), partner_id, key)
        mark(call, replayed)
        return pb.AddPartnerKeyResponse(partner=writing.partner(now))

    async def retire_partner_key(
        self, request: pb.RetirePartnerKeyRequest, call: CallContext
    ) -> pb.RetirePartnerKeyResponse:
        """Retires a key."""
        partner_id, key_id = parse(request.name, KEY)
        asked = asking(call, request, f"partners/{partner_id}")
        now, replayed = await self._partners.retire_key(asked, partner_id, key_id)
        mark(call, replayed)
        return pb.RetirePartnerKeyResponse(partner=writing.partner(now))

    async def publish_rate_book(
        self, request: pb.PublishRateBookRequest, call: CallContext
    ) -> pb.PublishRateBookResponse:
        """Publishes a book."""
        asked = asking(call, request, request.parent)
        record, pairs, replayed = await self._rate_books.publish(
            asked, reading.person(call), rate_messages.draft(request)
        )
        mark(call, replayed)
        return pb.PublishRateBookResponse(rate_book=rate_messages.book(record, pairs))

    async def approve_rate_book(
        self, request: pb.ApproveRateBookRequest, call: CallContext
    ) -> pb.ApproveRateBookResponse:
        """Approves a proposed book."""
        coalition_id, version = reading.rate_book(request.name)
        asked = asking(call, request, f"coalitions/{coalition_id}")
        record, pairs, replayed = await self._rate_books.approve(asked, reading.person(call), coalition_id, version)
        mark(call, replayed)
        return pb.ApproveRateBookResponse(rate_book=rate_messages.book(record, pairs))

    async def reject_rate_book(self, request: pb.RejectRateBookRequest, call: CallContext) -> pb.RejectRateBookResponse:
        """Rejects a proposed book."""
        coalition_id, version = reading.rate_book(request.name)
        asked = asking(call, request, f"coalitions/{coalition_id}")
        record, pairs, replayed = await self._rate_books.reject(asked, reading.person(call), coalition_id, version)
        mark(call, replayed)
        return pb.RejectRateBookResponse(rate_book=rate_messages.book(record, pairs))

    async def withdraw_book(self, request: pb.WithdrawBookRequest, call: CallContext) -> pb.WithdrawBookResponse:
        """Withdraws a published book."""
        coalition_id, version = reading.rate_book(request.name)
        asked = asking(call, request, f"coalitions/{coalition_id}")
        record, pairs, replayed = await self._rate_books.withdraw(asked, coalition_id, version)
        mark(call, replayed)
        return pb.WithdrawBookResponse(rate_book=rate_messages.book(record, pairs))

    async def get_rate_book(self, request: pb.GetRateBookRequest, _call: CallContext) -> pb.GetRateBookResponse:
        """Reads a book."""
        record, pairs = await self._rate_books.get(*reading.rate_book(request.name))
        return pb.GetRateBookResponse(rate_book=rate_messages.book(record, pairs))

    async def list_rate_books(self, request: pb.ListRateBooksRequest, call: CallContext) -> pb.ListRateBooksResponse:
        """Reads books, newest first."""
        (coalition_id,) = parse(request.parent, COALITION, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        before = _VERSIONS_END
        if request.page_token:
            (version,) = pages.read_token(request.page_token, query, (int,))
            before = min(int(version), before)
        found = await self._rate_books.newest(coalition_id, before, size + 1)
        answer = pb.ListRateBooksResponse(rate_books=[rate_messages.book(record) for record in found[:size]])
        if len(found) > size:
            answer.next_page_token = pages.write_token(query, (found[size - 1].edition.version,))
        return answer

    async def list_positions(self, request: pb.ListPositionsRequest, call: CallContext) -> pb.ListPositionsResponse:
        """Reads positions."""
        (coalition_id,) = parse(request.parent, COALITION, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent, request.window)
        window = None
        if request.window:
            of, window = reading.window(request.window, "window")
            if of != coalition_id:
                raise InvalidField.of("window", "must be of the coalition")
        after = ("", "")
        if request.page_token:
            sender, receiver = pages.read_token(request.page_token, query, (str, str))
            after = (str(sender), str(receiver))
        coalition, found = await self._exchanges.positions(coalition_id, window, after, size + 1)
        answer = pb.ListPositionsResponse(
            positions=[writing.position(position, coalition.currency) for position in found[:size]]
        )
        if len(found) > size:
            last = found[size - 1]
            answer.next_page_token = pages.write_token(query, (last.sender, last.receiver))
        return answer
