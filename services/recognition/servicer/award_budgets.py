"""Award budgets: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import award_budgets_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.award_budgets import WAIT_DAYS_DEFAULT, AwardBudget, NewAwardBudget
from recognition.operations.award_budgets import AwardBudgets
from recognition.servicer.naming import AWARD_BUDGET, ORGANISATION, acting, tell_replay


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


def write_budget(budget: AwardBudget) -> pb.AwardBudget:
    """The contract's budget."""
    return pb.AwardBudget(
        name=budget.name,
        display_name=budget.display_name,
        account=budget.account,
        wait_days=budget.wait_days,
        create_time=timestamp(budget.create_time),
    )
