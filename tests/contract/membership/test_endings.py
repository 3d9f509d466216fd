"""Closing a membership, and erasing a person."""

from __future__ import annotations

import asyncpg
import pytest

from guerdon import NotFoundError, RefusedError, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import member_pb2, profile_pb2
from guerdon_kit.testing import RunningService
from tests.contract.membership.people import ADA, close, enroll, erase, find, get, profile_of, update
from tests.contract.membership.world import Shop, World, row

ZELDA = profile_pb2.Profile(
    cards=["ZZ-1"],
    phone="+14155550188",
    email="z.zelda@example.com",
    external_id="crm-zz",
    display_name="Zelda Zz",
    sales_associate="Zoe Zz",
)
SECRETS = ("zz-1", "zz1", "4155550188", "zelda", "crm-zz", "zoe zz")
"""What is in no other member's profile here, in lower case."""
CLOSED, ERASED = member_pb2.Member.STATE_CLOSED, member_pb2.Member.STATE_ERASED


async def test_a_membership_closes_with_its_account_once_nothing_is_left(shop: Shop) -> None:
    await enroll(shop, "ada", ADA)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await close(shop, "ada", "close-1")
        assert refused.value.reason == "MEMBER_NOT_EMPTY"
        assert {key: refused.value.metadata[key] for key in ("posted", "held", "pending", "debt")} == {
            "posted": "50",
            "held": "0",
            "pending": "0",
            "debt": "0",
        }
    assert (await get(shop, "ada")).state == member_pb2.Member.STATE_ACTIVE
    await shop.buy("p1", "ada", 10_00)
    await shop.spend("ada", 60)
    with pytest.raises(RefusedError):
        await close(shop, "ada", "close-1")  # kept with its request
    assert (await close(shop, "ada", "close-2")).member.state == CLOSED
    again = close(shop, "ada", "close-2")
    assert (await again).member.state == CLOSED
    assert await was_replayed(again)
    assert (await close(shop, "ada")).member.state == CLOSED
    assert (await shop.balance("ada")).state == ledger_res.ACCOUNT_STATE_CLOSED


async def test_a_closed_member_records_nothing_more_and_gives_contacts_free(world: World) -> None:
    shop = await world.shop(welcome_points=0)
    await enroll(shop, "ada", ADA)
    await close(shop, "ada")
    with pytest.raises(RefusedError) as refused:
        await shop.buy("p1", "ada", 10_00)
    assert refused.value.reason == "MEMBER_CLOSED"
    [answer] = await shop.import_([shop.chunk(1, [row("p1", "ada", 10_00), row("p2", "ben", 10_00)])])
    assert (answer.recorded_count, [error.row for error in answer.errors]) == (1, [1])
    with pytest.raises(RefusedError):
        await update(shop, "ada", phone=None)
    assert (await shop.enroll("ada")).member.state == CLOSED
    assert not (await enroll(shop, "ada-2", ADA)).already_enrolled
    assert await find(shop, phone=ADA.phone) == "ada-2"


async def test_an_erased_person_is_nowhere_and_the_ledger_is_whole(
    shop: Shop, running: tuple[RunningService, RunningService]
) -> None:
    await enroll(shop, "ada", ZELDA, "enrol-1")
    await update(shop, "ada", "change-1", display_name="Zelda II")
    await enroll(shop, "ada", ZELDA, "enrol-2")
    await shop.buy("p1", "ada", 10_00)
    posting = ledger_res.Posting(
        source=f"{shop.program}/accounts/issuance.points", destination=f"{shop.program}/accounts/m-ada", amount=1
    )
    goodwill = ledger_res.Transaction(kind=ledger_res.TRANSACTION_KIND_EARN, postings=[posting], memo="Sorry, Zelda")
    await shop.books.ledger.PostTransaction(
        ledger.PostTransactionRequest(parent=shop.program, transaction=goodwill, request_id="sorry")
    )
    before = await requests(running[1])
    erased = await erase(shop, "ada", "erase-1")
    assert (erased.member.state, erased.texts_pending) == (ERASED, False)
    assert await requests(running[1]) == before - 3 + 1, "the records of three requests are gone, one has come"
    assert await profile_of(shop, "ada") == profile_pb2.Profile()
    assert (await get(shop, "ada")).state == ERASED
    assert (await shop.balance("ada")).posted == 61
    assert {memo for _, memo in await shop.statement("ada")} == {""}
    for service in running:
        assert await leaks(service) == []
    for refused in (
        enroll(shop, "ada", ZELDA, "enrol-1"),
        update(shop, "ada", "change-1", display_name="Zelda II"),
        shop.buy("p2", "ada", 10_00),
        close(shop, "ada"),
    ):
        with pytest.raises(RefusedError) as error:
            await refused
        assert error.value.reason == "MEMBER_ERASED"
    assert (await shop.enroll("ada")).member.state == ERASED
    assert await leaks(running[1]) == []
    again = erase(shop, "ada", "erase-1")
    assert (await again).member.state == ERASED
    assert await was_replayed(again)
    assert not (await enroll(shop, "ada-2", ZELDA)).already_enrolled, "the person may come again, as another member"
    await erase(shop, "ada-2")


async def test_a_return_of_what_an_erased_member_bought_is_still_taken_back(shop: Shop) -> None:
    await enroll(shop, "ada", ADA)
    await shop.buy("p1", "ada", 10_00)
    await erase(shop, "ada")
    assert (await shop.bring_back("r1", "p1", 4_00)).goods_return.reversed_points == 4
    assert (await shop.balance("ada")).posted == 56


async def test_nobody_of_another_program_ends_a_membership(world: World, shop: Shop) -> None:
    await shop.enroll("ada")
    token = world.identity.token(tenants=["programs/x"])
    stranger = Shop(shop.program, shop.books, world.client(world.membership, token))
    for call in (close(stranger, "ada"), erase(stranger, "ada"), close(shop, "nobody"), erase(shop, "nobody")):
        with pytest.raises(NotFoundError):
            await call
    assert (await get(shop, "ada")).state == member_pb2.Member.STATE_ACTIVE


async def requests(service: RunningService) -> int:
    """How many requests a service has a record of."""
    database = await asyncpg.connect(service.database.owner_url)
    counted: int = await database.fetchval("select count(*) from requests")
    await database.close()
    return counted


async def leaks(service: RunningService) -> list[tuple[str, str]]:
    """The tables of a service in which a secret still is, searched as text."""
    database = await asyncpg.connect(service.database.owner_url)
    tables = await database.fetch("select tablename from pg_tables where schemaname = 'public'")
    found = [
        (table["tablename"], secret)
        for table in tables
        for secret in SECRETS
        if await database.fetchval(
            f'select exists (select from "{table["tablename"]}" t where lower(t::text) like $1)', f"%{secret}%"
        )
    ]
    await database.close()
    return found
