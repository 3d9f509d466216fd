"""Add-ons, edits and deletions while services are killed; and what of them is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from guerdon import NotFoundError, UnavailableError
from guerdon.recognition.v1 import add_ons_pb2 as add_ons
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon_kit.clock import FixedClock
from guerdon_kit.events import CloudEvent, stream_of
from guerdon_kit.grpc import Remote
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.testing import ServiceFactory, wait_until
from recognition.clients.ledger import LEDGER, Ledger
from recognition.domain.changes import ChangeKind, ChangeState, NewChange
from recognition.domain.moving import movements_of
from recognition.domain.recognitions import Draft, Recognition, State, Visibility
from recognition.domain.takings import Taken, Taking
from recognition.operations.changing import Changing
from recognition.store import changes, movements, recognitions
from tests.contract.recognition.test_changes import add, addition, delete, deletion, edit
from tests.contract.recognition.test_fairness import pair_points, set_policies
from tests.contract.recognition.test_reviews import HOLD
from tests.contract.recognition.world import Employer, World
from tests.integration.recognition.conftest import NOW

PEOPLE = [f"p{number}" for number in range(8)]
_PREFIX = "guerdon.recognition.v1."


@pytest.mark.crash
async def test_points_follow_every_change_while_services_are_killed(world: World) -> None:
    employer = await world.employer(people=PEOPLE)

    async def live(number: int) -> None:
        """One recognition: given, added onto, edited, and perhaps taken back."""
        giver, first, second, adder = (PEOPLE[(number + step) % 8] for step in (0, 1, 2, 5))
        creation = employer.thanks(giver, [first, second], 10, request_id=f"give-{number}")
        given = (await _politely(lambda: employer.admin.recognition.CreateRecognition(creation))).recognition
        addition_ = addition(employer, given, adder, 3)
        edition = recs.UpdateRecognitionRequest(
            recognition=recs.Recognition(name=given.name, receivers=[employer.person(second)], amount=12 - number % 5),
            request_id=f"edit-{number}",
        )
        edition.update_mask.paths.extend(["receivers", "amount"])
        await asyncio.gather(
            _politely(lambda: employer.admin.add_ons.CreateAddOn(addition_)),
            _politely(lambda: employer.admin.recognition.UpdateRecognition(edition)),
        )
        if number % 2:
            ending = deletion(given)
            await _politely(lambda: employer.admin.recognition.DeleteRecognition(ending))

    lives = asyncio.gather(*(live(number) for number in range(12)))
    for victim in (world.recognition, world.ledger):
        await asyncio.sleep(0.4)  # not a wait for a condition: the kill comes at whatever moment this is
        victim.process.kill()
        victim.process.start()
    await lives
    feed = (await employer.feed()).recognitions
    assert len(feed) == 6
    added = [
        one
        for shown in feed
        for one in (await employer.admin.add_ons.ListAddOns(add_ons.ListAddOnsRequest(parent=shown.name))).add_ons
    ]
    for person in PEOPLE:
        name = employer.person(person)
        earned = sum(one.amount for one in feed if name in one.receivers)
        # Who came onto the recognition by an add-on, and was removed from it by the edit, has lost both.
        stayed = {one.name: set(one.receivers) for one in feed}
        kept = [one for one in added if name in one.receivers and name in stayed[one.name.partition("/addOns/")[0]]]
        assert await employer.earned(person) == earned + sum(one.amount for one in kept)
    total = sum([await employer.left(person) + await employer.earned(person) for person in PEOPLE])
    assert total == 200 * len(PEOPLE)


@pytest.mark.crash
async def test_what_is_being_taken_back_is_gone_at_once_and_returns_though_nobody_asks_again(world: World) -> None:
    employer = await world.employer()
    given = await employer.give("ann", ["ben"], 30)
    await set_policies(employer, pair_points(9, HOLD))
    await add(employer, given, "dan", 10)
    assert await employer.left("dan") == 190, "it waits for a decision"
    world.ledger.process.kill()
    deleting = asyncio.ensure_future(employer.admin.recognition.DeleteRecognition(deletion(given)))
    await wait_until(lambda: _sees_nothing(employer))
    with pytest.raises(NotFoundError):
        await add(employer, given, "cleo", 1)
    deleting.cancel()
    world.recognition.process.kill()
    await asyncio.to_thread(world.ledger.process.start)
    await asyncio.to_thread(world.recognition.process.start)
    await wait_until(lambda: _has_all_back(employer))
    assert await employer.earned("ben") == 0


async def test_each_change_of_what_is_public_is_told_and_what_is_hidden_by_its_name_alone(
    world: World, module_services: ServiceFactory
) -> None:
    employer = await world.employer()
    given = await employer.give("ann", ["ben"], 10)
    private = await employer.give("ann", ["cleo"], 1, private=True)
    await add(employer, given, "dan", 2)
    await edit(employer, given, "amount", amount=11)
    await edit(employer, given, "visibility", visibility=recs.VISIBILITY_PRIVATE)
    await edit(employer, given, "message", message="Between us")
    await edit(employer, given, "visibility", visibility=recs.VISIBILITY_PUBLIC)
    await delete(employer, private)
    await delete(employer, given)
    async with Redis.from_url(module_services.endpoints.redis_events_url, decode_responses=True) as redis:

        async def read() -> list[CloudEvent]:
            entries: Any = await redis.xrange(stream_of("recognition"))
            events = [CloudEvent.from_entry(entry) for _, entry in entries]
            return [event for event in events if event.subject in {given.name, private.name}]

        async def told() -> bool:
            return _PREFIX + "recognition_deleted" in {event.type for event in await read()}

        await wait_until(told)
        events = await read()
    assert {event.subject for event in events} == {given.name}
    person = employer.person
    content = {"giver": person("ann"), "receivers": [person("ben")], "amount": 11, "values": []}
    assert [(event.type.removeprefix(_PREFIX), event.data) for event in events] == [
        ("recognition_created", {**content, "amount": 10}),
        ("recognition_add_on_created", {"giver": person("dan"), "receivers": [person("ben")], "amount": 2}),
        ("recognition_edited", content),
        ("recognition_hidden", {}),
        ("recognition_created", content),
        ("recognition_deleted", content),
    ]


async def _politely(call: Callable[[], Awaitable[Any]]) -> Any:
    """Asks again until there is an answer; a refusal fails the test."""
    while True:
        try:
            return await call()
        except UnavailableError:
            await asyncio.sleep(0.1)  # the pause of a polite caller


async def _sees_nothing(employer: Employer) -> bool:
    return not (await employer.feed()).recognitions


async def _has_all_back(employer: Employer) -> bool:
    try:
        return [await employer.left(person) for person in ("ann", "dan")] == [200, 200]
    except UnavailableError:
        return False


async def test_who_comes_back_to_an_edit_that_is_settled_takes_nothing_that_a_later_one_gave(db: Database) -> None:
    draft = Draft("umbrella", "ann", ("ben", "cleo"), 10, "Thank you", (), Visibility.PUBLIC)
    without_ben = replace(draft, receivers=("cleo",))
    made = _change("made", ChangeKind.CREATE, draft.receivers)
    first = _change("first", ChangeKind.EDIT, (), before=draft, after=without_ben)
    second = _change("second", ChangeKind.EDIT, ("ben",), before=without_ben, after=draft)
    async with db.transaction() as connection:
        await recognitions.insert(connection, "made", draft, actor="tester", create_time=NOW)
        await recognitions.set_state(connection, "umbrella", "made", State.POSTED)
        await changes.insert(connection, made, NOW, ChangeState.DONE)
        await changes.insert(connection, first, NOW)
        await _moved(connection, made, draft, ["t1", "t2"])

    async def others() -> None:
        """Another worker settles the first edit, and then comes the second one."""
        async with db.transaction() as connection:
            [of_ben] = [one for one in await movements.gifts(connection, "umbrella", "made") if one.receiver == "ben"]
            await changes.settle(connection, first.key, ChangeState.DONE)
            await _moved(connection, first, draft, [], Taken(Taking(of_ben, 10, 1), 10, "t3"))
            await changes.insert(connection, second, NOW, ChangeState.DONE)
            await _moved(connection, second, without_ben, ["t4"])

    nobody = Ledger(Remote("127.0.0.1:1", LEDGER, lambda *_: ""), timedelta(seconds=1))
    late = Changing(cast("Database", Meanwhile(db, others)), nobody, FixedClock(NOW), timedelta(seconds=1))
    await late.carry_out(first.key)  # asked, the ledger would not answer


class Meanwhile:
    """A database that lets others go first, between the first and the second time that somebody reads."""

    def __init__(self, database: Database, others: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._others = others
        self._times = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        self._times += 1
        if self._times == 2:
            await self._others()
        async with self._database.acquire() as connection:
            yield connection


def _change(
    id_: str, kind: ChangeKind, receivers: tuple[str, ...], before: Draft | None = None, after: Draft | None = None
) -> NewChange:
    amounts = (10,) * len(receivers)
    return NewChange(
        "umbrella", id_, "made", kind, "ann", "ann", receivers, amounts, "tester", NOW, before=before, after=after
    )


async def _moved(
    connection: Connection, change: NewChange, draft: Draft, transactions: Sequence[str], *taken: Taken
) -> None:
    recognition = Recognition("made", draft, State.POSTED, "tester", NOW, ())
    await movements.insert(connection, movements_of(change, recognition, transactions, taken, NOW))
