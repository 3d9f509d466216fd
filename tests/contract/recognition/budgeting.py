"""What an employer's budgets are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from guerdon import Client, new_request_id
from guerdon.recognition.v1 import allowances_pb2 as allowances
from guerdon.recognition.v1 import billing_pb2 as billing
from guerdon.recognition.v1 import budgets_pb2 as budgets
from guerdon.recognition.v1 import manager_budgets_pb2 as managers
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.recognition.world import Employer

PREPAID = budgets.BudgetTerms(mode=budgets.BUDGET_MODE_PREPAID)


def billed(credit_limit: int) -> budgets.BudgetTerms:
    """Terms by which 10 points cost a dollar when they are redeemed."""
    return budgets.BudgetTerms(
        mode=budgets.BUDGET_MODE_BILLED_ON_REDEMPTION,
        credit_limit=credit_limit,
        minor_units_per_point=Rational(numerator=10, denominator=1),
        currency_code="USD",
    )


@dataclass(frozen=True)
class Purse:
    """An employer's budgets."""

    employer: Employer

    @property
    def name(self) -> str:
        """The budget's name."""
        return f"{self.employer.name}/budget"

    async def terms(self, terms: budgets.BudgetTerms) -> budgets.BudgetTerms:
        """Sets the terms."""
        request = budgets.SetBudgetTermsRequest(name=self.name, terms=terms, request_id=new_request_id())
        return (await self.employer.admin.budgets.SetBudgetTerms(request)).terms

    async def fund(self, amount: int, invoice: str = "") -> str:
        """Puts points into the budget."""
        request = budgets.FundBudgetRequest(
            name=self.name, amount=amount, invoice=invoice or new_request_id(), request_id=new_request_id()
        )
        return (await self.employer.admin.budgets.FundBudget(request)).transaction

    async def budget(self) -> budgets.Budget:
        """What the budget has."""
        return (await self.employer.admin.budgets.GetBudget(budgets.GetBudgetRequest(name=self.name))).budget

    async def report(self, first: str, last: str = "", client: Client | None = None) -> budgets.GetBudgetReportResponse:
        """What became of the points in some months."""
        request = budgets.GetBudgetReportRequest(name=self.name, first_period=first, last_period=last)
        return await (client or self.employer.admin).budgets.GetBudgetReport(request)

    async def statement(self, month: str) -> billing.BillingStatement:
        """What is owed for a month."""
        request = billing.GetBillingStatementRequest(name=f"{self.employer.name}/billingStatements/{month}")
        return (await self.employer.admin.billing.GetBillingStatement(request)).statement

    async def redemptions(self, month: str) -> list[billing.BillableRedemption]:
        """What a final statement is made of, read one by one."""
        found: list[billing.BillableRedemption] = []
        token = ""
        while True:
            request = billing.ListBillableRedemptionsRequest(
                parent=f"{self.employer.name}/billingStatements/{month}", page_size=1, page_token=token
            )
            page = await self.employer.admin.billing.ListBillableRedemptions(request)
            found += page.redemptions
            token = page.next_page_token
            if not token:
                return found

    async def boost(self, *receivers: str, amount: int, request_id: str = "") -> str:
        """Grants a one-time boost."""
        request = allowances.GrantBoostRequest(
            parent=self.employer.name,
            receivers=map(self.employer.person, receivers),
            amount=amount,
            reason="Welcome",
            request_id=request_id or new_request_id(),
        )
        return (await self.employer.admin.allowances.GrantBoost(request)).transaction

    async def always(self, person: str, amount: int) -> None:
        """Sets what a person is granted in every period besides."""
        boost = allowances.Boost(name=f"{self.employer.person(person)}/boost", amount=amount)
        await self.employer.admin.allowances.SetBoost(
            allowances.SetBoostRequest(boost=boost, request_id=new_request_id())
        )

    async def manage(self, person: str, amount: int, carry_over_periods: int = 0) -> managers.ManagerBudget:
        """Sets a manager's budget."""
        budget = managers.ManagerBudget(
            name=f"{self.employer.person(person)}/managerBudget",
            amount=amount,
            carry_over_periods=carry_over_periods,
        )
        request = managers.SetManagerBudgetRequest(manager_budget=budget, request_id=new_request_id())
        return (await self.employer.admin.manager_budgets.SetManagerBudget(request)).manager_budget

    async def managed(self, person: str, client: Client | None = None) -> managers.ManagerBudget:
        """A manager's budget."""
        request = managers.GetManagerBudgetRequest(name=f"{self.employer.person(person)}/managerBudget")
        answer = await (client or self.employer.admin).manager_budgets.GetManagerBudget(request)
        return answer.manager_budget

    async def hand_out(
        self,
        manager: str,
        receivers: Iterable[str],
        amount: int,
        *,
        use: managers.GrantUse.ValueType = managers.GRANT_USE_AWARD,
        client: Client | None = None,
        request_id: str = "",
    ) -> str:
        """Gives points out of a manager's budget."""
        request = managers.GrantFromManagerBudgetRequest(
            name=f"{self.employer.person(manager)}/managerBudget",
            receivers=map(self.employer.person, receivers),
            amount=amount,
            use=use,
            reason="Well done",
            request_id=request_id or new_request_id(),
        )
        return (await (client or self.employer.admin).manager_budgets.GrantFromManagerBudget(request)).transaction
