"""An employer with whose leavers it is settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import Client, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as books
from guerdon.recognition.v1 import leavers_pb2 as pb
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_kit.testing import wait_until
from tests.contract.recognition.world import Employer

KEEP, PAY_OUT = pb.LEAVER_MODE_KEEP, pb.LEAVER_MODE_PAY_OUT


@dataclass(frozen=True)
class Parting:
    """What becomes of an employer's leavers."""

    employer: Employer

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return f"{self.employer.name}/leaverPolicy"

    async def say(
        self,
        mode: pb.LeaverMode.ValueType,
        days: int | None = None,
        *,
        client: Client | None = None,
        request_id: str = "",
    ) -> pb.LeaverPolicy:
        """Says what holds for those who leave from now on."""
        request = pb.SetLeaverPolicyRequest(
            leaver_policy=pb.LeaverPolicy(name=self.policy_name, mode=mode, days=days),
            request_id=request_id or new_request_id(),
        )
        return (await (client or self.employer.admin).leavers.SetLeaverPolicy(request)).leaver_policy

    async def policy(self) -> pb.LeaverPolicy:
        """What holds now."""
        request = pb.GetLeaverPolicyRequest(name=self.policy_name)
        return (await self.employer.admin.leavers.GetLeaverPolicy(request)).leaver_policy

    async def worth(self, *, cents: Rational, country: str = "IE") -> None:
        """Says what a point is worth in a country, in cents of a euro."""
        value = orgs.CountryValue(country=country, currency_code="EUR", minor_units_per_point=cents)
        await self.employer.admin.organisations.UpdateOrganisation(
            orgs.UpdateOrganisationRequest(
                organisation=orgs.Organisation(name=self.employer.name, countries=[value]),
                update_mask=FieldMask(paths=["countries"]),
                request_id=new_request_id(),
            )
        )

    async def change(self, person: str, **fields: Any) -> None:
        """Changes what is known of a person."""
        await self.employer.admin.organisations.UpdatePerson(
            orgs.UpdatePersonRequest(
                person=orgs.Person(name=self.employer.person(person), **fields),
                update_mask=FieldMask(paths=list(fields)),
                request_id=new_request_id(),
            )
        )

    async def leave(self, *people: str, request_id: str = "") -> None:
        """Has people leave, one after the other."""
        for person in people:
            await self.employer.admin.organisations.DeactivatePerson(
                orgs.DeactivatePersonRequest(
                    name=self.employer.person(person), request_id=request_id or new_request_id()
                )
            )

    async def come_back(self, person: str, *, request_id: str = "") -> None:
        """Has somebody come back."""
        await self.employer.admin.organisations.ReactivatePerson(
            orgs.ReactivatePersonRequest(name=self.employer.person(person), request_id=request_id or new_request_id())
        )

    async def page(self, *, client: Client | None = None, person: str = "", **fields: Any) -> pb.ListLeaversResponse:
        """A page of the leavers."""
        request = pb.ListLeaversRequest(
            parent=self.employer.name, person=self.employer.person(person) if person else "", **fields
        )
        return await (client or self.employer.admin).leavers.ListLeavers(request)

    async def of(self, person: str) -> list[pb.Leaver]:
        """The times that a person left, latest first."""
        return list((await self.page(person=person)).leavers)

    async def settled(self, person: str) -> list[int]:
        """What was taken off a person the last time that they left."""
        leavings = await self.of(person)
        return [settlement.amount for settlement in leavings[0].settlements] if leavings else []

    async def until_settled(self, person: str, *amounts: int) -> pb.Leaver:
        """Waits until these amounts have been taken off a person."""

        async def so() -> bool:
            return await self.settled(person) == list(amounts)

        await wait_until(so)
        return (await self.of(person))[0]

    async def entries(self, person: str) -> list[books.Entry]:
        """The person's statement of what they earned, newest first."""
        account = (await self.employer.read_person(person)).rewards_account
        request = ledger.ListEntriesRequest(parent=account, page_size=1000)
        return list((await self.employer.bank.ledger.ListEntries(request)).entries)

    @property
    def budget_account(self) -> str:
        """The account of the organisation's budget."""
        organisation = self.employer.name.removeprefix("organisations/")
        return f"{self.employer.program}/accounts/budget.points.{organisation}"

    async def budget(self) -> int:
        """What the organisation's budget has."""
        return (await self.employer.balance(self.budget_account)).posted
