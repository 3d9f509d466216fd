"""Verification names what was changed behind the ledger's back: one number of each thing it keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
import pytest
import redis

from guerdon import new_request_id
from guerdon.ledger.v1 import journal_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from ledger.store.cache import _decode, _encode
from tests.contract.ledger.world import ADJUSTMENT, RECOGNITION, Shop, World, findings, stamp
from tests.integration.ledger.connections import MovableTime
from tests.unit.ledger.builders import ADA, NOW


@pytest.fixture(scope="module")
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    settings = {"ledger_sweep_every_s": "0.2", "ledger_checkpoint_every_s": "0.2", "ledger_seal_every_s": "0.2"}
    service = module_services.start("ledger", databases.make("ledger"), settings=settings)
    yield service
    service.process.stop()
    databases.drop(service.database)


TABLES = (
    "checkpoint_positions",
    "sealers",
    "checkpoints",
    "seals",
    "accounts",
    "transactions",
    "postings",
    "account_events",
    "lots",
    "holds",
)
"""What is put back after each test; those first whose rows the jobs lock first."""


@dataclass
class Books:
    """A program with something of everything, and its database as its owner."""

    world: World
    shop: Shop
    owner: asyncpg.Connection
    number: int

    async def found(self) -> list[pb.Finding]:
        """What a verification finds."""
        return await findings(self.world.client())

    async def keep(self) -> None:
        """Keeps a copy of everything."""
        for table in TABLES:
            await self.owner.execute(f"create table kept_{table} as table {table}")

    async def put_back(self) -> None:
        """Puts everything back as it was kept."""
        async with _guards_off(self.owner), self.owner.transaction():
            for table in TABLES[:2]:
                await self.owner.execute(f"select from {table} for update")
            for table in TABLES:
                await self.owner.execute(f"delete from {table}")
                await self.owner.execute(f"insert into {table} table kept_{table}")


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
        await _trade(shop, MovableTime(module_services.clock_file))
        await wait_until(partial(_followed, owner))
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


async def _trade(shop: Shop, time: MovableTime) -> None:
    unit = res.Unit(name=f"{shop.name}/units/stamps")
    await shop.ledger.CreateUnit(pb.CreateUnitRequest(unit=unit, request_id=new_request_id()))
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 100)
    await shop.earn("ada", 50, available_time=time.ahead(days=5))
    spent = await shop.spend("ada", 30)
    await shop.post(ADJUSTMENT, shop.posting("adjustment.points", "ada", 20), memo="for your patience")
    await shop.reverse(spent, 10)
    await shop.post(RECOGNITION, shop.posting("ada", "ben", 5))
    await shop.capture((await shop.hold("ada", 10, time.ahead(days=1))).name, 4)
    await shop.release((await shop.hold("ada", 10, time.ahead(days=1))).name)
    await shop.hold("ada", 12, time.ahead(days=1))
    await shop.freeze("ada")
    await shop.unfreeze("ada")
    # Ben's points wait, are activated, and are given two other expiries.
    waiting = await shop.earn("ben", 7, expire_time=time.ahead(days=9), available_time=time.ahead(days=1))
    changes = [pb.UpdateLotsRequest(activate=pb.ActivateLots())]
    changes += [
        pb.UpdateLotsRequest(move_expiry=pb.MoveExpiry(expire_time=stamp(time.ahead(days=days)))) for days in (20, 30)
    ]
    for change in changes:
        change.MergeFrom(
            pb.UpdateLotsRequest(account=shop.account("ben"), transactions=[waiting], request_id=new_request_id())
        )
        await shop.ledger.UpdateLots(change)
    await shop.add("cy")
    await shop.close("cy")


async def _followed(owner: asyncpg.Connection) -> bool:
    """Whether checkpoints and seals cover everything."""
    checkpoints = await owner.fetchval("select count(*) from checkpoints")
    return bool(checkpoints == 3 and await owner.fetchval(_ALL_SEALED))


_ALL_SEALED = """
select not exists (select from (select shard, xid from postings union all select shard, xid from account_events) as row
                   where xid >= coalesce((select max(end_xid::text::bigint)::text::xid8 from seals
                                          where seals.shard = row.shard), '0'::xid8))
