"""Award budgets: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import award_budgets_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.award_budgets import WAIT_DAYS_DEFAULT, AwardBudget, NewAwardBudget, budget_name
from recognition.domain.payouts import Payout, WantedPayouts
from recognition.domain.people import person_name
from recognition.operations.award_budgets import AwardBudgets
from recognition.servicer.naming import AWARD_BUDGET, ORGANISATION, acting, budget_id, optional_person_id, tell_replay
from recognition.servicer.payouts import WANTED_STATES, write_payout


class AwardBudgetServicer:
    """`guerdon.recognition.v1.AwardBudgetService`."""

    service = pb.DESCRIPTOR.services_by_name["AwardBudgetService"]

    def __init__(self, budgets: AwardBudgets) -> None:
        self._budgets = budgets

    async def create_award_budget(
        self, request: pb.CreateAwardBudgetRequest, call: CallContext
    ) -> pb.CreateAwardBudgetResponse:
        """Makes a budget."""
        message = request.award_budget
        organisation, budget = parse(message.name, AWARD_BUDGET, "award_budget.name")
        new = NewAwardBudget(organisation, budget, message.display_name, message.wait_days or WAIT_DAYS_DEFAULT)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        made, replayed = await self._budgets.create(fingerprint, new, acting(call.caller))
        tell_replay(call, replayed)
        return pb.CreateAwardBudgetResponse(award_budget=write_budget(made))

    async def fund_award_budget(
        self, request: pb.FundAwardBudgetRequest, call: CallContext
    ) -> pb.FundAwardBudgetResponse:
        """Funds a budget."""
        organisation, budget = parse(request.name, AWARD_BUDGET)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        transaction, replayed = await self._budgets.fund(
            fingerprint, organisation, budget, request.amount, acting(call.caller)
        )
        tell_replay(call, replayed)
        return pb.FundAwardBudgetResponse(transaction=transaction)

    async def get_award_budget(
        self, request: pb.GetAwardBudgetRequest, _call: CallContext
    ) -> pb.GetAwardBudgetResponse:
        """Reads a budget."""
        organisation, budget = parse(request.name, AWARD_BUDGET)
        standing = await self._budgets.standing(organisation, budget)
        return pb.GetAwardBudgetResponse(
            award_budget=write_budget(standing.budget),
            available_amount=standing.available_amount,
            unpaid_amount=standing.unpaid_amount,
        )

    async def list_award_budgets(
        self, request: pb.ListAwardBudgetsRequest, _call: CallContext
    ) -> pb.ListAwardBudgetsResponse:
        """Lists budgets by id."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListAwardBudgets", organisation)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._budgets.list_after(organisation, after, size + 1)
        more = len(found) > size
        return pb.ListAwardBudgetsResponse(
            award_budgets=map(write_budget, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if more else "",
        )

    async def list_payouts(self, request: pb.ListPayoutsRequest, call: CallContext) -> pb.ListPayoutsResponse:
        """Lists payouts."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        if request.state not in WANTED_STATES:
            raise InvalidField.of("state", "must be one of the states that the contract names")
        budget = request.award_budget
        wanted = WantedPayouts(
            budget=budget_id(budget, organisation, "award_budget") if budget else None,
            state=WANTED_STATES[request.state],
            person=optional_person_id(request.person, organisation, "person"),
        )
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found, next_token = await self._budgets.list_payouts(
            organisation, wanted, viewer, request.page_size, request.page_token, acting(call.caller)
        )
        return pb.ListPayoutsResponse(payouts=map(_write_payout, found), next_page_token=next_token)


def write_budget(budget: AwardBudget) -> pb.AwardBudget:
    """The contract's budget."""
    return pb.AwardBudget(
        name=budget.name,
        display_name=budget.display_name,
        account=budget.account,
        wait_days=budget.wait_days,
        create_time=timestamp(budget.create_time),
    )


def _write_payout(payout: Payout) -> pb.BudgetPayout:
    return pb.BudgetPayout(
        subject=payout.subject,
        person=person_name(payout.organisation, payout.person),
        award_budget=budget_name(payout.organisation, payout.budget),
        amount=payout.amount,
        payout=write_payout(payout.progress),
        create_time=timestamp(payout.create_time),
        settle_time=timestamp(payout.settle_time) if payout.settle_time else None,
    )
