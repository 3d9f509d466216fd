"""Budgets: proto in, operation, proto out."""

from __future__ import annotations

from fractions import Fraction

from guerdon.recognition.v1 import budgets_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.budget_reports import BudgetMonth, BudgetReport
from recognition.domain.budgets import Budget, BudgetMode, BudgetTerms
from recognition.domain.disbursements import Disbursing, Order
from recognition.operations.budgets import Budgets
from recognition.operations.disbursing import Disbursements
from recognition.operations.reporting import Reporting
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

    def __init__(self, budgets: Budgets, disbursements: Disbursements, reporting: Reporting) -> None:
        self._budgets = budgets
        self._reporting = reporting
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

    async def get_budget_report(
        self, request: pb.GetBudgetReportRequest, call: CallContext
    ) -> pb.GetBudgetReportResponse:
        """What became of the points, month by month."""
        (organisation,) = parse(request.name, _BUDGET)
        found = await self._reporting.report(
            organisation, first=request.first_period, last=request.last_period, acting=acting(call.caller)
        )
        return write_budget_report(found)


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


def write_budget_report(report: BudgetReport) -> pb.GetBudgetReportResponse:
    """The contract's report."""
    message = pb.GetBudgetReportResponse(
        months=[write_budget_month(month) for month in report.months], read_time=timestamp(report.read_time)
    )
    if report.forecast is not None:
        message.forecast.monthly_use_amount = report.forecast.monthly_use
        if report.forecast.used_up_time is not None:
            message.forecast.used_up_time.CopyFrom(timestamp(report.forecast.used_up_time))
    return message


def write_budget_month(month: BudgetMonth) -> pb.BudgetMonth:
    """The contract's month of a budget."""
    return pb.BudgetMonth(
        period=month.month.name,
        final=month.final,
        opening_balance=month.opening_balance,
        funded_amount=month.funded,
        allowance_amount=month.allowances,
        boost_amount=month.boosts,
        manager_budget_amount=month.manager_budgets,
        award_budget_amount=month.award_budgets,
        imported_amount=month.imported,
        expired_amount=month.expired,
        returned_amount=month.returned,
        returned_from_leavers_amount=month.returned_from_leavers,
        other_balance_amount=month.other_balance,
        closing_balance=month.closing_balance,
        opening_outstanding_amount=month.opening_outstanding,
        given_amount=month.given,
        awarded_amount=month.awarded,
        taken_back_amount=month.taken_back,
        other_outstanding_amount=month.other_outstanding,
        closing_outstanding_amount=month.closing_outstanding,
        opening_earned_amount=month.opening_earned,
        redeemed_amount=month.redeemed,
        redemption_returned_amount=month.redemptions_returned,
        exchanged_amount=month.exchanged,
        other_earned_amount=month.other_earned,
        closing_earned_amount=month.closing_earned,
    )
