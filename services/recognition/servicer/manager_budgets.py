"""Manager budgets: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import manager_budgets_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.disbursements import Disbursing, Order
from recognition.domain.managing import ManagerBudget
from recognition.operations.disbursing import Disbursements
from recognition.operations.managing import ManagerBudgets, ManagerStanding
from recognition.servicer.naming import ORGANISATION, acting, receiver_ids, tell_replay

_BUDGET = "organisations/{organisation}/people/{person}/managerBudget"
_USES = {pb.GRANT_USE_AWARD: Disbursing.AWARD, pb.GRANT_USE_BOOST: Disbursing.MANAGER_BOOST}


class ManagerBudgetServicer:
    """`guerdon.recognition.v1.ManagerBudgetService`."""

    service = pb.DESCRIPTOR.services_by_name["ManagerBudgetService"]

    def __init__(self, budgets: ManagerBudgets, disbursements: Disbursements) -> None:
        self._budgets = budgets
        self._disbursements = disbursements

    async def set_manager_budget(
        self, request: pb.SetManagerBudgetRequest, call: CallContext
    ) -> pb.SetManagerBudgetResponse:
        """Sets a manager's budget."""
        message = request.manager_budget
        organisation, person = parse(message.name, _BUDGET, "manager_budget.name")
        asked = ManagerBudget(organisation, person, message.amount, message.carry_over_periods)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        standing, replayed = await self._budgets.set(fingerprint, asked, call.caller.actor)
        tell_replay(call, replayed)
        return pb.SetManagerBudgetResponse(manager_budget=write_manager_budget(standing))

    async def get_manager_budget(
        self, request: pb.GetManagerBudgetRequest, call: CallContext
    ) -> pb.GetManagerBudgetResponse:
        """Reads a manager's budget."""
        organisation, person = parse(request.name, _BUDGET)
        standing = await self._budgets.get(organisation, person, acting(call.caller))
        return pb.GetManagerBudgetResponse(manager_budget=write_manager_budget(standing))

    async def list_manager_budgets(
        self, request: pb.ListManagerBudgetsRequest, call: CallContext
    ) -> pb.ListManagerBudgetsResponse:
        """Lists managers' budgets by person."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListManagerBudgets", organisation)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found, more = await self._budgets.list_after(organisation, after, size, acting(call.caller))
        return pb.ListManagerBudgetsResponse(
            manager_budgets=map(write_manager_budget, found),
            next_page_token=write_token(query, (found[-1].budget.person,)) if more else "",
        )

    async def grant_from_manager_budget(
        self, request: pb.GrantFromManagerBudgetRequest, call: CallContext
    ) -> pb.GrantFromManagerBudgetResponse:
        """Gives points out of a manager's budget."""
        organisation, manager = parse(request.name, _BUDGET)
        doing = _USES.get(request.use)
        if doing is None:
            raise InvalidField.of("use", "must say where the points go")
        order = Order(
            organisation=organisation,
            doing=doing,
            manager=manager,
            receivers=receiver_ids(request.receivers, organisation),
            amount=request.amount,
            note=request.reason,
        )
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        transaction, replayed = await self._disbursements.disburse(fingerprint, order, acting(call.caller))
        tell_replay(call, replayed)
        return pb.GrantFromManagerBudgetResponse(transaction=transaction)


def write_manager_budget(standing: ManagerStanding) -> pb.ManagerBudget:
    """The contract's manager budget."""
    return pb.ManagerBudget(
        name=standing.budget.name,
        amount=standing.budget.amount,
        carry_over_periods=standing.budget.carry_over_periods,
        account=standing.account,
        period=standing.period.name if standing.period else "",
        granted_amount=standing.granted_amount,
        available_amount=standing.available_amount,
    )
