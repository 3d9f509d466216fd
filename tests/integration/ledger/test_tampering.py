"""Verification names what was changed behind the ledger's back: one number of each thing it keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import asyncpg
import pytest
import redis

from guerdon import new_request_id
from guerdon.ledger.v1 import journal_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from ledger.store.cache import _decode, _encode
from tests.contract.ledger.world import Shop, World
from tests.integration.ledger.connections import MovableTime
from tests.integration.ledger.tampering.changes import TAMPERINGS
from tests.integration.ledger.tampering.kept_books import (
    ALL_SEALED,
    APPEND_ONLY,
    BOARD,
    Books,
    followed,
    guards_off,
    trade,
)
from tests.unit.ledger.builders import ADA, NOW


@pytest.fixture(scope="module")
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    settings = {"ledger_sweep_every_s": "0.2", "ledger_checkpoint_every_s": "0.2", "ledger_seal_every_s": "0.2"}
    service = module_services.start("ledger", databases.make("ledger"), settings=settings)
    yield service
    service.process.stop()
    databases.drop(service.database)


@pytest.fixture(scope="module")
def made() -> list[str]:
    """The program, once a test has made it."""
    return []


@pytest.fixture
async def books(running: RunningService, module_services: ServiceFactory, made: list[str]) -> AsyncIterator[Books]:
    world = World(running.target, module_services.identity)
    owner = await asyncpg.connect(running.database.owner_url)
    if made:
        shop = Shop(made[0], world.client())
    else:
        shop = await world.shop()
        another = Shop(shop.name, world.client(world.identity.token("controller")))
        await trade(shop, another, MovableTime(module_services.clock_file))
        await wait_until(partial(followed, owner))
    program = shop.name.removeprefix("programs/")
    number = await owner.fetchval("select program from programs where id = $1", program)
    found = Books(world, shop, owner, number)
    if not made:
        assert await found.found() == []
        await found.keep()
        made.append(shop.name)
    yield found
    await found.put_back()
    await owner.close()
    await world.close()


@pytest.mark.parametrize("thing", TAMPERINGS)
async def test_one_changed_thing_is_found_and_named_first(books: Books, thing: str) -> None:
    statement, first, consequence = TAMPERINGS[thing]
    names = {"ada": "ada", "ben": "ben", "issuance": "issuance.points", "other": "breakage.stamps", "board": BOARD}
    numbers: dict[str, Any] = {
        key: await books.owner.fetchval("select id from accounts where program = $1 and name = $2", books.number, name)
        for key, name in names.items()
    }
    async with guards_off(books.owner):
        [changed] = await books.owner.fetch(statement.format(**numbers, program=books.number))
    found = await books.found()
    reason, _, kind = first.partition(" ")
    assert found[0].reason.startswith(reason), found
    assert not consequence or consequence in {one.reason for one in found}
    assert found[0].found != found[0].expected
    number = changed[0]
    owner = books.shop.account("ada" if "{ada}" in statement else "ben")
    match kind:
        case "transaction":
            assert found[0].subject == f"{books.shop.name}/transactions/{number}"
        case "adjustment":
            assert found[0].subject == f"{books.shop.name}/adjustments/{number}"
        case "block":
            assert found[0].block == number
        case "lot":
            assert (found[0].subject, found[0].lot) == (owner, number)
        case "hold":
            assert found[0].subject == owner
            assert str(number) in found[0].found
        case "version":
            assert (found[0].subject, found[0].version) == (owner, number)
        case "program":
            assert found[0].subject == books.shop.name
        case "account":
            assert found[0].subject.startswith(f"{books.shop.name}/accounts/")


async def test_what_comes_after_an_account_was_closed_is_found(books: Books) -> None:
    async with guards_off(books.owner):
        await books.owner.execute(
            """with changed as (
                   update accounts set version = 2 where program = $1 and name = 'cy' returning shard, id, record_time
               )
               insert into account_events (shard, account, version, kind, actor, record_time)
               select shard, id, 2, 4, 'nobody', record_time from changed""",
            books.number,
        )
    [late] = [one for one in await books.found() if one.reason == "CHANGED_AFTER_CLOSING"]
    assert (late.subject, late.version) == (books.shop.account("cy"), 2)


async def test_a_chain_that_was_made_anew_no_longer_has_the_heads_that_were_told(books: Books) -> None:
    """Whoever owns the database can change a row and seal everything again: only what is kept elsewhere tells."""
    stub = books.world.client().ledger
    told = [step async for step in stub.Verify(pb.VerifyRequest())][-1].heads
    assert [head.shard for head in told]
    async with guards_off(books.owner), books.owner.transaction():
        await books.owner.execute("select from sealers for update")
        # But for adjustments: those that were approved have rows that tell.
        changed = "update transactions set actor = 'nobody' where program = $1 and kind <> 7"
        await books.owner.execute(changed, books.number)
        await books.owner.execute("delete from seals")

    async def sealed_anew() -> bool:
        return bool(await books.owner.fetchval(ALL_SEALED))

    await wait_until(sealed_anew)
    assert await books.found() == []
    found = [step async for step in stub.Verify(pb.VerifyRequest(heads=told))][-1].findings
    assert [(one.reason, one.shard) for one in found] == [("HEAD_NOT_IN_CHAIN", head.shard) for head in told]
    beyond = [pb.ChainHead(shard=3000, block=1, hash=bytes(32))]
    found = [step async for step in stub.Verify(pb.VerifyRequest(heads=beyond))][-1].findings
    assert [(one.reason, one.shard, one.block) for one in found] == [("HEAD_NOT_IN_CHAIN", 3000, 1)]


async def test_erased_words_are_gone_and_the_chain_is_whole(books: Books) -> None:
    words = "select count(*) from transactions where memo is not null or memo_salt is not null"
    assert await books.owner.fetchval(words) == 1
    request = journal_pb2.EraseTextsRequest(name=books.shop.account("ada"), request_id=new_request_id())
    for _ in ("erased", "replayed"):
        assert (await books.shop.ledger.EraseTexts(request)).transaction_count == 1
    assert await books.owner.fetchval(words) == 0
    assert await books.found() == []


FIELDS = ("posted", "held", "pending", "debt", "available", "earned", "spent", "version", "state")


@pytest.mark.parametrize("field", FIELDS)
async def test_a_cached_value_that_differs_is_found(books: Books, running: RunningService, field: str) -> None:
    url = running.process.plan.environment["GUERDON_REDIS_CACHE_URL"]
    number = await books.owner.fetchval("select id from accounts where program = $1 and name = 'ada'", books.number)
    with redis.Redis.from_url(url) as cache:

        async def spoilt() -> list[tuple[str, str]]:
            """What is found after the cached value was changed; nothing where the cache was not believed just then."""
            await books.shop.balance("ada")
            for key in cache.scan_iter(match=f"guerdon:balance:*:{number}"):
                kept = cache.get(key)
                balance = _decode(ADA, kept if isinstance(kept, bytes) else None, NOW)
                if balance is not None:
                    change: dict[str, Any] = {field: getattr(balance, field) + 1}
                    cache.set(key, _encode(balance._replace(**change)))
            return [(one.reason, one.subject) for one in await books.found()]

        assert await wait_until(spoilt) == [("CACHED_BALANCE_DIFFERS", books.shop.account("ada"))]
        cache.delete(*cache.scan_iter(match=f"guerdon:balance:*:{number}"))
    assert await books.found() == []


async def test_the_service_itself_may_not_change_what_was_written(books: Books, running: RunningService) -> None:
    runtime = await asyncpg.connect(running.database.runtime_url)
    for table in APPEND_ONLY:
        for statement in (f"update {table} set shard = 1", f"delete from {table}", f"truncate {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(statement)
            with pytest.raises(asyncpg.RestrictViolationError):
                await books.owner.execute(statement)
    for change in ("memo = 'other words'", "memo_digest = null", "memo = null, memo_salt = null"):
        for connection in (runtime, books.owner):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(f"update transactions set {change}")
    for table in ("accounts", "lots", "holds", "checkpoints"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.execute(f"delete from {table}")
    await runtime.close()
