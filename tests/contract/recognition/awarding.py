"""What an employer pays from award budgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from guerdon import Client, new_request_id
from guerdon.recognition.v1 import achievements_pb2 as achievements
from guerdon.recognition.v1 import approvals_pb2 as approvals
from guerdon.recognition.v1 import award_budgets_pb2 as budgets
from guerdon.recognition.v1 import award_programs_pb2 as programs
from guerdon.recognition.v1 import awards_pb2 as awards
from guerdon.recognition.v1 import celebrations_pb2 as celebrations
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import payouts_pb2 as payouts
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon_kit.testing import wait_until
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

    async def appoint(self, person: str, *, role: orgs.Role.ValueType = orgs.ROLE_GIVER, manager: str = "") -> None:
        """Gives a person a role and a manager."""
        employer = self.employer
        await employer.admin.organisations.UpdatePerson(
            orgs.UpdatePersonRequest(
                person=orgs.Person(
                    name=employer.person(person), role=role, manager=employer.person(manager) if manager else ""
                ),
                update_mask=FieldMask(paths=["role", "manager"]),
                request_id=new_request_id(),
            )
        )

    def manager(
        self, limit: int = 0, if_overdue: approvals.IfOverdue.ValueType = approvals.IF_OVERDUE_REJECT
    ) -> approvals.ApprovalLevel:
        """A level at which the nominee's manager decides."""
        return self._level(approvals.Approver(manager=True), limit, if_overdue)

    def person(
        self, person: str, limit: int = 0, if_overdue: approvals.IfOverdue.ValueType = approvals.IF_OVERDUE_REJECT
    ) -> approvals.ApprovalLevel:
        """A level at which a person decides."""
        return self._level(approvals.Approver(person=self.employer.person(person)), limit, if_overdue)

    def admins(self, limit: int = 0) -> approvals.ApprovalLevel:
        """A level at which any admin decides."""
        return self._level(approvals.Approver(role=orgs.ROLE_ADMIN), limit, approvals.IF_OVERDUE_REJECT)

    @staticmethod
    def _level(
        approver: approvals.Approver, limit: int, if_overdue: approvals.IfOverdue.ValueType
    ) -> approvals.ApprovalLevel:
        return approvals.ApprovalLevel(approver=approver, limit_amount=limit, deadline_days=7, if_overdue=if_overdue)

    async def program(
        self,
        program: str,
        levels: Sequence[approvals.ApprovalLevel] = (),
        *,
        amounts: tuple[int, int] = (1, 1000),
        nominators: Sequence[orgs.Role.ValueType] = (),
        own_reports_only: bool = False,
    ) -> str:
        """Makes an award program; answers its name."""
        name = f"{self.employer.name}/awardPrograms/{program}"
        await self.employer.admin.award_programs.CreateAwardProgram(
            programs.CreateAwardProgramRequest(
                award_program=programs.AwardProgram(
                    name=name,
                    award_budget=self.budget,
                    amount_min=amounts[0],
                    amount_max=amounts[1],
                    nominators=nominators,
                    own_reports_only=own_reports_only,
                    levels=levels,
                ),
                request_id=new_request_id(),
            )
        )
        return name

    def nomination(
        self,
        program: str,
        nominator: str,
        nominee: str,
        amount: int,
        *,
        private: bool = False,
        request_id: str = "",
    ) -> awards.CreateAwardRequest:
        """A request to nominate."""
        return awards.CreateAwardRequest(
            parent=self.employer.name,
            award=awards.Award(
                award_program=program,
                nominator=self.employer.person(nominator) if nominator else "",
                nominee=self.employer.person(nominee),
                amount=amount,
                reason="The migration went without a night shift",
                visibility=recs.VISIBILITY_PRIVATE if private else recs.VISIBILITY_PUBLIC,
            ),
            request_id=request_id or new_request_id(),
        )

    async def nominate(
        self, program: str, nominator: str, nominee: str, amount: int, *, private: bool = False
    ) -> awards.Award:
        """Nominates, on the nominator's behalf."""
        request = self.nomination(program, nominator, nominee, amount, private=private)
        return (await self.employer.admin.awards.CreateAward(request)).award

    async def approve(self, award: str, person: str, *, request_id: str = "") -> awards.Award:
        """Approves, on the approver's behalf."""
        request = awards.ApproveAwardRequest(
            name=award,
            person=self.employer.person(person),
            comment="Well deserved",
            request_id=request_id or new_request_id(),
        )
        return (await self.employer.admin.awards.ApproveAward(request)).award

    async def reject(self, award: str, person: str, comment: str = "Not this year") -> awards.Award:
        """Rejects, on the approver's behalf."""
        request = awards.RejectAwardRequest(
            name=award, person=self.employer.person(person), comment=comment, request_id=new_request_id()
        )
        return (await self.employer.admin.awards.RejectAward(request)).award

    async def withdraw(self, award: str, person: str) -> awards.Award:
        """Takes a nomination back, on the nominator's behalf."""
        request = awards.WithdrawAwardRequest(
            name=award, person=self.employer.person(person), request_id=new_request_id()
        )
        return (await self.employer.admin.awards.WithdrawAward(request)).award

    async def read(self, award: str, viewer: str = "", client: Client | None = None) -> awards.Award:
        """An award, by default as who runs the service sees it."""
        request = awards.GetAwardRequest(name=award, viewer=self.employer.person(viewer) if viewer else "")
        return (await (client or self.employer.admin).awards.GetAward(request)).award

    async def listed(self, which: awards.AwardList.ValueType, viewer: str = "") -> list[str]:
        """The names of the awards of a list."""
        request = awards.ListAwardsRequest(
            parent=self.employer.name, list=which, viewer=self.employer.person(viewer) if viewer else ""
        )
        return [one.name for one in (await self.employer.admin.awards.ListAwards(request)).awards]

    async def celebrate(self, visibility: recs.Visibility.ValueType, *people: str) -> list[str]:
        """Celebrates the birthdays of people, which are today in UTC, with 25 points; answers the names of the
        celebrations once they are paid.
        """
        employer, today = self.employer, datetime.now(UTC).date()
        for person in people:
            born = orgs.Person(name=employer.person(person), birthday=Date(month=today.month, day=today.day))
            await employer.admin.organisations.UpdatePerson(
                orgs.UpdatePersonRequest(
                    person=born, update_mask=FieldMask(paths=["birthday"]), request_id=new_request_id()
                )
            )
        policy = celebrations.CelebrationPolicy(
            name=f"{employer.name}/celebrationPolicy",
            award_budget=self.budget,
            birthday_amount=25,
            catch_up_days=1,
            visibility=visibility,
        )
        await employer.admin.celebrations.SetCelebrationPolicy(
            celebrations.SetCelebrationPolicyRequest(celebration_policy=policy, request_id=new_request_id())
        )
        names = [f"{employer.person(person)}/celebrations/birthday-{today.year}" for person in people]

        async def all_paid() -> bool:
            request = celebrations.ListCelebrationsRequest(parent=employer.name)
            found = (await employer.admin.celebrations.ListCelebrations(request)).celebrations
            return {one.name for one in found if one.payout.state == payouts.PAYOUT_STATE_PAID} == set(names)

        await wait_until(all_paid)
        return names

    async def join(self, person: str, *teams: str) -> None:
        """Makes somebody one of these teams, by name."""
        await self.employer.admin.organisations.UpdatePerson(
            orgs.UpdatePersonRequest(
                person=orgs.Person(name=self.employer.person(person), teams=teams),
                update_mask=FieldMask(paths=["teams"]),
                request_id=new_request_id(),
            )
        )

    async def opt_out(self, person: str, *, opt_out: bool = True) -> None:
        """Has somebody opt out of celebrations, or in again."""
        changed = orgs.Person(name=self.employer.person(person), celebrations_opt_out=opt_out)
        await self.employer.admin.organisations.UpdatePerson(
            orgs.UpdatePersonRequest(
                person=changed, update_mask=FieldMask(paths=["celebrations_opt_out"]), request_id=new_request_id()
            )
        )

    async def delegate(self, approver: str, delegate: str, days: int) -> str:
        """Names a delegate from now on; answers the delegation's name."""
        request = approvals.CreateDelegationRequest(
            parent=self.employer.name,
            delegation=approvals.Delegation(
                approver=self.employer.person(approver), delegate=self.employer.person(delegate)
            ),
            request_id=new_request_id(),
        )
        request.delegation.end_time.FromDatetime(datetime.now(UTC) + timedelta(days=days))
        return (await self.employer.admin.delegations.CreateDelegation(request)).delegation.name
