"""A ledger, a recognition service, and employers to fill them with."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from guerdon import Client, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as books
from guerdon.recognition.v1 import allowances_pb2 as allowances
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon_kit.auth.development import ISSUER, DevelopmentIdentity
from guerdon_kit.testing import RunningService

PEOPLE = ("ann", "ben", "cleo", "dan")
OWN_SCOPES = ("recognition.recognitions.read", "recognition.recognitions.write", "recognition.allowances.read")

_numbers = itertools.count(1)


@dataclass
class World:
    """Both services, and clients of them."""

    ledger: RunningService
    recognition: RunningService
    identity: DevelopmentIdentity
    _clients: list[Client] = field(default_factory=list)

    def client(self, service: RunningService, token: str = "") -> Client:
        """A client of one service, by default with a token for everything."""
        self._clients.append(Client(service.target, token=token or self.identity.token()))
        return self._clients[-1]

    async def close(self) -> None:
        """Closes the clients."""
        for client in self._clients:
            await client.close()

    async def employer(
        self,
        *,
        people: Sequence[str] = PEOPLE,
        allowance: int = 200,
        time_zone: str = "Europe/London",
        granted: bool = True,
        exchange_allowed: bool = False,
    ) -> Employer:
        """An organisation of its own, in a program of its own, whose people have this month's allowance."""
        number = next(_numbers)
        employer = Employer(
            self,
            f"organisations/employer-{number}",
            f"programs/employer-{number}",
            self.client(self.ledger),
            self.client(self.recognition),
        )
        await employer.make(allowance=allowance, time_zone=time_zone, exchange_allowed=exchange_allowed)
        if people:
            await employer.hire(*people)
        if granted:
            await employer.grant()
        return employer


