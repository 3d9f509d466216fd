"""Closing books, opening them again, and what is refused in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon import new_request_id, was_replayed
from guerdon.ledger.v1 import books_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    EARN,
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    Shop,
    World,
    refused,
    stamp,
    time_of,
)

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MICROSECOND = timedelta(microseconds=1)
DEVELOPER = "https://development.guerdon.dev|developer"


def closing(
    shop: Shop, time: datetime | None, request_id: str = "", reason: str = "November"
) -> books_pb2.CloseBooksRequest:
    return books_pb2.CloseBooksRequest(
        parent=shop.name,
        close_time=None if time is None else stamp(time),
        reason=reason,
        request_id=request_id or new_request_id(),
    )


def reopening(shop: Shop, time: datetime | None, request_id: str = "") -> books_pb2.ReopenBooksRequest:
    return books_pb2.ReopenBooksRequest(
        parent=shop.name,
        close_time=None if time is None else stamp(time),
        reason="A till was offline",
        request_id=request_id or new_request_id(),
    )


@pytest.fixture
def another(shop: Shop, world: World) -> Shop:
    """The same program as another person reaches it."""
    return Shop(shop.name, world.client(world.identity.token("controller")))


async def earn(shop: Shop, effective: datetime, **fields: int) -> datetime:
    """Posts an earn that happened then, and answers when it counts as having happened."""
    posting = shop.posting("issuance.points", "ada", 10)
    answer = await shop.post(EARN, posting, effective_time=stamp(effective), **fields)
    found = await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=answer.transaction))
    return time_of(found.transaction.effective_time)


async def test_nothing_is_posted_into_closed_books_and_everything_after_them(shop: Shop) -> None:
    await shop.add("ada")
    assert await earn(shop, MIDNIGHT - MICROSECOND) == MIDNIGHT - MICROSECOND
    change = (await shop.ledger.CloseBooks(closing(shop, MIDNIGHT))).change
    assert (time_of(change.close_time), change.actor, change.reason) == (MIDNIGHT, DEVELOPER, "November")
    assert time_of(change.record_time) > MIDNIGHT
    late = MIDNIGHT - MICROSECOND
    before = await shop.balance("ada")
    async with refused(
        PRECONDITION,
        "BOOKS_CLOSED",
        program=shop.name,
        close_time=MIDNIGHT.isoformat(),
        effective_time=late.isoformat(),
    ):
        await earn(shop, late)
    assert await shop.balance("ada") == before
    assert await earn(shop, MIDNIGHT) == MIDNIGHT
    assert await earn(shop, late, if_closed=res.IF_CLOSED_CARRY_FORWARD) == MIDNIGHT
    await shop.earn("ada", 10)
    await shop.spend("ada", 10)
    async with refused(INVALID, "INVALID_FIELD", violated=["transaction.if_closed"]):
        await earn(shop, late, if_closed=9)


async def test_a_late_transaction_that_was_refused_is_posted_once_the_books_are_open_again(
    shop: Shop, another: Shop
) -> None:
    await shop.add("ada")
    await shop.ledger.CloseBooks(closing(shop, MIDNIGHT))
    posting = shop.posting("issuance.points", "ada", 10)
    request = shop.request(EARN, posting, effective_time=stamp(MIDNIGHT - MICROSECOND))
    async with refused(PRECONDITION, "BOOKS_CLOSED"):
        await shop.ledger.PostTransaction(request)
    await another.ledger.ReopenBooks(reopening(shop, None))
    first = await shop.ledger.PostTransaction(request)
    # Closed again, the books do not hide what was posted: the same request is answered as it was.
    await shop.ledger.CloseBooks(closing(shop, MIDNIGHT))
    call = shop.ledger.PostTransaction(request)
    assert await call == first
    assert await was_replayed(call)


async def test_another_person_opens_closed_books_and_who_closed_them_may_not(shop: Shop, another: Shop) -> None:
    await shop.ledger.CloseBooks(closing(shop, MIDNIGHT - timedelta(days=30)))
    await another.ledger.CloseBooks(closing(shop, MIDNIGHT))
    async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED", program=shop.name, close_time=MIDNIGHT.isoformat()):
        await another.ledger.ReopenBooks(reopening(shop, MIDNIGHT - timedelta(days=1)))
    for person in (shop, another):
        async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED"):
            await person.ledger.ReopenBooks(reopening(shop, None))
    change = (await shop.ledger.ReopenBooks(reopening(shop, MIDNIGHT - timedelta(days=30)))).change
    assert time_of(change.close_time) == MIDNIGHT - timedelta(days=30)
    async with refused(PRECONDITION, "BOOKS_NOT_CLOSED", close_time=(MIDNIGHT - timedelta(days=30)).isoformat()):
        await another.ledger.ReopenBooks(reopening(shop, MIDNIGHT))
    await another.ledger.ReopenBooks(reopening(shop, None))
    async with refused(PRECONDITION, "BOOKS_NOT_CLOSED"):
        await another.ledger.ReopenBooks(reopening(shop, None))


async def test_what_was_closed_and_opened_when_by_whom_and_why_is_kept(shop: Shop, another: Shop) -> None:
    listing = books_pb2.ListBooksChangesRequest(parent=shop.name)
    assert not (await shop.ledger.ListBooksChanges(listing)).changes
    made = [(await shop.ledger.CloseBooks(closing(shop, MIDNIGHT - timedelta(days=n)))).change for n in (3, 2, 1)]
    made.append((await another.ledger.ReopenBooks(reopening(shop, None))).change)
    assert (await shop.ledger.ListBooksChanges(listing)).changes == made[::-1]
    assert not made[-1].HasField("close_time")
    assert (made[-1].actor, made[-1].reason) == ("https://development.guerdon.dev|controller", "A till was offline")
    found, token = [], ""
    for size in (3, 1):
        page = books_pb2.ListBooksChangesRequest(parent=shop.name, page_size=3, page_token=token)
        answer = await shop.ledger.ListBooksChanges(page)
        assert len(answer.changes) == size
        found += answer.changes
        token = answer.next_page_token
    assert (found, token) == (made[::-1], "")


async def test_the_same_closing_again_is_answered_as_it_was(shop: Shop, another: Shop) -> None:
    request = closing(shop, MIDNIGHT, "close-1")
    first = await shop.ledger.CloseBooks(request)
    undo = reopening(shop, None, "open-1")
    opened = await another.ledger.ReopenBooks(undo)
    for person, method, again, answer in ((shop, "CloseBooks", request, first), (another, "ReopenBooks", undo, opened)):
        call = getattr(person.ledger, method)(again)
        assert await call == answer
        assert await was_replayed(call)
    assert len((await shop.ledger.ListBooksChanges(books_pb2.ListBooksChangesRequest(parent=shop.name))).changes) == 2
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="close_time"):
        await shop.ledger.CloseBooks(closing(shop, MIDNIGHT - MICROSECOND, "close-1"))


async def test_books_are_closed_up_to_the_present_and_never_beyond_or_back(shop: Shop) -> None:
    async with refused(INVALID, "INVALID_FIELD", violated=["close_time"]):
        await shop.ledger.CloseBooks(closing(shop, datetime.now(UTC) + timedelta(minutes=1)))
    async with refused(INVALID, "INVALID_FIELD", violated=["close_time"]):
        await shop.ledger.CloseBooks(closing(shop, None))
    for reason in ("", " ", "x" * 201):
        async with refused(INVALID, "INVALID_FIELD", violated=["reason"]):
            await shop.ledger.CloseBooks(closing(shop, MIDNIGHT, reason=reason))
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await shop.ledger.CloseBooks(closing(Shop("programs/none", shop.client), MIDNIGHT))
    await shop.add("ada")
    now = (await shop.post(EARN, shop.posting("issuance.points", "ada", 1))).record_time
    await shop.ledger.CloseBooks(closing(shop, time_of(now) + MICROSECOND))
    for time in (time_of(now) + MICROSECOND, MIDNIGHT):
        async with refused(PRECONDITION, "BOOKS_ALREADY_CLOSED", program=shop.name):
            await shop.ledger.CloseBooks(closing(shop, time))
    async with refused(PRECONDITION, "BOOKS_CLOSED"):
        await earn(shop, time_of(now))
    await shop.earn("ada", 1)


async def test_one_programs_closed_books_are_no_others(shop: Shop, world: World) -> None:
    other = await world.shop(shop.client)
    await other.add("ada")
    await shop.ledger.CloseBooks(closing(shop, MIDNIGHT))
    assert await earn(other, MIDNIGHT - MICROSECOND) == MIDNIGHT - MICROSECOND
