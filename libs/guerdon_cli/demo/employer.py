"""The employer: colleagues thank each other with points, and redeem what they were thanked with."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import guerdon
from guerdon.recognition.v1 import add_ons_pb2 as add_ons
from guerdon.recognition.v1 import allowances_pb2 as allowances
from guerdon.recognition.v1 import budgets_pb2 as budgets
from guerdon.recognition.v1 import comments_pb2 as comments
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recognition
from guerdon.recognition.v1.add_ons_pb2 import AddOn
from guerdon.recognition.v1.comments_pb2 import Comment
from guerdon.recognition.v1.organisations_pb2 import Organisation, Person
from guerdon.recognition.v1.recognition_pb2 import VISIBILITY_PRIVATE, VISIBILITY_PUBLIC, Recognition
from guerdon.rewards.v1.resources_pb2 import FULFILMENT_CODE_POOL, FULFILMENT_UNLIMITED
from guerdon_cli.demo.catalog import Catalog
from guerdon_cli.demo.platform import PAGE, Books, Platform, several_at_once
from guerdon_cli.demo.thanks import THANKS, VALUES, Thanks
from guerdon_kit.auth.development import ISSUER

TIME_ZONE = "Europe/London"
ALLOWANCE = 200
BUDGET = 5_000
OWN_SCOPES = ("recognition.recognitions.read", "recognition.recognitions.write", "recognition.allowances.read")
PEOPLE = ("amara", "bruno", "chioma", "dmitri", "elena", "farid", "grace", "hiro")
HALF_DAY_PRICE, CINEMA_PRICE, CINEMA_CODES = 120, 60, 10


@dataclass(frozen=True)
class Post:
    """A recognition in the feed, with what others did with it."""

    recognition: Recognition
    add_ons: Sequence[AddOn]
    comments: Sequence[Comment]


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
        self.added = 0
        """Add-ons to what others gave."""
        self.points_added = 0
        self.taken_back = 0
        self.points_returned = 0
        """Of recognitions that were taken back: what came back to their givers."""
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
        """Let colleagues thank each other, one after the other, each with a token of their own; others add to it."""
        for number, thanks in enumerate(all_thanks):
            id_ = f"thanks-{number}"
            try:
                given = await self._give(thanks, id_)
            except guerdon.RefusedError as refusal:
                self.refusals[refusal.reason] += 1
                continue
            self.given += 1
            self.points_given += thanks.amount * len(thanks.receivers)
            for adder, amount in thanks.added:
                await self._add(given, adder, amount, f"{id_}-{adder}")
            for author, message in thanks.comments:
                await self._comment(given, author, message, f"{id_}-comment-{author}")
            if thanks.taken_back:
                await self._take_back(given, thanks.giver, f"{id_}-back")

    async def redeem(self) -> None:
        """Let people redeem what they were thanked with for the employer's own rewards."""
        codes = [f"CINEMA-{secrets.token_hex(5).upper()}" for _ in range(CINEMA_CODES)]
        half_day = await self.catalog.offer("half-day", "Half a day off", HALF_DAY_PRICE, FULFILMENT_UNLIMITED)
        cinema = await self.catalog.offer("cinema", "Cinema ticket", CINEMA_PRICE, FULFILMENT_CODE_POOL, codes=codes)
        await several_at_once(
            self.catalog.redeem(reward, self.people[one].rewards_account)
            for one, reward in (("bruno", half_day), ("elena", half_day), ("amara", cinema), ("hiro", cinema))
        )

    async def feed(self, viewer: str, length: int) -> list[Post]:
        """What a colleague sees first, newest first."""
        client = await self._client(viewer)
        request = recognition.ListRecognitionsRequest(parent=self.organisation, page_size=length)
        page = (await client.recognition.ListRecognitions(request)).recognitions
        return [
            Post(
                one,
                (await client.add_ons.ListAddOns(add_ons.ListAddOnsRequest(parent=one.name))).add_ons,
                (await client.comments.ListComments(comments.ListCommentsRequest(parent=one.name))).comments,
            )
            for one in page
        ]

    def display_name(self, person: str) -> str:
        """What colleagues call the person of that name."""
        return self.people[person.rpartition("/")[2]].display_name

    @property
    def points_received(self) -> int:
        """What colleagues gave each other, less what went back."""
        return self.points_given + self.points_added - self.points_returned

    def allowance_accounts(self) -> list[str]:
        """The accounts of what may be given."""
        return [person.allowance_account for person in self.people.values()]

    def accounts(self) -> list[str]:
        """All member accounts of the scheme: what may be given, and what was received."""
        return self.allowance_accounts() + [person.rewards_account for person in self.people.values()]

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

    async def _give(self, thanks: Thanks, request_id: str) -> str:
        request = recognition.CreateRecognitionRequest(
            parent=self.organisation,
            recognition=Recognition(
                receivers=[self._person(one) for one in thanks.receivers],
                amount=thanks.amount,
                message=thanks.message,
                values=[thanks.value],
                visibility=VISIBILITY_PRIVATE if thanks.private else VISIBILITY_PUBLIC,
            ),
            request_id=request_id,
        )
        return (await (await self._client(thanks.giver)).recognition.CreateRecognition(request)).recognition.name

    async def _add(self, given: str, giver: str, amount: int, request_id: str) -> None:
        request = add_ons.CreateAddOnRequest(parent=given, add_on=AddOn(amount=amount), request_id=request_id)
        add_on = (await (await self._client(giver)).add_ons.CreateAddOn(request)).add_on
        self.added += 1
        self.points_added += amount * len(add_on.receivers)

    async def _comment(self, given: str, author: str, message: str, request_id: str) -> None:
        request = comments.CreateCommentRequest(parent=given, comment=Comment(message=message), request_id=request_id)
        await (await self._client(author)).comments.CreateComment(request)

    async def _take_back(self, given: str, giver: str, request_id: str) -> None:
        request = recognition.DeleteRecognitionRequest(name=given, request_id=request_id)
        answer = await (await self._client(giver)).recognition.DeleteRecognition(request)
        self.taken_back += 1
        self.points_returned += sum(recovery.recovered_amount for recovery in answer.recoveries)

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
