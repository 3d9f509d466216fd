"""A thin client: the generated stubs over one channel, with a token, deadlines, safe retries and errors."""

from __future__ import annotations

import json
import re
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Self, cast

import grpc
import grpc.aio

from guerdon._interceptor import Decorator, TokenSource

if TYPE_CHECKING:
    from guerdon.exchange.v1.coalition_admin_service_pb2_grpc import CoalitionAdminServiceAsyncStub
    from guerdon.exchange.v1.coalition_service_pb2_grpc import CoalitionServiceAsyncStub
    from guerdon.exchange.v1.disputes_pb2_grpc import DisputeServiceAsyncStub
    from guerdon.exchange.v1.limits_pb2_grpc import LimitServiceAsyncStub
    from guerdon.exchange.v1.resolutions_pb2_grpc import ResolutionServiceAsyncStub
    from guerdon.exchange.v1.reversals_pb2_grpc import ReversalServiceAsyncStub
    from guerdon.exchange.v1.settlement_pb2_grpc import SettlementServiceAsyncStub
    from guerdon.exchange.v1.statements_pb2_grpc import StatementServiceAsyncStub
    from guerdon.ledger.v1.ledger_pb2_grpc import LedgerServiceAsyncStub
    from guerdon.membership.v1.membership_pb2_grpc import MembershipServiceAsyncStub
    from guerdon.recognition.v1.achievements_pb2_grpc import AchievementServiceAsyncStub
    from guerdon.recognition.v1.add_ons_pb2_grpc import AddOnServiceAsyncStub
    from guerdon.recognition.v1.allowances_pb2_grpc import AllowanceServiceAsyncStub
    from guerdon.recognition.v1.approvals_pb2_grpc import DelegationServiceAsyncStub
    from guerdon.recognition.v1.award_budgets_pb2_grpc import AwardBudgetServiceAsyncStub
    from guerdon.recognition.v1.award_programs_pb2_grpc import AwardProgramServiceAsyncStub
    from guerdon.recognition.v1.awards_pb2_grpc import AwardServiceAsyncStub
    from guerdon.recognition.v1.billing_pb2_grpc import BillingServiceAsyncStub
    from guerdon.recognition.v1.budgets_pb2_grpc import BudgetServiceAsyncStub
    from guerdon.recognition.v1.celebrations_pb2_grpc import CelebrationServiceAsyncStub
    from guerdon.recognition.v1.comments_pb2_grpc import CommentServiceAsyncStub
    from guerdon.recognition.v1.fairness_pb2_grpc import FairnessServiceAsyncStub
    from guerdon.recognition.v1.feed_pb2_grpc import FeedServiceAsyncStub
    from guerdon.recognition.v1.imports_pb2_grpc import ImportServiceAsyncStub
    from guerdon.recognition.v1.incentives_pb2_grpc import IncentiveServiceAsyncStub
    from guerdon.recognition.v1.insights_pb2_grpc import InsightServiceAsyncStub
    from guerdon.recognition.v1.leavers_pb2_grpc import LeaverServiceAsyncStub
    from guerdon.recognition.v1.manager_budgets_pb2_grpc import ManagerBudgetServiceAsyncStub
    from guerdon.recognition.v1.organisations_pb2_grpc import OrganisationServiceAsyncStub
    from guerdon.recognition.v1.recognition_pb2_grpc import RecognitionServiceAsyncStub
    from guerdon.recognition.v1.reviews_pb2_grpc import ReviewServiceAsyncStub
    from guerdon.recognition.v1.scim_pb2_grpc import ScimTokenServiceAsyncStub
    from guerdon.recognition.v1.teams_pb2_grpc import TeamServiceAsyncStub
    from guerdon.recognition.v1.webhooks_pb2_grpc import WebhookServiceAsyncStub
    from guerdon.rewards.v1.providers_pb2_grpc import ProviderServiceAsyncStub
    from guerdon.rewards.v1.rewards_pb2_grpc import RewardsServiceAsyncStub
    from guerdon.rewards.v1.support_pb2_grpc import SupportServiceAsyncStub
    from guerdon.rewards.v1.vouchers_pb2_grpc import VoucherServiceAsyncStub

__all__ = ["Client", "TokenSource", "new_request_id", "was_replayed"]

_LOCAL = re.compile(r"unix(-abstract)?:|(dns:///|ipv[46]:)?(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$")

# Safe for writes too: each carries a request_id, and one that was carried out before is only answered again.
_RETRY_UNAVAILABLE = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