"""

# What is changed, with the number of the thing; what is named first, of which kind that number is, and what is wrong in
# consequence. `{ada}` is her account, `{program}` the program.
OF_ADA = "where account = {ada}"
POSTINGS = "where (source = {ada} or destination = {ada})"
OF_BEN = "where account = {ben}"
OF_MOVED = f"{OF_BEN} and amount = 7"
FIRST = "where destination = {ada} and destination_version = 1"
EARNED = f"{FIRST} returning id - ordinal"
OF_WORDS = "where program = {program} and memo is not null returning id"
SPENT = f"{POSTINGS} and source_version = 3 returning id - ordinal"
OF_SPENT = f"where id = (select id from postings {POSTINGS} and source_version = 3) returning id"
NEWEST = "where block = (select max(block) from seals) and shard = (select shard from accounts where id = {ada})"
TAMPERINGS = {
    "a posting's amount": (
        f"update postings set amount = amount + 1 {EARNED}",
        "SEALED_ROW_DIFFERS transaction",
        "RUNNING_BALANCE_DIFFERS",
    ),
    "a posting's running balance": (
        f"update postings set source_posted = source_posted + 1 {SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "RUNNING_BALANCE_DIFFERS",
    ),
    "a posting's version": (
        f"update postings set source_version = 99 {SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "VERSIONS_HAVE_A_GAP",
    ),
    "what a posting did to a lot": (
        f"update postings set lot_deltas[1] = lot_deltas[1] - 1 {SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "LOT_DIFFERS_FROM_MOVES",
    ),
    "a posting's debt": (
        f"update postings set source_debt_delta = 1 {SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "BALANCE_DIFFERS_FROM_ENTRIES",
    ),
    "a posting's side": (
        "update postings set destination = {other} where source = {ada} and source_version = 3 returning id - ordinal",
        "SIDES_DIFFER transaction",
        "SEALED_ROW_DIFFERS",
    ),
    "a posting that is gone": (
        "delete from postings where destination = {ada} and destination_version = 2 returning id - ordinal",
        "POSTINGS_MISSING transaction",
        "SEALED_ROW_MISSING",
    ),
    "a transaction that is gone": (
        f"delete from transactions {OF_SPENT}",
        "TRANSACTION_MISSING transaction",
        "SEALED_ROW_DIFFERS",
    ),
    "a transaction's kind": (
        f"update transactions set kind = 7 {OF_SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "LIFETIME_DIFFERS",
    ),
    "when a transaction happened": (
        f"update transactions set effective_time = effective_time - interval '1 day' {OF_SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "who made a transaction": (
        f"update transactions set actor = 'nobody' {OF_SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "a memo": (
        f"update transactions set memo = 'For your patience' {OF_WORDS}",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "a memo that is gone": (
        f"update transactions set memo = null, memo_salt = null {OF_WORDS}",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "an account's name": (
        f"update accounts set name = 'eve' where id = {{ada}} returning (select id - ordinal from postings {FIRST})",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "a system account's name": (
        "update accounts set name = 'issuance.stolen' where id = {issuance} returning id",
        "SEALED_ROW_DIFFERS account",
        "",
    ),
    "an account's version": (
        "update accounts set version = version + 1 where id = {ada} returning version",
        "BALANCE_DIFFERS_FROM_ENTRIES version",
        "",
    ),
    "an account's balance": (
        "update accounts set posted = posted + 1 where id = {ada} returning version",
        "BALANCE_DIFFERS_FROM_ENTRIES version",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "an account's debt": (
        "update accounts set debt = debt + 1 where id = {ada} returning version",
        "BALANCE_DIFFERS_FROM_ENTRIES version",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "what an account can spend": (
        "update accounts set available = available + 1 where id = {ada} returning version",
        "AVAILABLE_DIFFERS version",
        "",
    ),
    "what an account holds": (
        "update accounts set held = held + 1 where id = {ada} returning version",
        "HOLDS_DIFFER_FROM_HELD version",
        "AVAILABLE_DIFFERS",
    ),
    "what is pending": (
        "update accounts set pending = pending - 1, available = available + 1 where id = {ada} returning version",
        "PENDING_DIFFERS version",
        "",
    ),
    "what was ever earned": (
        "update accounts set earned = earned + 1 where id = {ada} returning version",
        "LIFETIME_DIFFERS version",
        "",
    ),
    "what was ever spent": (
        "update accounts set spent = spent - 1 where id = {ada} returning version",
        "LIFETIME_DIFFERS version",
        "",
    ),
    "an account's state": (
        "update accounts set state = 2 where id = {ada} returning version",
        "STATE_DIFFERS_FROM_EVENTS version",
        "",
    ),
    "a lot's open part": (
        f"update lots set open = open - 1 {OF_ADA} and amount = 50 returning id",
        "LOT_DIFFERS_FROM_MOVES lot",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "a lot's held part": (
        f"update lots set held = held + 1 {OF_ADA} and held > 0 returning id",
        "LOT_DIFFERS_FROM_MOVES lot",
        "HOLDS_DIFFER_FROM_HELD",
    ),
    "a lot's expired part": (
        f"update lots set expired = 1 {OF_ADA} and held > 0 returning id",
        "LOT_DIFFERS_FROM_MOVES lot",
        "",
    ),
    "a lot's amount": (
        f"update lots set amount = amount + 1 {OF_ADA} and held > 0 returning posting",
        "SEALED_ROW_DIFFERS transaction",
        "LOT_DIFFERS_FROM_POSTING",
    ),
    "when a lot expires": (
        f"update lots set expire_time = now() + interval '9 years' {OF_ADA} and held > 0 returning posting",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "a lot's owner": (
        "update lots set account = {ben} where account = {ada} and amount = 50 returning id",
        "LOT_DIFFERS_FROM_POSTING lot",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "an active hold's amount": (
        f"update holds set amount = amount + 1 {OF_ADA} and state = 1 returning id",
        "SEALED_ROW_DIFFERS account",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "an active hold's lots": (
        f"update holds set lot_amounts[1] = lot_amounts[1] + 1 {OF_ADA} and state = 1 returning id",
        "SEALED_ROW_DIFFERS account",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "a resolved hold's capture": (
        f"update holds set captured = 5 {OF_ADA} and state = 2 returning id",
        "HOLD_DIFFERS_FROM_EVENTS hold",
        "",
    ),
    "how a hold was resolved": (
        f"update holds set state = 4 {OF_ADA} and state = 3 returning id",
        "HOLD_DIFFERS_FROM_EVENTS hold",
        "",
    ),
    "a hold that is gone": (
        f"delete from holds {OF_ADA} and state = 3 returning id",
        "SEALED_ROW_DIFFERS account",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "an event's version": (
        f"update account_events set version = 99 {OF_ADA} and kind = 2 returning version",
        "SEALED_ROW",
        "VERSIONS_HAVE_A_GAP",
    ),
    "a freeze that is gone": (
        f"delete from account_events {OF_ADA} and kind = 5 returning version",
        "SEALED_ROW",
        "VERSIONS_HAVE_A_GAP",
    ),
    "what an event did to a state": (
        f"update account_events set kind = 7 {OF_ADA} and kind = 6 returning version",
        "SEALED_ROW_DIFFERS version",
        "STATE_DIFFERS_FROM_EVENTS",
    ),
    "an event's amount": (
        f"update account_events set held_delta = held_delta + 1 {OF_ADA} and kind = 1 and version = 9 returning 9",
        "SEALED_ROW_DIFFERS version",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "a lot's expiry": (
        f"update lots set expire_time = '2030-01-01' {OF_ADA} and held > 0 returning posting",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "an expiry that was moved": (
        f"update lots set expire_time = expire_time + interval '1 day' {OF_MOVED} returning id",
        "LOT_TIMES_DIFFER_FROM_EVENTS lot",
        "",
    ),
    "when a lot was activated": (
        f"update lots set available_time = available_time - interval '1 day' {OF_MOVED} returning id",
        "LOT_TIMES_DIFFER_FROM_EVENTS lot",
        "",
    ),
    "the expiry that a lot was made with": (
        f"update lots set first_expire_time = expire_time {OF_MOVED} returning posting",
        "SEALED_ROW_DIFFERS transaction",
        "LOT_TIMES_DIFFER_FROM_EVENTS",
    ),
    "what an expiry was moved from": (
        f"update account_events set expire_times_before[1] = record_time {OF_BEN} and version = 5 returning 5",
        "SEALED_ROW_DIFFERS version",
        "LOT_TIMES_DIFFER_FROM_EVENTS",
    ),
    "a checkpoint": (
        "update checkpoints set posted = posted + 1 where account = {issuance} returning account",
        "CHECKPOINT_DIFFERS account",
        "",
    ),
    "a link of the chain": (
        f"update seals set previous = sha256(previous) {NEWEST} returning block",
        "CHAIN_BROKEN block",
        "SEAL_DIFFERS_FROM_ROWS",
    ),
    "a block's hash": (
        f"update seals set hash = sha256(hash) {NEWEST} returning block",
        "SEAL_DIFFERS_FROM_ROWS block",
        "",
    ),
    "a block's time": (
        f"update seals set seal_time = seal_time - interval '1 day' {NEWEST} returning block",
        "SEAL_DIFFERS_FROM_ROWS block",
        "",
    ),
    "a block's number": (f"update seals set block = block + 1 {NEWEST} returning block", "CHAIN_BROKEN block", ""),
}


@pytest.mark.parametrize("thing", TAMPERINGS)
async def test_one_changed_thing_is_found_and_named_first(books: Books, thing: str) -> None:
    statement, first, consequence = TAMPERINGS[thing]
    names = {"ada": "ada", "ben": "ben", "issuance": "issuance.points", "other": "breakage.stamps"}
    numbers: dict[str, Any] = {
        key: await books.owner.fetchval("select id from accounts where program = $1 and name = $2", books.number, name)
        for key, name in names.items()
    }
    async with _guards_off(books.owner):
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
        case "block":
            assert found[0].block == number
        case "lot":
            assert (found[0].subject, found[0].lot) == (owner, number)
        case "hold":
            assert found[0].subject == owner
            assert str(number) in found[0].found
        case "version":
            assert (found[0].subject, found[0].version) == (owner, number)
        case "account":
            assert found[0].subject.startswith(f"{books.shop.name}/accounts/")


async def test_what_comes_after_an_account_was_closed_is_found(books: Books) -> None:
    async with _guards_off(books.owner):
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


APPEND_ONLY = ("transactions", "postings", "account_events", "seals")


class _guards_off:  # noqa: N801 - used as a function
    """The triggers that refuse changes, out of the way: an owner who means it can do that."""

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    async def __aenter__(self) -> None:
        for table in APPEND_ONLY:
            await self._owner.execute(f"alter table {table} disable trigger user")

    async def __aexit__(self, *_: object) -> None:
        for table in APPEND_ONLY:
            await self._owner.execute(f"alter table {table} enable trigger user")


async def test_a_chain_that_was_made_anew_no_longer_has_the_heads_that_were_told(books: Books) -> None:
    """Whoever owns the database can change a row and seal everything again: only what is kept elsewhere tells."""
    stub = books.world.client().ledger
    told = [step async for step in stub.Verify(pb.VerifyRequest())][-1].heads
    assert [head.shard for head in told]
    async with _guards_off(books.owner), books.owner.transaction():
        await books.owner.execute("select from sealers for update")
        await books.owner.execute("update transactions set actor = 'nobody' where program = $1", books.number)
        await books.owner.execute("delete from seals")

    async def sealed_anew() -> bool:
        return bool(await books.owner.fetchval(_ALL_SEALED))

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
