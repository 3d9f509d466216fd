"""Add-ons, edits and deletions while services are killed; and what of them is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from guerdon import NotFoundError, UnavailableError
from guerdon.recognition.v1 import add_ons_pb2 as add_ons
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon_kit.events import CloudEvent, stream_of
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.recognition.test_changes import add, addition, delete, deletion, edit
from tests.contract.recognition.test_fairness import pair_points, set_policies
from tests.contract.recognition.test_reviews import HOLD
from tests.contract.recognition.world import Employer, World

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