# By default a server that was refused once is not tried again for a second, then for longer and longer, up to two
# minutes: every retry above would fail at once while a restarted server has long been back.
_RECONNECT = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    # What it bounds is how long one attempt to connect may take, however busy the server and far away.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class Client:
    """The services of one address. Use it as an async context manager, or call `close`.

    Every attribute is a generated stub: `await client.ledger.GetBalance(request)`, or `async for` over a
    streaming method. A failed call raises a `guerdon.GuerdonError`.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | TokenSource | None = None,
        tls: grpc.ChannelCredentials | bool | None = None,
        timeout_seconds: float = 10.0,
        stream_timeout_seconds: float = 600.0,
    ) -> None:
        """Connect on first use.

        `target` is a gRPC address, such as `points.example.com:443`. `token` is a bearer token, or an async
        function that is asked for one before each call (it keeps its own cache). `tls` is True for the
        system's roots, or `grpc.ssl_channel_credentials(...)` for others or for a client certificate; None
        means TLS for everything but this machine's own addresses, and False none at all. The two timeouts, in
        seconds, apply to calls that bring none: the first to those with one request and one answer, the
        second to those that stream.
        """
        decorator = Decorator(token, timeout_seconds=timeout_seconds, stream_timeout_seconds=stream_timeout_seconds)
        options = [("grpc.service_config", json.dumps(_RETRY_UNAVAILABLE)), *_RECONNECT]
        credentials = _credentials(target, tls)
        if credentials is None:
            channel = grpc.aio.insecure_channel(target, options, interceptors=decorator.interceptors())
        else:
            channel = grpc.aio.secure_channel(target, credentials, options, interceptors=decorator.interceptors())
        self._channel = channel

    # A generated stub is one class at run time, and two in its types: the blocking and the async one. Each is imported
    # when first asked for: a program loads the contracts that it uses.

    @cached_property
    def ledger(self) -> LedgerServiceAsyncStub:
        """Accounts, transactions, holds, balances and statements."""
        from guerdon.ledger.v1.ledger_pb2_grpc import LedgerServiceStub

        return cast("LedgerServiceAsyncStub", LedgerServiceStub(self._channel))

    @cached_property
    def membership(self) -> MembershipServiceAsyncStub:
        """Members, purchases, returns and tiers."""
        from guerdon.membership.v1.membership_pb2_grpc import MembershipServiceStub

        return cast("MembershipServiceAsyncStub", MembershipServiceStub(self._channel))

    @cached_property
    def rewards(self) -> RewardsServiceAsyncStub:
        """Rewards, stock and redemptions."""
        from guerdon.rewards.v1.rewards_pb2_grpc import RewardsServiceStub

        return cast("RewardsServiceAsyncStub", RewardsServiceStub(self._channel))

    @cached_property
    def vouchers(self) -> VoucherServiceAsyncStub:
        """Codes that were issued, and what tills do with them."""
        from guerdon.rewards.v1.vouchers_pb2_grpc import VoucherServiceStub

        return cast("VoucherServiceAsyncStub", VoucherServiceStub(self._channel))

    @cached_property
    def providers(self) -> ProviderServiceAsyncStub:
        """Fulfilment providers, and what they say about redemptions."""
        from guerdon.rewards.v1.providers_pb2_grpc import ProviderServiceStub

        return cast("ProviderServiceAsyncStub", ProviderServiceStub(self._channel))

    @cached_property
    def support(self) -> SupportServiceAsyncStub:
        """Cases of members, and goodwill."""
        from guerdon.rewards.v1.support_pb2_grpc import SupportServiceStub

        return cast("SupportServiceAsyncStub", SupportServiceStub(self._channel))

    @cached_property
    def coalition(self) -> CoalitionServiceAsyncStub:
        """Rates, quotes and exchanges, for the partners of a coalition."""
        from guerdon.exchange.v1.coalition_service_pb2_grpc import CoalitionServiceStub

        return cast("CoalitionServiceAsyncStub", CoalitionServiceStub(self._channel))

    @cached_property
    def coalition_admin(self) -> CoalitionAdminServiceAsyncStub:
        """Partners, their keys, rate books and positions, for who runs a coalition."""
        from guerdon.exchange.v1.coalition_admin_service_pb2_grpc import CoalitionAdminServiceStub

        return cast("CoalitionAdminServiceAsyncStub", CoalitionAdminServiceStub(self._channel))

    @cached_property
    def exchange_limits(self) -> LimitServiceAsyncStub:
        """How much may be exchanged, and what partners may owe."""
        from guerdon.exchange.v1.limits_pb2_grpc import LimitServiceStub

        return cast("LimitServiceAsyncStub", LimitServiceStub(self._channel))

    @cached_property
    def settlement(self) -> SettlementServiceAsyncStub:
        """What the brands of a coalition owe each other, and how they pay."""
        from guerdon.exchange.v1.settlement_pb2_grpc import SettlementServiceStub

        return cast("SettlementServiceAsyncStub", SettlementServiceStub(self._channel))

    @cached_property
    def disputes(self) -> DisputeServiceAsyncStub:
        """What partners say was wrong with exchanges, and what is decided."""
        from guerdon.exchange.v1.disputes_pb2_grpc import DisputeServiceStub

        return cast("DisputeServiceAsyncStub", DisputeServiceStub(self._channel))

    @cached_property
    def resolutions(self) -> ResolutionServiceAsyncStub:
        """Exchanges whose partner does not answer, and what two people say in its stead."""
        from guerdon.exchange.v1.resolutions_pb2_grpc import ResolutionServiceStub

        return cast("ResolutionServiceAsyncStub", ResolutionServiceStub(self._channel))

    @cached_property
    def reversals(self) -> ReversalServiceAsyncStub:
        """Exchanges taken back, wholly or in part."""
        from guerdon.exchange.v1.reversals_pb2_grpc import ReversalServiceStub

        return cast("ReversalServiceAsyncStub", ReversalServiceStub(self._channel))

    @cached_property
    def statements(self) -> StatementServiceAsyncStub:
        """What a partner owes and is owed for a settlement window."""
        from guerdon.exchange.v1.statements_pb2_grpc import StatementServiceStub

        return cast("StatementServiceAsyncStub", StatementServiceStub(self._channel))

    @cached_property
    def organisations(self) -> OrganisationServiceAsyncStub:
        """Employers and the people who work for them."""
        from guerdon.recognition.v1.organisations_pb2_grpc import OrganisationServiceStub

        return cast("OrganisationServiceAsyncStub", OrganisationServiceStub(self._channel))

    @cached_property
    def scim_tokens(self) -> ScimTokenServiceAsyncStub:
        """The tokens of identity providers."""
        from guerdon.recognition.v1.scim_pb2_grpc import ScimTokenServiceStub

        return cast("ScimTokenServiceAsyncStub", ScimTokenServiceStub(self._channel))

    @cached_property
    def teams(self) -> TeamServiceAsyncStub:
        """Teams of organisations."""
        from guerdon.recognition.v1.teams_pb2_grpc import TeamServiceStub

        return cast("TeamServiceAsyncStub", TeamServiceStub(self._channel))

    @cached_property
    def webhooks(self) -> WebhookServiceAsyncStub:
        """Where an organisation is told of its public recognitions."""
        from guerdon.recognition.v1.webhooks_pb2_grpc import WebhookServiceStub

        return cast("WebhookServiceAsyncStub", WebhookServiceStub(self._channel))

    @cached_property
    def fairness(self) -> FairnessServiceAsyncStub:
        """What an organisation calls fair."""
        from guerdon.recognition.v1.fairness_pb2_grpc import FairnessServiceStub

        return cast("FairnessServiceAsyncStub", FairnessServiceStub(self._channel))

    @cached_property
    def allowances(self) -> AllowanceServiceAsyncStub:
        """What each person may give."""
        from guerdon.recognition.v1.allowances_pb2_grpc import AllowanceServiceStub

        return cast("AllowanceServiceAsyncStub", AllowanceServiceStub(self._channel))

    @cached_property
    def imports(self) -> ImportServiceAsyncStub:
        """What an organisation brings along from elsewhere."""
        from guerdon.recognition.v1.imports_pb2_grpc import ImportServiceStub

        return cast("ImportServiceAsyncStub", ImportServiceStub(self._channel))

    @cached_property
    def insights(self) -> InsightServiceAsyncStub:
        """What an organisation's recognitions come to."""
        from guerdon.recognition.v1.insights_pb2_grpc import InsightServiceStub

        return cast("InsightServiceAsyncStub", InsightServiceStub(self._channel))

    @cached_property
    def billing(self) -> BillingServiceAsyncStub:
        """What an organisation owes for what was redeemed."""
        from guerdon.recognition.v1.billing_pb2_grpc import BillingServiceStub

        return cast("BillingServiceAsyncStub", BillingServiceStub(self._channel))

    @cached_property
    def budgets(self) -> BudgetServiceAsyncStub:
        """What an organisation's points are paid from."""
        from guerdon.recognition.v1.budgets_pb2_grpc import BudgetServiceStub

        return cast("BudgetServiceAsyncStub", BudgetServiceStub(self._channel))

    @cached_property
    def manager_budgets(self) -> ManagerBudgetServiceAsyncStub:
        """What managers give out."""
        from guerdon.recognition.v1.manager_budgets_pb2_grpc import ManagerBudgetServiceStub

        return cast("ManagerBudgetServiceAsyncStub", ManagerBudgetServiceStub(self._channel))

    @cached_property
    def reviews(self) -> ReviewServiceAsyncStub:
        """What fairness policies hold for somebody to look at."""
        from guerdon.recognition.v1.reviews_pb2_grpc import ReviewServiceStub

        return cast("ReviewServiceAsyncStub", ReviewServiceStub(self._channel))

    @cached_property
    def recognition(self) -> RecognitionServiceAsyncStub:
        """What people thank each other for."""
        from guerdon.recognition.v1.recognition_pb2_grpc import RecognitionServiceStub

        return cast("RecognitionServiceAsyncStub", RecognitionServiceStub(self._channel))

    @cached_property
    def add_ons(self) -> AddOnServiceAsyncStub:
        """Points that others add onto a recognition."""
        from guerdon.recognition.v1.add_ons_pb2_grpc import AddOnServiceStub

        return cast("AddOnServiceAsyncStub", AddOnServiceStub(self._channel))

    @cached_property
    def feed(self) -> FeedServiceAsyncStub:
        """Recognitions, awards and celebrations, in the order in which they were given."""
        from guerdon.recognition.v1.feed_pb2_grpc import FeedServiceStub

        return cast("FeedServiceAsyncStub", FeedServiceStub(self._channel))

    @cached_property
    def comments(self) -> CommentServiceAsyncStub:
        """What others say to a recognition: comments and reactions."""
        from guerdon.recognition.v1.comments_pb2_grpc import CommentServiceStub

        return cast("CommentServiceAsyncStub", CommentServiceStub(self._channel))

    @cached_property
    def award_budgets(self) -> AwardBudgetServiceAsyncStub:
        """What an organisation set apart for awards."""
        from guerdon.recognition.v1.award_budgets_pb2_grpc import AwardBudgetServiceStub

        return cast("AwardBudgetServiceAsyncStub", AwardBudgetServiceStub(self._channel))

    @cached_property
    def award_programs(self) -> AwardProgramServiceAsyncStub:
        """What awards there are, who may nominate, and who approves."""
        from guerdon.recognition.v1.award_programs_pb2_grpc import AwardProgramServiceStub

        return cast("AwardProgramServiceAsyncStub", AwardProgramServiceStub(self._channel))

    @cached_property
    def awards(self) -> AwardServiceAsyncStub:
        """Nominations and decisions."""
        from guerdon.recognition.v1.awards_pb2_grpc import AwardServiceStub

        return cast("AwardServiceAsyncStub", AwardServiceStub(self._channel))

    @cached_property
    def delegations(self) -> DelegationServiceAsyncStub:
        """Who decides in whose stead."""
        from guerdon.recognition.v1.approvals_pb2_grpc import DelegationServiceStub

        return cast("DelegationServiceAsyncStub", DelegationServiceStub(self._channel))

    @cached_property
    def celebrations(self) -> CelebrationServiceAsyncStub:
        """Service anniversaries and birthdays."""
        from guerdon.recognition.v1.celebrations_pb2_grpc import CelebrationServiceStub

        return cast("CelebrationServiceAsyncStub", CelebrationServiceStub(self._channel))

    @cached_property
    def leavers(self) -> LeaverServiceAsyncStub:
        """What becomes of the points of those who leave."""
        from guerdon.recognition.v1.leavers_pb2_grpc import LeaverServiceStub

        return cast("LeaverServiceAsyncStub", LeaverServiceStub(self._channel))

    @cached_property
    def incentives(self) -> IncentiveServiceAsyncStub:
        """What people can claim, and their claims."""
        from guerdon.recognition.v1.incentives_pb2_grpc import IncentiveServiceStub

        return cast("IncentiveServiceAsyncStub", IncentiveServiceStub(self._channel))

    @cached_property
    def achievements(self) -> AchievementServiceAsyncStub:
        """Points for what other systems report."""
        from guerdon.recognition.v1.achievements_pb2_grpc import AchievementServiceStub

        return cast("AchievementServiceAsyncStub", AchievementServiceStub(self._channel))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self, grace_seconds: float | None = None) -> None:
        """Close the channel; calls under way have `grace_seconds` to end, none by default."""
        await self._channel.close(grace_seconds)


def new_request_id() -> str:
    """Return a fresh `request_id` for a write. Keep it: sending the write again with it is always safe."""
    return str(uuid.uuid4())


async def was_replayed(call: grpc.aio.Call) -> bool:
    """Say whether a write that succeeded had been carried out before, under the same `request_id`."""
    return ("guerdon-replayed", "true") in tuple(await call.trailing_metadata())


def _credentials(target: str, tls: grpc.ChannelCredentials | bool | None) -> grpc.ChannelCredentials | None:
    if isinstance(tls, grpc.ChannelCredentials):
        return tls
    encrypted = tls if tls is not None else not _LOCAL.match(target)
    return grpc.ssl_channel_credentials() if encrypted else None
