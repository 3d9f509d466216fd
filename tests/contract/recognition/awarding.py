"""What an employer pays from award budgets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from guerdon import new_request_id
from guerdon.recognition.v1 import achievements_pb2 as achievements
from guerdon.recognition.v1 import award_budgets_pb2 as budgets
from tests.contract.recognition.world import Employer


@dataclass
class Awarding:
    """An employer with an award budget."""

    employer: Employer
    budget: str

    @classmethod
    async def of(cls, employer: Employer, funds: int, *, budget: str = "awards") -> Awarding:
        """Makes the budget, and funds it."""
        made = cls(employer, f"{employer.name}/awardBudgets/{budget}")
        await employer.admin.award_budgets.CreateAwardBudget(
            budgets.CreateAwardBudgetRequest(
                award_budget=budgets.AwardBudget(name=made.budget, display_name="Awards"), request_id=new_request_id()
            )
        )
        if funds:
            await made.fund(funds)
        return made

    async def fund(self, amount: int, *, request_id: str = "") -> str:
        """Funds the budget; answers the transaction."""
        request = budgets.FundAwardBudgetRequest(
            name=self.budget, amount=amount, request_id=request_id or new_request_id()
        )
        return (await self.employer.admin.award_budgets.FundAwardBudget(request)).transaction

    async def standing(self) -> tuple[int, int]:
        """What the budget has left, and what it owes."""
        request = budgets.GetAwardBudgetRequest(name=self.budget)
        found = await self.employer.admin.award_budgets.GetAwardBudget(request)
        return found.available_amount, found.unpaid_amount

    async def source(self, source: str, *, daily_limit: int = 0, monthly_limit: int = 0) -> str:
        """Makes a source of achievements; answers its name."""
        name = f"{self.employer.name}/achievementSources/{source}"
        await self.employer.admin.achievements.CreateAchievementSource(
            achievements.CreateAchievementSourceRequest(
                achievement_source=achievements.AchievementSource(
                    name=name, award_budget=self.budget, daily_limit=daily_limit, monthly_limit=monthly_limit
                ),
                request_id=new_request_id(),
            )
        )
        return name

    def report(
        self, source: str, achievement: str, person: str, amount: int, *, request_id: str = ""
    ) -> achievements.RecordAchievementRequest:
        """A request to record an achievement."""
        return achievements.RecordAchievementRequest(
            achievement=achievements.Achievement(
                name=f"{source}/achievements/{achievement}",
                person=self.employer.person(person),
                amount=amount,
                description="A course completed",
            ),
            request_id=request_id or new_request_id(),
        )

    async def record(
        self, source: str, achievement: str, person: str, amount: int
    ) -> achievements.RecordAchievementResponse:
        """Records an achievement."""
        request = self.report(source, achievement, person, amount)
        return await self.employer.admin.achievements.RecordAchievement(request)

    async def record_many(
        self, source: str, requests: Iterable[achievements.RecordAchievementRequest]
    ) -> list[achievements.RecordAchievementResult]:
        """Records many at once."""
        request = achievements.BatchRecordAchievementsRequest(parent=source, requests=requests)
        return list((await self.employer.admin.achievements.BatchRecordAchievements(request)).results)
