"""Budgets: proto in, operation, proto out."""

from __future__ import annotations

from fractions import Fraction

from guerdon.recognition.v1 import budgets_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.budgets import Budget, BudgetMode, BudgetTerms
from recognition.domain.disbursements import Disbursing, Order
from recognition.operations.budgets import Budgets
from recognition.operations.disbursing import Disbursements
from recognition.servicer.naming import acting, tell_replay

_BUDGET = "organisations/{organisation}/budget"
_MODES = {
    pb.BUDGET_MODE_PREPAID: BudgetMode.PREPAID,
    pb.BUDGET_MODE_BILLED_ON_REDEMPTION: BudgetMode.BILLED_ON_REDEMPTION,
}
_MODE_MESSAGES = {mode: message for message, mode in _MODES.items()}


class BudgetServicer:
    """`guerdon.recognition.v1.BudgetService`."""

    service = pb.DESCRIPTOR.services_by_name["BudgetService"]

    def __init__(self, budgets: Budgets, disbursements: Disbursements) -> None:
        self._budgets = budgets
        self._disbursements = disbursements

    async def set_budget_terms(self, request: pb.SetBudgetTermsRequest, call: CallContext) -> pb.SetBudgetTermsResponse:
        """Sets the terms."""
        (organisation,) = parse(request.name, _BUDGET)
        asked = read_budget_terms(request.terms)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        terms, replayed = await self._budgets.set_terms(fingerprint, organisation, asked, call.caller.actor)
        tell_replay(call, replayed)
        return pb.SetBudgetTermsResponse(terms=write_budget_terms(terms))

    async def fund_budget(self, request: pb.FundBudgetRequest, call: CallContext) -> pb.FundBudgetResponse:
        """Puts points into the budget."""
        (organisation,) = parse(request.name, _BUDGET)
        order = Order(organisation, Disbursing.FUND, "", (), request.amount, request.invoice)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        transaction, replayed = await self._disbursements.disburse(fingerprint, order, acting(call.caller))
        tell_replay(call, replayed)
        return pb.FundBudgetResponse(transaction=transaction)

    async def get_budget(self, request: pb.GetBudgetRequest, _call: CallContext) -> pb.GetBudgetResponse:
        """Reads a budget."""
        (organisation,) = parse(request.name, _BUDGET)
        return pb.GetBudgetResponse(budget=write_budget(await self._budgets.get(organisation)))


def read_budget_terms(message: pb.BudgetTerms) -> BudgetTerms:
    """Terms to set."""
    mode = _MODES.get(message.mode)
    if mode is None:
        raise InvalidField.of("terms.mode", "must say how the organisation pays")
    minor_units = None
    if message.HasField("minor_units_per_point"):
        value = message.minor_units_per_point
        if value.denominator < 1:
            raise InvalidField.of("terms.minor_units_per_point.denominator", "must be at least 1")
        minor_units = Fraction(value.numerator, value.denominator)
    return BudgetTerms(mode, message.credit_limit, minor_units, message.currency_code)


def write_budget_terms(terms: BudgetTerms) -> pb.BudgetTerms:
    """The contract's terms."""
    return pb.BudgetTerms(
        mode=_MODE_MESSAGES[terms.mode],
        credit_limit=terms.credit_limit,
        minor_units_per_point=rational(terms.minor_units) if terms.minor_units else None,
        currency_code=terms.currency_code,
    )


def write_budget(budget: Budget) -> pb.Budget:
    """The contract's budget."""
    return pb.Budget(
        name=budget.name,
        account=budget.account,
        terms=write_budget_terms(budget.terms) if budget.terms else None,
        balance=budget.balance,
        available_amount=budget.available_amount,
        funded_amount=budget.funded_amount,
        granted_amount=budget.granted_amount,
        outstanding_amount=budget.outstanding_amount,
        waiting_amount=budget.waiting_amount,
        period=budget.period.name if budget.period else "",
    )
