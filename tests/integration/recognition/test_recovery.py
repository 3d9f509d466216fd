"""What was taken in is carried out or refused, once, whoever dies in between; and what is public is told."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import httpx
import pytest
from redis.asyncio import Redis

from guerdon import RefusedError, UnavailableError, new_request_id
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import reviews_pb2 as pb
from guerdon.recognition.v1 import scim_pb2 as scim
from guerdon_kit.events import CloudEvent, stream_of
from guerdon_kit.postgres.provision import connected
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.recognition.scim import USER, connect, scim_url
from tests.contract.recognition.test_fairness import pair_points, set_policies
from tests.contract.recognition.test_reviews import APPROVED, HOLD, decision
from tests.contract.recognition.world import Employer, World


@pytest.mark.crash
async def test_what_was_taken_in_is_carried_out_though_nobody_asks_again(world: World) -> None:
    employer = await world.employer()
    world.ledger.process.kill()
    giving = asyncio.create_task(_ask_once(world, employer.thanks("ann", ["ben"], 30)))
    await wait_until(lambda: _taken_in(world, employer))
    world.recognition.process.kill()
    with pytest.raises(grpc.aio.AioRpcError):
        await giving
    world.ledger.process.start()
    world.recognition.process.start()
    await wait_until(lambda: _feed_length(employer))
    assert (await employer.left("ann"), await employer.earned("ben")) == (170, 30)


async def test_workers_serve_an_identity_provider_as_one(world: World) -> None:
    employer = await world.employer(granted=False)
    provider = await connect(employer)
    await provider.http.aclose()

    async def ask(method: str, path: str, **body: Any) -> int:
        """By a connection of its own, which may be any worker's."""
        headers = {"Authorization": f"Bearer {provider.secret}"}
        async with httpx.AsyncClient(base_url=scim_url(employer), headers=headers, timeout=30.0) as client:
            return (await client.request(method, path, json=body or None)).status_code

    made = await asyncio.gather(*(ask("POST", "/Users", schemas=[USER], userName="eve") for _ in range(8)))
    assert sorted(made) == [201] + [409] * 7
    await employer.admin.scim_tokens.RevokeScimToken(
        scim.RevokeScimTokenRequest(name=provider.token.name, request_id=new_request_id())
    )
    assert await asyncio.gather(*(ask("GET", "/Users") for _ in range(8))) == [401] * 8


@pytest.mark.crash
async def test_what_is_held_is_reserved_and_given_once_whoever_is_killed(world: World) -> None:
    employer = await world.employer()
    await set_policies(employer, pair_points(20, HOLD))
    world.ledger.process.kill()
    giving = asyncio.create_task(_ask_once(world, employer.thanks("ann", ["ben"], 30)))
    await wait_until(lambda: _taken_in(world, employer))
    world.recognition.process.kill()
    with pytest.raises(grpc.aio.AioRpcError):
        await giving
    world.ledger.process.start()
    world.recognition.process.start()
    await wait_until(lambda: _reviews(employer, pb.REVIEW_STATE_HELD))
    assert (await employer.left("ann"), await employer.earned("ben")) == (170, 0)
    [review] = await _reviews(employer, pb.REVIEW_STATE_HELD)
    world.ledger.process.kill()
    deciding = asyncio.ensure_future(employer.admin.reviews.ReviewRecognition(decision(review.name, APPROVED)))
    await wait_until(lambda: _reviews(employer, APPROVED))
    world.recognition.process.kill()
    world.ledger.process.start()
    world.recognition.process.start()
    await wait_until(lambda: _feed_length(employer))
    assert (await employer.left("ann"), await employer.earned("ben")) == (170, 30)
    await asyncio.gather(deciding, return_exceptions=True)


