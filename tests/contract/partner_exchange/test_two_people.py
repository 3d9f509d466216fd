"""Rate books that move rates far take two people; withdrawn ones hold no longer; books are no way round the proof."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest

from guerdon import Client, InvalidRequestError, RefusedError, new_request_id, was_replayed
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.world import Brand, Coalition, World

WAITING = """
select count(distinct pid) from pg_locks
where
    not granted and relation = 'quotes'::regclass
    and database = (select oid from pg_database where datname = current_database())
"""


@pytest.fixture
async def coalition(world: World) -> Coalition:
    """One in which one person moves rates by a tenth."""
    return await world.coalition("1/10")


@pytest.fixture
def second(world: World) -> Client:
    """Another person of the operator."""
    return world.client(world.exchange, world.identity.token(subject="second"))


async def propose(coalition: Coalition, *pairs: res.PairRate, revaluation: bool = True) -> res.RateBook:
    """A book that is published whatever members gain who exchanged before, by two people."""
    book = res.RateBook(pairs=pairs)
    request = admin.PublishRateBookRequest(
        parent=coalition.name, rate_book=book, request_id=new_request_id(), revaluation=revaluation
    )
    return (await coalition.operator.coalition_admin.PublishRateBook(request)).rate_book


async def approve(client: Client, book: res.RateBook) -> res.RateBook:
    request = admin.ApproveRateBookRequest(name=book.name, request_id=new_request_id())
    return (await client.coalition_admin.ApproveRateBook(request)).rate_book


async def withdraw(coalition: Coalition, book: res.RateBook) -> res.RateBook:
    request = admin.WithdrawBookRequest(name=book.name, request_id=new_request_id())
    return (await coalition.operator.coalition_admin.WithdrawBook(request)).rate_book


async def book_at(asker: Brand, other: Brand, time: datetime | None = None) -> str:
    request = pb.GetRateRequest(partner=asker.name, sender_id=asker.id, receiver_id=other.id)
    if time is not None:
        request.time.FromDatetime(time)
    return (await asker.own.coalition.GetRate(request)).rate_book


async def test_a_rate_that_moves_far_waits_for_another_person(coalition: Coalition, second: Client) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    first = await coalition.publish(one.to(other, "1"))
    near = await coalition.publish(one.to(other, "1.1"))
    far = await coalition.publish(one.to(other, "2"))
    assert [book.state for book in (first, near, far)] == [
        res.RATE_BOOK_STATE_PUBLISHED,
        res.RATE_BOOK_STATE_PUBLISHED,
        res.RATE_BOOK_STATE_PROPOSED,
    ]
    [move] = far.review.large_moves
    assert (move.sender, move.before, move.after) == (one.name, "1.100000000", "2.000000000")
    assert await book_at(one, other) == near.name
    with pytest.raises(RefusedError) as refused:
        await approve(coalition.operator, far)
    assert refused.value.reason == "PROPOSED_BY_YOU"
    approved = await approve(second, far)
    assert (approved.state, await book_at(one, other)) == (res.RATE_BOOK_STATE_PUBLISHED, far.name)
    assert approved.decider.endswith("second")
    with pytest.raises(RefusedError) as refused:
        await approve(second, far)
    assert refused.value.reason == "RATE_BOOK_SETTLED"


async def test_a_proposal_is_rejected_or_overtaken(coalition: Coalition, second: Client) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    await coalition.publish(one.to(other, "1"))
    unwanted, late = await coalition.publish(one.to(other, "2")), await coalition.publish(one.to(other, "3"))
    reject = admin.RejectRateBookRequest(name=unwanted.name, request_id=new_request_id())
    rejected = (await coalition.operator.coalition_admin.RejectRateBook(reject)).rate_book
    assert rejected.state == res.RATE_BOOK_STATE_REJECTED
    again = coalition.operator.coalition_admin.RejectRateBook(reject)
    assert (await again).rate_book == rejected
    assert await was_replayed(again)
    newer = await coalition.publish(one.to(other, "1.05"))
    for book, reason in ((unwanted, "RATE_BOOK_SETTLED"), (late, "RATE_BOOK_SUPERSEDED")):
        with pytest.raises(RefusedError) as refused:
            await approve(second, book)
        assert refused.value.reason == reason
    assert await book_at(one, other) == newer.name
    listed = admin.ListRateBooksRequest(parent=coalition.name, page_size=3)
    page = await coalition.operator.coalition_admin.ListRateBooks(listed)
    listed.page_token = page.next_page_token
    rest = await coalition.operator.coalition_admin.ListRateBooks(listed)
    versions = [int(book.name.rpartition("/")[2]) for book in (*page.rate_books, *rest.rate_books)]
    assert (versions, rest.next_page_token) == ([4, 3, 2, 1], "")


async def test_two_books_cannot_be_played_against_each_other(coalition: Coalition, second: Client) -> None:
    """Each is safe alone. Who exchanged 2 to 1 by the first would get 4 back for it by the other."""
    one, other = await coalition.pair("1/2", "2")
    with pytest.raises(RefusedError) as refused:
        await coalition.publish(one.to(other, "1/4"), other.to(one, "4"))
    assert refused.value.reason == "ARBITRAGE_ACROSS_BOOKS"
    assert int(refused.value.metadata["ended"]) > int(refused.value.metadata["began"])
    assert sorted(refused.value.metadata["books"].split(", ")) == ["1", "new"]
    # Nor by a detour over a book in between, that is safe with either.
    between = await propose(coalition, one.to(other, "1/4"), revaluation=False)
    await approve(second, between)
    with pytest.raises(RefusedError) as refused:
        await coalition.publish(other.to(one, "4"))
    assert refused.value.reason == "ARBITRAGE_ACROSS_BOOKS"


async def test_of_books_published_at_once_each_is_proved_with_those_that_came_first(world: World) -> None:
    """Each is safe alone, and no two of them together."""
    coalition = await world.coalition()
    one, other = await coalition.brand(), await coalition.brand()
    rates = [("1", "1"), ("1/2", "2"), ("1/4", "4"), ("1/8", "8")]
    published = await asyncio.gather(
        *(coalition.publish(one.to(other, there), other.to(one, back)) for there, back in rates),
        return_exceptions=True,
    )
    refused = [each.reason for each in published if isinstance(each, RefusedError)]
    assert refused == ["ARBITRAGE_ACROSS_BOOKS"] * 3
    [book] = [each for each in published if isinstance(each, res.RateBook)]
    assert book.name == f"{coalition.name}/rateBooks/1"


async def test_a_revaluation_says_what_members_gain_and_takes_two(coalition: Coalition, second: Client) -> None:
    one, other = await coalition.pair("1/2", "2")
    proposed = await propose(coalition, one.to(other, "1/4"), other.to(one, "4"))
    assert (proposed.state, proposed.revaluation) == (res.RATE_BOOK_STATE_PROPOSED, True)
    assert "books: " in proposed.review.gain
    await approve(second, proposed)
    # Later books are proved with it, no longer with the first one.
    again = await coalition.publish(one.to(other, "1/4"), other.to(one, "4"))
    assert (again.state, again.revaluation) == (res.RATE_BOOK_STATE_PUBLISHED, False)


async def test_a_withdrawn_book_voids_its_quotes_and_leaves_no_rate(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(100), await other.member()
    quote = await one.quote(source, other, destination, send=10)
    held = datetime.now(UTC)
    name = quote.rate_book
    withdrawn = await withdraw(coalition, res.RateBook(name=name))
    assert (withdrawn.state, withdrawn.end_time) == (res.RATE_BOOK_STATE_WITHDRAWN, withdrawn.withdraw_time)
    assert await withdraw(coalition, withdrawn) == withdrawn
    with pytest.raises(RefusedError) as refused:
        await one.execute(quote)
    assert refused.value.reason == "RATE_BOOK_WITHDRAWN"
    with pytest.raises(RefusedError) as refused:
        await one.quote(source, other, destination, send=10)
    assert refused.value.reason == "NO_RATE"
    assert await book_at(one, other, held) == name
    assert await one.posted(source) == 100
    following = await coalition.publish(one.to(other, "1/2"), other.to(one, "2"))
    assert await book_at(one, other) == following.name


async def test_nothing_is_accepted_by_a_book_once_its_withdrawal_is_answered(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(1_000), await other.member()
    quotes = [await one.quote(source, other, destination, send=10) for _ in range(12)]
    before, after = quotes[:8], quotes[8:]
    under_way = [asyncio.ensure_future(one.execute(quote)) for quote in before]
    withdrawn = await withdraw(coalition, res.RateBook(name=quotes[0].rate_book))
    made = await asyncio.gather(*under_way, *(one.execute(quote) for quote in after), return_exceptions=True)
    refused = {each.reason for each in made if isinstance(each, RefusedError)}
    assert refused == {"RATE_BOOK_WITHDRAWN"}
    accepted = [each for each in made if isinstance(each, res.Exchange)]
    assert all(each.create_time.ToNanoseconds() <= withdrawn.withdraw_time.ToNanoseconds() for each in accepted)
    assert not any(isinstance(each, res.Exchange) for each in made[len(before) :])
    assert await one.posted(source) == 1_000 - 10 * len(accepted)


async def test_what_waits_for_a_withdrawal_is_not_accepted_after_it(coalition: Coalition, world: World) -> None:
    """The withdrawal waits for somebody who uses a quote, and others wait behind it, whose calls began before."""
    one, other = await coalition.pair()
    source, destination = await one.member(100), await other.member()
    quotes = [await one.quote(source, other, destination, send=10) for _ in range(3)]
    connection = await asyncpg.connect(world.exchange.database.owner_url)

    async def waiting(most: int) -> bool:
        return bool(await connection.fetchval(WAITING) == most)

    try:
        async with connection.transaction():
            await connection.execute("lock table quotes in row share mode")
            withdrawal = asyncio.ensure_future(withdraw(coalition, res.RateBook(name=quotes[0].rate_book)))
            await wait_until(partial(waiting, 1))
            executed = asyncio.gather(*map(one.execute, quotes), return_exceptions=True)
            await wait_until(partial(waiting, 2))
    finally:
        await connection.close()
    await withdrawal
    refused = {each.reason for each in await executed if isinstance(each, RefusedError)}
    assert (refused, await one.posted(source)) == ({"RATE_BOOK_WITHDRAWN"}, 100)


async def test_a_book_withdrawn_before_it_began_never_was(coalition: Coalition, second: Client) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    first = await coalition.publish(one.to(other, "1"))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    wrong = await coalition.publish(one.to(other, "50"), effective=tomorrow)
    await withdraw(coalition, await approve(second, wrong))
    assert await book_at(one, other, tomorrow + timedelta(days=1)) == first.name
    # The next one may begin before it would have, and need not be safe with it.
    following = await coalition.publish(one.to(other, "1"), other.to(one, "1"))
    assert await book_at(one, other) == following.name
    with pytest.raises(InvalidRequestError):
        await coalition.publish(one.to(other, "1"), effective=datetime.now(UTC) - timedelta(hours=1))


async def test_what_was_never_published_cannot_be_withdrawn(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    await coalition.publish(one.to(other, "1"))
    with pytest.raises(RefusedError) as refused:
        await withdraw(coalition, await coalition.publish(one.to(other, "2")))
    assert refused.value.reason == "RATE_BOOK_SETTLED"


async def test_a_way_around_that_beats_the_direct_one_is_told(coalition: Coalition) -> None:
    one, middle, other = await coalition.brand(), await coalition.brand(), await coalition.brand()
    book = await coalition.publish(one.to(other, "1/2"), one.to(middle, "1"), middle.to(other, "2/3"))
    [detour] = book.review.detours
    assert list(detour.path) == [one.name, middle.name, other.name]
    assert (detour.rate, detour.direct_rate) == ("0.666666666", "0.500000000")
