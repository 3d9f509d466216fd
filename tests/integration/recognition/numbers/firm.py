"""A firm in which things happen by chance: it does them through the services, and keeps what was asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from guerdon import RefusedError, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.recognition.v1 import manager_budgets_pb2 as managers
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon_kit.testing import wait_until
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.budgeting import Purse
from tests.contract.recognition.parting import PAY_OUT, Parting
from tests.contract.recognition.test_changes import add, delete, edit
from tests.contract.recognition.world import Employer

PEOPLE = ("ann", "ben", "cleo", "dan", "eve", "fay")
MANAGER = "ben"
VALUES = ("#teamwork", "#care")
FUNDS = 100_000


T = TypeVar("T")


class NothingThere(Exception):
    """There is nothing yet to do this with."""


@dataclass
class Asked:
    """A recognition as it was asked for last."""

    giver: str
    receivers: list[str]
    public: bool
    values: tuple[str, ...]
    month: str
    deleted: bool = False
    adders: list[tuple[str, list[str]]] = field(default_factory=list)
    """Who added on, to whom; not to whom an edit has taken out since."""


@dataclass
class Firm:
    """The employer, the dice, and what was asked for so far."""

    employer: Employer
    awarding: Awarding
    source: str
    program: str
    dice: random.Random
    month: str = ""
    """The month that it is."""
    asked: dict[str, Asked] = field(default_factory=dict)
    kept: dict[str, recs.Recognition] = field(default_factory=dict)
    active: dict[str, set[str]] = field(default_factory=dict)
    """By month, who was active at any point in it."""
    present: set[str] = field(default_factory=lambda: set(PEOPLE))
    boosts: set[str] = field(default_factory=set)
    """The transactions of one-time boosts."""
    done: dict[str, int] = field(default_factory=dict)
    """How often each thing was done."""

    @classmethod
    async def found(cls, employer: Employer, seed: int) -> Firm:
        """Funds an employer's budgets: a manager's and one for awards; ben is ann's manager."""
        await Purse(employer).fund(FUNDS)
        awarding = await Awarding.of(employer, 5_000)
        await awarding.appoint("ann", role=orgs.ROLE_ADMIN)
        await awarding.appoint(MANAGER, role=orgs.ROLE_MANAGER)
        for report in ("cleo", "dan"):
            await awarding.appoint(report, manager=MANAGER)
        await Purse(employer).manage(MANAGER, 300, carry_over_periods=1)
        await Parting(employer).say(PAY_OUT, 0)
        source, program = await awarding.source("training"), await awarding.program("stars")
        return cls(employer, awarding, source, program, random.Random(seed))

    async def begin(self, month: str) -> None:
        """A month begins: what was left of the one before has gone back once this answers."""
        self.month = month
        self.active[month] = set(self.present)
        await self.employer.grant()
        await wait_until(self._is_swept)

    async def live(self, events: int) -> None:
        """Lets so many things happen."""
        doings = (
            self.thank, self.thank, self.thank, self.add, self.add, self.edit, self.delete, self.redeem, self.redeem,
            self.give_back, self.award, self.boost, self.hand_out, self.achieve, self.come_or_go,
        )  # fmt: skip
        for _ in range(events):
            doing = self.dice.choice(doings)
            try:
                await doing()
            except (RefusedError, NothingThere):
                continue
            self.done[doing.__name__] = self.done.get(doing.__name__, 0) + 1

    async def thank(self) -> None:
        """Somebody thanks one or two others."""
        giver, *receivers = self._some(self.dice.randint(2, 3))
        private, values = self.dice.random() < 0.3, self.dice.sample(VALUES, self.dice.randint(0, 2))
        given = await self.employer.give(giver, receivers, self._points(), private=private, values=values)
        self.asked[given.name] = Asked(giver, receivers, not private, tuple(values), self.month)
        self.kept[given.name] = given

    async def add(self) -> None:
        """Somebody else adds on."""
        name = self._one([name for name in self._there() if self.asked[name].public])
        asked = self.asked[name]
        adder = self._one([one for one in sorted(self.present) if one != asked.giver])
        added = await add(self.employer, self.kept[name], adder, self._points())
        asked.adders.append((adder, [one.rpartition("/")[2] for one in added.receivers]))

    async def edit(self) -> None:
        """Somebody hides what they said, or says it of others, for others, or with other points."""
        name = self._one(self._there())
        asked = self.asked[name]
        if self.dice.random() < 0.5:
            await edit(self.employer, self.kept[name], "visibility", visibility=recs.VISIBILITY_PRIVATE)
            asked.public = False
            return
        receivers = [one for one in self._some(self.dice.randint(2, 3)) if one != asked.giver]
        values = self.dice.sample(VALUES, self.dice.randint(0, 2))
        await edit(
            self.employer, self.kept[name], "receivers", "amount", "values",
            receivers=receivers, amount=self._points(), values=values,
        )  # fmt: skip
        asked.receivers, asked.values = receivers, tuple(values)
        asked.adders = [(adder, [one for one in to if one in receivers]) for adder, to in asked.adders]

    async def delete(self) -> None:
        """Something is taken back, as far as its receivers have it."""
        name = self._one(self._there())
        policy = self.dice.choice((recs.TAKING_POLICY_UNSPENT, recs.TAKING_POLICY_WITHIN_BALANCE))
        await delete(self.employer, self.kept[name], policy)
        self.asked[name].deleted = True

    async def redeem(self) -> None:
        """Somebody redeems some of what they have."""
        person = self._one(sorted(self.present))
        earned = await self.employer.earned(person)
        if earned:
            await self.employer.redeem(person, self.dice.randint(1, earned))

    async def give_back(self) -> None:
        """A redemption is called off."""
        person = await self.employer.read_person(self._one(PEOPLE))
        found = await self.employer.bank.ledger.ListEntries(ledger.ListEntriesRequest(parent=person.rewards_account))
        spent = [one for one in found.entries if one.counterparty.endswith("redemption.points") and one.amount < 0]
        if spent:
            await self.employer.bank.ledger.ReverseTransaction(
                ledger.ReverseTransactionRequest(name=self._one(spent).transaction, request_id=new_request_id())
            )

    async def award(self) -> None:
        """Somebody is nominated, and awarded at once."""
        nominator, nominee = self._some(2)
        await self.awarding.nominate(self.program, nominator, nominee, self._points())

    async def boost(self) -> None:
        """Somebody may give more, once."""
        self.boosts.add(await Purse(self.employer).boost(*self._some(1), amount=self._points()))

    async def hand_out(self) -> None:
        """The manager gives to somebody, to have or to give."""
        use = self.dice.choice((managers.GRANT_USE_AWARD, managers.GRANT_USE_BOOST))
        receivers = [one for one in self._some(2) if one != MANAGER]
        await Purse(self.employer).hand_out(MANAGER, receivers, self._points(), use=use)

    async def achieve(self) -> None:
        """Another system reports an achievement."""
        await self.awarding.record(self.source, f"a{self.dice.randrange(10**9)}", self._some(1)[0], self._points())

    async def come_or_go(self) -> None:
        """Somebody leaves, and is paid what they have, or comes back."""
        name, organisations = self.employer.person("fay"), self.employer.admin.organisations
        if "fay" in self.present:
            await organisations.DeactivatePerson(orgs.DeactivatePersonRequest(name=name, request_id=new_request_id()))
            self.present.discard("fay")
        else:
            await organisations.ReactivatePerson(orgs.ReactivatePersonRequest(name=name, request_id=new_request_id()))
            self.present.add("fay")
            self.active[self.month].add("fay")

    def _there(self) -> list[str]:
        return [name for name, one in self.asked.items() if not one.deleted]

    def _points(self) -> int:
        return self.dice.randint(1, 40)

    def _some(self, count: int) -> list[str]:
        return self.dice.sample(sorted(self.present), count)

    def _one(self, options: Sequence[T]) -> T:
        if not options:
            raise NothingThere
        return self.dice.choice(options)

    async def is_settled(self) -> bool:
        """Whether all that was awarded is paid, who is away has nothing, and the month before is counted to its end."""
        _, unpaid = await self.awarding.standing()
        leavers = (await Parting(self.employer).page(page_size=1000)).leavers
        has = sum(leaver.available_amount for leaver in leavers if not leaver.HasField("return_time"))
        before = sorted(self.active)[-2]
        return unpaid == has == 0 and (await Purse(self.employer).statement(before)).final

    async def _is_swept(self) -> bool:
        """Whether nothing lies on an account that has expired."""
        people = [await self.employer.read_person(one) for one in PEOPLE]
        managed = await Purse(self.employer).managed(MANAGER)
        request = ledger.BatchGetBalancesRequest(
            parent=self.employer.program, names=[managed.account, *(one.allowance_account for one in people)]
        )
        balances = (await self.employer.bank.ledger.BatchGetBalances(request)).balances
        return all(one.posted == one.available for one in balances)