@pytest.mark.crash
async def test_no_point_is_lost_or_made_while_services_are_killed(world: World) -> None:
    people = [f"p{number}" for number in range(12)]
    employer = await world.employer(people=people)

    refusals: set[str] = set()

    async def give(number: int) -> bool:
        """Asks again until there is an answer: given, or refused for good."""
        giver, *receivers = (people[(number + step) % 12] for step in (0, 1, 5))
        request = employer.thanks(giver, receivers, 8 + number % 5, request_id=f"give-{number}")
        while True:
            try:
                await employer.admin.recognition.CreateRecognition(request)
                return True
            except RefusedError as refusal:
                refusals.add(refusal.reason)
                return False
            except UnavailableError:
                await asyncio.sleep(0.1)  # the pause of a polite caller

    gives = asyncio.gather(*(give(number) for number in range(200)))
    for victim in (world.recognition, world.ledger):
        await asyncio.sleep(0.4)  # not a wait for a condition: the kill comes at whatever moment this is
        victim.process.kill()
        victim.process.start()
    given = sum(await gives)
    feed = (await employer.feed()).recognitions
    assert (len(feed), refusals) == (given, {"INSUFFICIENT_ALLOWANCE"})
    for person in people:
        name = employer.person(person)
        assert await employer.left(person) == 200 - sum(2 * one.amount for one in feed if one.giver == name)
        assert await employer.earned(person) == sum(one.amount for one in feed if name in one.receivers)


async def test_what_is_public_is_told_once_and_what_is_private_never(
    world: World, module_services: ServiceFactory
) -> None:
    employer = await world.employer()
    private = await employer.give("ann", ["cleo"], 5, private=True)
    public = await employer.give("ann", ["ben", "cleo"], 10, values=["#care"])
    last = await employer.give("ben", ["ann"], 1)
    async with Redis.from_url(module_services.endpoints.redis_events_url, decode_responses=True) as redis:

        async def read() -> list[CloudEvent]:
            entries: Any = await redis.xrange(stream_of("recognition"))
            events = [CloudEvent.from_entry(entry) for _, entry in entries]
            return [event for event in events if event.subject in {private.name, public.name, last.name}]

        async def told() -> bool:
            return last.name in {event.subject for event in await read()}

        await wait_until(told)
        events = await read()
    assert [event.subject for event in events] == [public.name, last.name]
    assert {event.type for event in events} == {"guerdon.recognition.v1.recognition_created"}
    assert events[0].data == {
        "giver": employer.person("ann"),
        "receivers": [employer.person("ben"), employer.person("cleo")],
        "amount": 10,
        "values": ["#care"],
    }


@pytest.mark.crash
async def test_a_silent_ledger_leaves_no_doubt_behind(world: World) -> None:
    employer = await world.employer()
    request = employer.thanks("ann", ["ben", "cleo"], 20)
    world.ledger.process.kill()
    with pytest.raises(grpc.aio.AioRpcError) as unanswered:
        await _ask_once(world, request)
    assert unanswered.value.code() is grpc.StatusCode.UNAVAILABLE
    await asyncio.to_thread(world.ledger.process.start)
    given = await wait_until(lambda: _answered(employer, request))
    assert given is not None
    assert [one.name for one in (await employer.feed()).recognitions] == [given.name]
    assert await employer.left("ann") == 160
    assert [await employer.earned(person) for person in ("ben", "cleo")] == [20, 20]


async def _answered(employer: Employer, request: recs.CreateRecognitionRequest) -> recs.Recognition | None:
    try:
        return (await employer.admin.recognition.CreateRecognition(request)).recognition
    except UnavailableError:
        return None


async def _ask_once(world: World, request: recs.CreateRecognitionRequest) -> None:
    """As a client asks that does not ask again by itself."""
    metadata = [("authorization", f"Bearer {world.identity.token()}")]
    async with grpc.aio.insecure_channel(world.recognition.target, [("grpc.enable_retries", 0)]) as channel:
        method: Any = channel.unary_unary(
            "/guerdon.recognition.v1.RecognitionService/CreateRecognition",
            request_serializer=recs.CreateRecognitionRequest.SerializeToString,
        )
        await method(request, timeout=30, metadata=metadata)


async def _taken_in(world: World, employer: Employer) -> bool:
    async with connected(world.recognition.database.owner_url) as owner:
        organisation = employer.name.removeprefix("organisations/")
        return bool(await owner.fetchval("select true from recognitions where organisation = $1", organisation))


async def _reviews(employer: Employer, state: pb.ReviewState.ValueType) -> list[pb.Review]:
    """No review while nobody answers: a service that was started is not there at once."""
    request = pb.ListReviewsRequest(parent=employer.name, state=state)
    try:
        return list((await employer.admin.reviews.ListReviews(request)).reviews)
    except UnavailableError:
        return []


async def _feed_length(employer: Employer) -> int:
    """The same of the feed."""
    try:
        return len((await employer.feed()).recognitions)
    except UnavailableError:
        return 0
