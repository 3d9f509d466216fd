"""Who sees what, and what counts: random organisations against a model, and against the ledger's postings."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import NamedTuple

import asyncpg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.recognition.v1 import add_ons_pb2 as add_ons
from guerdon.recognition.v1 import awards_pb2 as awards
from guerdon.recognition.v1 import celebrations_pb2 as celebrations
from guerdon.recognition.v1 import comments_pb2 as comments
from guerdon.recognition.v1 import insights_pb2 as insights
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import teams_pb2 as teams
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.test_feed import feed, names
from tests.contract.recognition.world import PEOPLE, Employer, World

TEAMS = {"east": ("ann", "ben"), "west": ("ben", "cleo")}
VALUES = ("#teamwork", "#care")
WORDS = ("launch", "repair", "welcome")
OPERATIONS = 10
AWARDING = 0.3  # of what is done, how much is about awards and celebrations
EXAMPLES = 4
LISTS = {
    "given": insights.MEASURE_GIVEN,
    "added": insights.MEASURE_ADDED,
    "received": insights.MEASURE_RECEIVED,
}


@dataclass
class Said:
    """A recognition as the model knows it: who gave how much to whom, as what."""

    name: str
    giver: str
    receivers: list[str]
    amount: int
    words: list[str]
    values: list[str]
    visibility: recs.Visibility.ValueType
    teams: list[str]
    added: list[tuple[str, list[str], int]] = field(default_factory=list)
    deleted: bool = False

    def seen_by(self, viewer: str) -> bool:
        """Whether a person may see it."""
        concerned = {self.giver, *self.receivers}
        if self.visibility == recs.VISIBILITY_TEAM:
            concerned |= {one for team in self.teams for one in TEAMS[team]}
        return not self.deleted and (self.visibility == recs.VISIBILITY_PUBLIC or viewer in concerned)


@dataclass
class Paid:
    """An award or a celebration as the model knows it: who has a part in it, and who got how much."""

    name: str
    person: str
    parts: set[str]
    amount: int
    public: bool

    def seen_by(self, viewer: str, opted_out: Container[str] = ()) -> bool:
        """Whether a person may see it. Of who has opted out nobody else sees what was celebrated."""
        return viewer in self.parts or (self.public and self.person not in opted_out)


class Share(NamedTuple):
    """Points that somebody has given and somebody has received."""

    measure: str
    giver: str
    receiver: str
    amount: int


@dataclass
class Random:
    """An organisation in which random things are done, and what is known of it."""

    employer: Employer
    chance: random.Random
    said: list[Said] = field(default_factory=list)
    once_public: set[str] = field(default_factory=set)
    awarding: Awarding | None = None
    awarded: list[Paid] = field(default_factory=list)
    celebrated: list[Paid] = field(default_factory=list)
    opted_out: set[str] = field(default_factory=set)

    async def celebrate(self) -> None:
        """Celebrates birthdays, and has awards in it from now on."""
        self.awarding = await Awarding.of(self.employer, 1000)
        await self.awarding.program("spot")
        born = self.chance.sample(PEOPLE, 2)
        visibility = self.chance.choice((recs.VISIBILITY_PUBLIC, recs.VISIBILITY_PUBLIC, recs.VISIBILITY_PRIVATE))
        names = await self.awarding.celebrate(visibility, *born)
        for name, person in zip(names, born, strict=True):
            self.celebrated.append(Paid(name, person, {person}, 25, visibility == recs.VISIBILITY_PUBLIC))

    async def step(self) -> None:
        """Does one thing. What is refused changes nothing."""
        if self.awarding and self.chance.random() < AWARDING:
            return await self.chance.choice((self._award, self._opt))(self.awarding)
        there = [one for one in self.said if not one.deleted]
        action = self.chance.choice(("give", "give", "add", "edit", "delete")) if there else "give"
        try:
            if action == "give":
                await self._give()
            else:
                await {"add": self._add, "edit": self._edit, "delete": self._delete}[action](self.chance.choice(there))
        except (RefusedError, InvalidRequestError):
            pass
        self.once_public |= {one.name for one in self.said if one.visibility == recs.VISIBILITY_PUBLIC}
        return None

    async def _give(self) -> None:
        giver, *others = self.chance.sample(PEOPLE, 3)
        receivers = others[: self.chance.randint(1, 2)]
        values = self.chance.sample(VALUES, self.chance.randint(0, 2))
        words = self.words()
        request = self.employer.thanks(
            giver, receivers, self.chance.randint(1, 20), values=values, message=" ".join(["Thanks", *words])
        )
        request.recognition.visibility = self.visibility()
        made = (await self.employer.admin.recognition.CreateRecognition(request)).recognition
        said = [team.rpartition("/")[2] for team in made.teams]
        seen_as = request.recognition.visibility
        self.said.append(Said(made.name, giver, receivers, made.amount, words, values, seen_as, said))

    async def _add(self, one: Said) -> None:
        giver = self.chance.choice(PEOPLE)
        add_on = add_ons.AddOn(giver=self.employer.person(giver), amount=self.chance.randint(1, 5))
        request = add_ons.CreateAddOnRequest(parent=one.name, add_on=add_on, request_id=new_request_id())
        try:
            made = (await self.employer.admin.add_ons.CreateAddOn(request)).add_on
        except NotFoundError:
            assert not one.seen_by(giver)
            return
        assert one.seen_by(giver)
        one.added.append((giver, [name.rpartition("/")[2] for name in made.receivers], made.amount))

    async def _edit(self, one: Said) -> None:
        visibility = self.visibility()
        values = self.chance.sample(VALUES, self.chance.randint(0, 2))
        amount = self.chance.randint(1, 20)
        words = self.words()
        message = " ".join([*words, "again"])
        request = recs.UpdateRecognitionRequest(
            recognition=recs.Recognition(
                name=one.name, amount=amount, message=message, values=values, visibility=visibility
            ),
            update_mask=FieldMask(paths=["amount", "message", "values", "visibility"]),
            request_id=new_request_id(),
        )
        made = (await self.employer.admin.recognition.UpdateRecognition(request)).recognition
        one.amount, one.words, one.values, one.visibility = amount, words, values, visibility
        one.teams = [team.rpartition("/")[2] for team in made.teams]

    async def _delete(self, one: Said) -> None:
        await self.employer.admin.recognition.DeleteRecognition(
            recs.DeleteRecognitionRequest(name=one.name, request_id=new_request_id())
        )
        one.deleted = True

    async def _award(self, awarding: Awarding) -> None:
        nominator, nominee = self.chance.sample(PEOPLE, 2)
        amount, private = self.chance.randint(1, 20), self.chance.random() < 0.5
        program = f"{self.employer.name}/awardPrograms/spot"
        made = await awarding.nominate(program, nominator, nominee, amount, private=private)
        self.awarded.append(Paid(made.name, nominee, {nominator, nominee}, amount, not private))

    async def _opt(self, awarding: Awarding) -> None:
        """Somebody opts out of celebrations, or in again."""
        person = self.chance.choice(PEOPLE)
        self.opted_out ^= {person}
        await awarding.opt_out(person, opt_out=person in self.opted_out)

    def words(self) -> list[str]:
        """Some of those that are searched for."""
        return self.chance.sample(WORDS, self.chance.randint(1, 2))

    def visibility(self) -> recs.Visibility.ValueType:
        """One of them."""
        return self.chance.choice((recs.VISIBILITY_PUBLIC, recs.VISIBILITY_PRIVATE, recs.VISIBILITY_TEAM))

    def shares(self, *, everything: bool, value: str = "") -> Iterator[Share]:
        """What counts, for all or for managers."""
        for one in self.said:
            public = one.visibility == recs.VISIBILITY_PUBLIC
            if one.deleted or not (everything or public) or (value and value not in one.values):
                continue
            yield from (Share("given", one.giver, receiver, one.amount) for receiver in one.receivers)
            for giver, receivers, amount in one.added:
                yield from (Share("added", giver, receiver, amount) for receiver in receivers)


@pytest.fixture
async def employer(world: World) -> Employer:
    return await with_teams(world)


async def with_teams(world: World) -> Employer:
    """An organisation whose people are in teams."""
    made = await world.employer(time_zone="UTC", allowance=100)
    for team in TEAMS:
        name = f"{made.name}/teams/{team}"
        await made.admin.teams.CreateTeam(
            teams.CreateTeamRequest(team=teams.Team(name=name, display_name=team), request_id=new_request_id())
        )
    for person in PEOPLE:
        own = [f"{made.name}/teams/{team}" for team, people in TEAMS.items() if person in people]
        await made.admin.organisations.UpdatePerson(
            orgs.UpdatePersonRequest(
                person=orgs.Person(name=made.person(person), teams=own),
                update_mask=FieldMask(paths=["teams"]),
                request_id=new_request_id(),
            )
        )
    return made


@pytest.mark.parametrize("seed", range(EXAMPLES))
async def test_what_is_private_or_a_teams_never_appears_to_others_and_counts_for_managers(
    employer: Employer, seed: int
) -> None:
    played = Random(employer, random.Random(seed))
    await played.celebrate()
    for _ in range(OPERATIONS):
        await played.step()
    await check_seen(played)
    await check_feed(played)
    await check_counted(played)
    await check_postings(played)
    await check_events(played)


async def check_seen(played: Random) -> None:
    """Feed, search, and what belongs to each recognition show each person what they may see, and nothing else."""
    admin = played.employer.admin
    for viewer in PEOPLE:
        seen = {one.name for one in played.said if one.seen_by(viewer)}
        assert {one.name for one in (await played.employer.feed(viewer=viewer)).recognitions} == seen
        for word in WORDS:
            found = await played.employer.feed(viewer=viewer, query=word)
            assert {one.name for one in found.recognitions} == {
                one.name for one in played.said if one.seen_by(viewer) and word in one.words
            }
        name = played.employer.person(viewer)
        for one in played.said:
            for call in (
                admin.recognition.GetRecognition(recs.GetRecognitionRequest(name=one.name, viewer=name)),
                admin.add_ons.ListAddOns(add_ons.ListAddOnsRequest(parent=one.name, viewer=name)),
                admin.comments.ListComments(comments.ListCommentsRequest(parent=one.name, viewer=name)),
                admin.comments.ListReactions(comments.ListReactionsRequest(parent=one.name, viewer=name)),
            ):
                if one.name in seen:
                    await call
                else:
                    with pytest.raises(NotFoundError):
                        await call


async def check_feed(played: Random) -> None:
    """The feed has just what a person may see of all kinds, and so have the lists of awards and of celebrations."""
    assert played.awarding is not None
    for viewer in PEOPLE:
        said = {one.name for one in played.said if one.seen_by(viewer)}
        awarded = {one.name for one in played.awarded if one.seen_by(viewer)}
        celebrated = {one.name for one in played.celebrated if one.seen_by(viewer, played.opted_out)}
        assert sorted(names(await feed(played.employer, viewer))) == sorted(said | awarded | celebrated)
        assert set(await played.awarding.listed(awards.AWARD_LIST_GIVEN, viewer)) == awarded
        request = celebrations.ListCelebrationsRequest(
            parent=played.employer.name, viewer=played.employer.person(viewer)
        )
        found = (await played.employer.admin.celebrations.ListCelebrations(request)).celebrations
        assert {one.name for one in found} == celebrated


async def check_counted(played: Random) -> None:
    """Leaderboards and participation come to what the model says, for peers and for managers."""
    admin, name = played.employer.admin, played.employer.name
    period = f"{datetime.now(UTC):%Y-%m}"
    for everything in (False, True):
        view = insights.INSIGHT_VIEW_ALL if everything else insights.INSIGHT_VIEW_PUBLIC
        for value in ("", VALUES[0]):
            shares = list(played.shares(everything=everything, value=value))
            for measure, number in LISTS.items():
                request = insights.ListLeaderboardRequest(
                    parent=name, measure=number, first_period=period, value=value, view=view
                )
                entries = (await admin.insights.ListLeaderboard(request)).entries
                assert {one.person: one.amount for one in entries} == expected(played, shares, measure)
        shares = list(played.shares(everything=everything))
        found = await admin.insights.GetParticipation(
            insights.GetParticipationRequest(parent=name, period=period, view=view)
        )
        received = {one.receiver for one in shares}
        assert Fraction(found.received.share.numerator, found.received.share.denominator) == Fraction(
            len(received), len(PEOPLE)
        )
        for measure, told in (("given", found.given), ("added", found.added)):
            of = [one for one in shares if one.measure == measure]
            assert (told.people_count, told.amount, told.count) == (
                len({one.giver for one in of}),
                sum(one.amount for one in of),
                len(of),
            )


def expected(played: Random, shares: list[Share], measure: str) -> dict[str, int]:
    """A leaderboard, by names."""
    sums: Counter[str] = Counter()
    for one in shares:
        if measure == "received":
            sums[played.employer.person(one.receiver)] += one.amount
        elif measure == one.measure:
            sums[played.employer.person(one.giver)] += one.amount
    return dict(sums)


async def check_postings(played: Random) -> None:
    """What was given and received is what the ledger's entries of each account come to."""
    shares = list(played.shares(everything=True))
    for person in PEOPLE:
        found = await played.employer.read_person(person)
        received = await entries(played.employer, found.rewards_account)
        assert sum(received) == sum(one.amount for one in shares if one.receiver == person) + sum(
            one.amount for one in (*played.awarded, *played.celebrated) if one.person == person
        )
        given = await entries(played.employer, found.allowance_account)
        granted = 100
        assert granted - sum(given) == sum(one.amount for one in shares if one.giver == person)


async def entries(employer: Employer, account: str) -> list[int]:
    """The amounts of an account's entries."""
    request = ledger.ListEntriesRequest(parent=account, page_size=1000)
    return [one.amount for one in (await employer.bank.ledger.ListEntries(request)).entries]


async def check_events(played: Random) -> None:
    """No event tells of a recognition that was never public, nor of an award that is not."""
    connection = await asyncpg.connect(played.employer.world.recognition.database.owner_url)
    try:
        told = await connection.fetch(
            "select subject from outbox where subject like $1", f"{played.employer.name}/recognitions/%"
        )
        given = await connection.fetch(
            "select subject from outbox where subject like $1", f"{played.employer.name}/awards/%"
        )
    finally:
        await connection.close()
    subjects = {"/".join(row["subject"].split("/")[:4]) for row in told}
    assert subjects == played.once_public
    assert {row["subject"] for row in given} == {one.name for one in played.awarded if one.public}