@dataclass
class Employer:
    """One organisation: its people, and what they do."""

    world: World
    name: str
    program: str
    bank: Client
    admin: Client

    async def make(self, *, allowance: int, time_zone: str, exchange_allowed: bool = False) -> None:
        """The program, its unit, and the organisation on them."""
        await self.bank.ledger.CreateProgram(
            ledger.CreateProgramRequest(
                program=books.Program(name=self.program, time_zone=time_zone), request_id=new_request_id()
            )
        )
        await self.bank.ledger.CreateUnit(
            ledger.CreateUnitRequest(unit=books.Unit(name=f"{self.program}/units/points"), request_id=new_request_id())
        )
        request = self.creation(time_zone=time_zone)
        request.organisation.exchange_allowed = exchange_allowed
        await self.admin.organisations.CreateOrganisation(request)
        await self.plan(allowance)

    async def plan(
        self,
        amount: int,
        kind: allowances.PeriodKind.ValueType = allowances.PERIOD_KIND_MONTH,
        overrides: Iterable[allowances.AllowanceOverride] = (),
    ) -> allowances.SetAllowancePlanResponse:
        """Sets how much its people are granted."""
        plan = allowances.AllowancePlan(
            name=f"{self.name}/allowancePlan", period_kind=kind, base_amount=amount, overrides=overrides
        )
        return await self.admin.allowances.SetAllowancePlan(
            allowances.SetAllowancePlanRequest(plan=plan, request_id=new_request_id())
        )

    def creation(self, *, time_zone: str = "Europe/London", request_id: str = "") -> orgs.CreateOrganisationRequest:
        """The request that makes it."""
        return orgs.CreateOrganisationRequest(
            organisation=orgs.Organisation(
                name=self.name,
                display_name="Employer",
                unit=f"{self.program}/units/points",
                time_zone=time_zone,
                values=["#teamwork", "#care"],
            ),
            request_id=request_id or new_request_id(),
        )

    def person(self, person: str) -> str:
        """The name of a person."""
        return f"{self.name}/people/{person}"

    def new_person(self, person: str) -> orgs.Person:
        """A person to add, as whom the token with that subject acts."""
        return orgs.Person(
            name=self.person(person), display_name=person.title(), identity=f"{ISSUER}|{self.subject(person)}"
        )

    def subject(self, person: str) -> str:
        """The subject of a person's own token."""
        return f"{person}@{self.name.removeprefix('organisations/')}"

    async def hire(self, *people: str) -> None:
        """Adds people."""
        await self.admin.organisations.BatchCreatePeople(
            orgs.BatchCreatePeopleRequest(
                parent=self.name, people=map(self.new_person, people), request_id=new_request_id()
            )
        )

    async def grant(self, *, period: str = "", request_id: str = "") -> allowances.GrantAllowancesResponse:
        """Grants the current month."""
        return await self.admin.allowances.GrantAllowances(
            allowances.GrantAllowancesRequest(
                parent=self.name, period=period, request_id=request_id or new_request_id()
            )
        )

    def own_client(self, person: str, *more_scopes: str) -> Client:
        """A client with a person's own token."""
        token = self.world.identity.token(self.subject(person), scopes=[*OWN_SCOPES, *more_scopes], tenants=[self.name])
        return self.world.client(self.world.recognition, token)

    def thanks(
        self,
        giver: str,
        receivers: Iterable[str],
        amount: int,
        *,
        private: bool = False,
        values: Sequence[str] = (),
        message: str = "Thank you",
        request_id: str = "",
    ) -> recs.CreateRecognitionRequest:
        """A request to give."""
        return recs.CreateRecognitionRequest(
            parent=self.name,
            recognition=recs.Recognition(
                giver=self.person(giver) if giver else "",
                receivers=map(self.person, receivers),
                amount=amount,
                message=message,
                values=values,
                visibility=recs.VISIBILITY_PRIVATE if private else recs.VISIBILITY_PUBLIC,
            ),
            request_id=request_id or new_request_id(),
        )

    async def give(
        self, giver: str, receivers: Iterable[str], amount: int, *, private: bool = False, values: Sequence[str] = ()
    ) -> recs.Recognition:
        """Gives, on the giver's behalf."""
        request = self.thanks(giver, receivers, amount, private=private, values=values)
        return (await self.admin.recognition.CreateRecognition(request)).recognition

    async def allowance(self, person: str) -> allowances.Allowance:
        """What a person has left to give."""
        request = allowances.GetAllowanceRequest(name=f"{self.person(person)}/allowance")
        return (await self.admin.allowances.GetAllowance(request)).allowance

    async def left(self, person: str) -> int:
        """How many points a person has left to give."""
        return (await self.allowance(person)).available_amount

    async def read_person(self, person: str) -> orgs.Person:
        """A person as stored."""
        request = orgs.GetPersonRequest(name=self.person(person))
        return (await self.admin.organisations.GetPerson(request)).person

    async def balance(self, account: str) -> books.Balance:
        """What an account has, straight from the ledger."""
        request = ledger.GetBalanceRequest(name=account, view=ledger.BALANCE_VIEW_FULL)
        return (await self.bank.ledger.GetBalance(request)).balance

    async def earned(self, person: str) -> int:
        """How many points a person has received and can redeem."""
        return (await self.balance((await self.read_person(person)).rewards_account)).available

    async def redeem(self, person: str, points: int) -> None:
        """Spends what a person has received, as a catalog would."""
        await self.spend((await self.read_person(person)).rewards_account, points)

    async def open_and_spend(self, account: str, points: int) -> None:
        """Makes a member of the program who works for nobody here, and has them earn and spend as much."""
        await self.bank.ledger.CreateAccount(
            ledger.CreateAccountRequest(
                account=books.Account(
                    name=account, unit=f"{self.program}/units/points", kind=books.ACCOUNT_KIND_MEMBER
                ),
                request_id=new_request_id(),
            )
        )
        earned = books.Posting(source=f"{self.program}/accounts/issuance.points", destination=account, amount=points)
        await self.bank.ledger.PostTransaction(
            ledger.PostTransactionRequest(
                parent=self.program,
                transaction=books.Transaction(kind=books.TRANSACTION_KIND_EARN, postings=[earned]),
                request_id=new_request_id(),
            )
        )
        await self.spend(account, points)

    async def spend(self, account: str, points: int, *, request_id: str = "") -> str:
        """Spends points, as a catalog would; answers the ledger's transaction."""
        posting = books.Posting(source=account, destination=f"{self.program}/accounts/redemption.points", amount=points)
        response = await self.bank.ledger.PostTransaction(
            ledger.PostTransactionRequest(
                parent=self.program,
                transaction=books.Transaction(kind=books.TRANSACTION_KIND_SPEND, postings=[posting]),
                request_id=request_id or new_request_id(),
            )
        )
        return response.transaction

    async def feed(
        self,
        client: Client | None = None,
        *,
        value: str = "",
        person: str = "",
        viewer: str = "",
        query: str = "",
        page_size: int = 1000,
        page_token: str = "",
    ) -> recs.ListRecognitionsResponse:
        """A page of the feed, by default all of it as who runs the service sees it."""
        return await (client or self.admin).recognition.ListRecognitions(
            recs.ListRecognitionsRequest(
                parent=self.name,
                value=value,
                person=self.person(person) if person else "",
                viewer=self.person(viewer) if viewer else "",
                query=query,
                page_size=page_size,
                page_token=page_token,
            )
        )
