"""The employer: colleagues thank each other with points, and redeem what they were thanked with."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import guerdon
from guerdon.recognition.v1 import allowances_pb2 as allowances
from guerdon.recognition.v1 import budgets_pb2 as budgets
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recognition
from guerdon.recognition.v1.organisations_pb2 import Organisation, Person
from guerdon.recognition.v1.recognition_pb2 import VISIBILITY_PRIVATE, VISIBILITY_PUBLIC, Recognition
from guerdon.rewards.v1.resources_pb2 import FULFILMENT_CODE_POOL, FULFILMENT_UNLIMITED
from guerdon_cli.demo.catalog import Catalog
from guerdon_cli.demo.platform import PAGE, Books, Platform, several_at_once
from guerdon_kit.auth.development import ISSUER

TIME_ZONE = "Europe/London"
VALUES = ("#teamwork", "#care", "#craft")
ALLOWANCE = 200
BUDGET = 5_000
OWN_SCOPES = ("recognition.recognitions.read", "recognition.recognitions.write", "recognition.allowances.read")
PEOPLE = ("amara", "bruno", "chioma", "dmitri", "elena", "farid", "grace", "hiro")
HALF_DAY_PRICE, CINEMA_PRICE, CINEMA_CODES = 120, 60, 10


@dataclass(frozen=True)
class Thanks:
    """What one colleague says to others, with so many points for each of them."""

    giver: str
    receivers: tuple[str, ...]
    amount: int
    value: str
    message: str
    private: bool = False


THANKS = (
    Thanks("amara", ("bruno",), 40, "#teamwork", "Thank you for staying late to bring the till back."),
    Thanks("bruno", ("chioma", "dmitri", "elena"), 50, "#craft", "The new stock room works. What a difference!"),
    Thanks("chioma", ("amara",), 60, "#care", "For listening, when it mattered.", private=True),
    Thanks("dmitri", ("elena",), 80, "#teamwork", "You found the bug that I had looked at for a week."),
    Thanks("elena", ("farid", "grace"), 30, "#teamwork", "Both counters open at eight, every day of the sale."),
    Thanks("farid", ("bruno",), 100, "#craft", "Best window display this street has seen."),
    Thanks("grace", ("hiro",), 25, "#care", "Welcome to the team!"),
    Thanks("hiro", ("grace", "farid"), 20, "#care", "For the warmest first week."),
    # More than is left of a month's allowance of 200: refused, and nobody receives anything.
    Thanks("bruno", ("amara", "hiro"), 90, "#teamwork", "And all of you for the stocktaking."),
)


class Employer:
    """The employer's scheme: an organisation, its people, its rewards."""

    def __init__(self, platform: Platform, books: Books, admin: guerdon.Client, catalog: Catalog) -> None:
        self.id = f"harbour-{platform.run}"
        self.organisation = f"organisations/{self.id}"
        self.books = books
        self.catalog = catalog
        self.people: dict[str, Person] = {}
        self.given = 0
        """Recognitions whose points have moved."""
        self.points_given = 0
        self.refusals: Counter[str] = Counter()
        """How often which reason was given."""
        self._platform = platform
        self._admin = admin
        self._clients: dict[str, guerdon.Client] = {}

    @classmethod
    async def open(cls, platform: Platform) -> Employer:
        """Make the scheme, fund it, take people in and grant this month's allowances."""
        program = f"programs/team-{platform.run}"
        books = Books(await platform.client("ledger", "hr-backend", ["*"], [program]), program)
        catalog = Catalog(await platform.client("rewards_catalog", "hr-backend", ["*"], [program]), books)
        both = [program, f"organisations/harbour-{platform.run}"]
        employer = cls(platform, books, await platform.client("recognition", "hr-backend", ["*"], both), catalog)
        await books.open("Harbour team", TIME_ZONE)
        await employer._found()
        await employer._hire(PEOPLE)
        return employer

    async def thank(self, all_thanks: Sequence[Thanks] = THANKS) -> None:
        """Let colleagues thank each other, one after the other, each with a token of their own."""
        for number, thanks in enumerate(all_thanks):
            request = recognition.CreateRecognitionRequest(
                parent=self.organisation,
                recognition=Recognition(
                    receivers=[self._person(one) for one in thanks.receivers],
                    amount=thanks.amount,
                    message=thanks.message,
                    values=[thanks.value],
                    visibility=VISIBILITY_PRIVATE if thanks.private else VISIBILITY_PUBLIC,
                ),
                request_id=f"thanks-{number}",
            )
            try:
                await (await self._client(thanks.giver)).recognition.CreateRecognition(request)
            except guerdon.RefusedError as refusal:
                self.refusals[refusal.reason] += 1
            else:
                self.given += 1
                self.points_given += thanks.amount * len(thanks.receivers)

    async def redeem(self) -> None:
        """Let people redeem what they were thanked with for the employer's own rewards."""
        codes = [f"CINEMA-{secrets.token_hex(5).upper()}" for _ in range(CINEMA_CODES)]
        half_day = await self.catalog.offer("half-day", "Half a day off", HALF_DAY_PRICE, FULFILMENT_UNLIMITED)
        cinema = await self.catalog.offer("cinema", "Cinema ticket", CINEMA_PRICE, FULFILMENT_CODE_POOL, codes=codes)
        await several_at_once(
            self.catalog.redeem(reward, self.people[one].rewards_account)
            for one, reward in (("bruno", half_day), ("elena", half_day), ("amara", cinema), ("hiro", cinema))
        )

    async def feed(self, viewer: str) -> list[Recognition]:
        """What a colleague sees, newest first."""
        request = recognition.ListRecognitionsRequest(parent=self.organisation)
        return list((await (await self._client(viewer)).recognition.ListRecognitions(request)).recognitions)

    def display_name(self, person: str) -> str:
        """What colleagues call the person of that name."""
        return self.people[person.rpartition("/")[2]].display_name

    def accounts(self) -> list[str]:
        """All member accounts of the scheme: what may be given, and what was received."""
        people = self.people.values()
        return [person.allowance_account for person in people] + [person.rewards_account for person in people]

    async def _found(self) -> None:
        organisation = Organisation(
            name=self.organisation,
            display_name="Harbour Records, the team",
            unit=self.books.unit,
            time_zone=TIME_ZONE,
            values=VALUES,
        )
        await self._admin.organisations.CreateOrganisation(
            orgs.CreateOrganisationRequest(organisation=organisation, request_id="organisation")
        )
        budget = f"{self.organisation}/budget"
        await self._admin.budgets.SetBudgetTerms(
            budgets.SetBudgetTermsRequest(
                name=budget, terms=budgets.BudgetTerms(mode=budgets.BUDGET_MODE_PREPAID), request_id="terms"
            )
        )
        await self._admin.budgets.FundBudget(
            budgets.FundBudgetRequest(name=budget, amount=BUDGET, invoice="Budget for the year", request_id="budget")
        )
        plan = allowances.AllowancePlan(
            name=f"{self.organisation}/allowancePlan",
            period_kind=allowances.PERIOD_KIND_MONTH,
            base_amount=ALLOWANCE,
        )
        await self._admin.allowances.SetAllowancePlan(allowances.SetAllowancePlanRequest(plan=plan, request_id="plan"))

    async def _hire(self, people: Sequence[str]) -> None:
        new = [
            Person(name=self._person(one), display_name=one.title(), identity=f"{ISSUER}|{self._subject(one)}")
            for one in people
        ]
        await self._admin.organisations.BatchCreatePeople(
            orgs.BatchCreatePeopleRequest(parent=self.organisation, people=new, request_id="people")
        )
        await self._admin.allowances.GrantAllowances(
            allowances.GrantAllowancesRequest(parent=self.organisation, request_id="allowances")
        )
        listed = await self._admin.organisations.ListPeople(
            orgs.ListPeopleRequest(parent=self.organisation, page_size=PAGE)
        )
        self.people = {person.name.rpartition("/")[2]: person for person in listed.people}

    async def _client(self, person: str) -> guerdon.Client:
        if person not in self._clients:
            self._clients[person] = await self._platform.client(
                "recognition", self._subject(person), OWN_SCOPES, [self.organisation]
            )
        return self._clients[person]

    def _person(self, person: str) -> str:
        return f"{self.organisation}/people/{person}"

    def _subject(self, person: str) -> str:
        return f"{person}@{self.id}"
