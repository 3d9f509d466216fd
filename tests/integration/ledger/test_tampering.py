"""Verification names what was changed behind the ledger's back: one number of each thing it keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
import redis

from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.embedded import Endpoints
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from ledger.store.cache import _decode, _encode
from tests.contract.ledger.world import RECOGNITION, Shop, World, findings
from tests.integration.ledger.connections import MovableTime
from tests.unit.ledger.builders import ADA, NOW


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory, endpoints: Endpoints
) -> Iterator[RunningService]:
    """A ledger with a cache of its own, whose values the test reads and changes."""
    own = replace(endpoints, redis_cache_url=f"{endpoints.redis_cache_url}?db=15")
    with redis.Redis.from_url(own.redis_cache_url) as cache:
        cache.flushdb()
    settings = {"ledger_sweep_every_s": "0.2", "ledger_checkpoint_every_s": "0.2"}
    service = module_services.start("ledger", databases.make("ledger"), settings=settings, endpoints=own)
    yield service
    service.process.stop()
    databases.drop(service.database)


@dataclass
class Books:
    """A program with something of everything, and its database as its owner."""

    world: World
    shop: Shop
    owner: asyncpg.Connection
    number: int

    async def found(self) -> dict[str, str]:
        """The reasons that a verification finds, each with the thing it first names."""
        return {one.reason: one.subject for one in reversed(await findings(self.world.client()))}


@pytest.fixture
async def books(running: RunningService, module_services: ServiceFactory) -> AsyncIterator[Books]:
    world, time = World(running.target, module_services.identity), MovableTime(module_services.clock_file)
    shop = await world.shop()
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 100)
    await shop.earn("ada", 50, available_time=time.ahead(days=5))
    spent = await shop.spend("ada", 30)
    await shop.reverse(spent, 10)
    await shop.post(RECOGNITION, shop.posting("ada", "ben", 5))
    await shop.capture((await shop.hold("ada", 10, time.ahead(days=1))).name, 4)
    await shop.release((await shop.hold("ada", 10, time.ahead(days=1))).name)
    await shop.hold("ada", 12, time.ahead(days=1))
    await shop.freeze("ada")
    await shop.unfreeze("ada")
    owner = await asyncpg.connect(running.database.owner_url)
    number = await owner.fetchval("select program from programs where id = $1", shop.name.removeprefix("programs/"))
    made = Books(world, shop, owner, number)
    checkpoint = (
        "select c.posted from checkpoints c join accounts a using (shard) where c.account = a.id and program = $1"
    )

    async def sealed() -> bool:
        return len(await owner.fetch(checkpoint, number)) == 2

    await wait_until(sealed)
    assert await made.found() == {}
    yield made
    await owner.close()
    await world.close()


# What is changed, and one of the reasons that must be given. `{ada}` is her account, `{program}` the program.
OF_ADA = "where account = {ada}"
POSTINGS = "where (source = {ada} or destination = {ada})"
TAMPERINGS = {
    "a posting's amount": (
        f"update postings set amount = amount + 1 {POSTINGS} and destination_version = 1",
        "RUNNING_BALANCE_DIFFERS",
    ),
    "a posting's running balance": (
        f"update postings set source_posted = source_posted + 1 {POSTINGS} and source_version is not null",
        "RUNNING_BALANCE_DIFFERS",
    ),
    "a posting's version": (
        f"update postings set source_version = 99 {POSTINGS} and source_version = 3",
        "VERSIONS_HAVE_A_GAP",
    ),
    "what a posting did to a lot": (
        f"update postings set lot_deltas[1] = lot_deltas[1] - 1 {POSTINGS} and source_version = 3",
        "LOT_DIFFERS_FROM_MOVES",
    ),
    "a posting's debt": (
        f"update postings set source_debt_delta = 1 {POSTINGS} and source_version = 3",
        "BALANCE_DIFFERS_FROM_ENTRIES",
    ),
    "a posting's side": (
        "update postings set destination = {other} where source = {ada} and source_version = 3",
        "SIDES_DIFFER",
    ),
    "a posting that is gone": (f"delete from postings {POSTINGS} and destination_version = 2", "POSTINGS_MISSING"),
    "a transaction that is gone": (
        f"delete from transactions where id = (select id from postings {POSTINGS} and destination_version = 2)",
        "TRANSACTION_MISSING",
    ),
    "a transaction's kind": (
        f"update transactions set kind = 7 where id = (select id from postings {POSTINGS} and source_version = 3)",
        "LIFETIME_DIFFERS",
    ),
    "an account's version": (
        "update accounts set version = version + 1 where id = {ada}",
        "BALANCE_DIFFERS_FROM_ENTRIES",
    ),
    "an account's balance": (
        "update accounts set posted = posted + 1 where id = {ada}",
        "BALANCE_DIFFERS_FROM_ENTRIES",
    ),
    "an account's debt": ("update accounts set debt = debt + 1 where id = {ada}", "BALANCE_DIFFERS_FROM_ENTRIES"),
    "what an account can spend": (
        "update accounts set available = available + 1 where id = {ada}",
        "AVAILABLE_DIFFERS",
    ),
    "what an account holds": ("update accounts set held = held + 1 where id = {ada}", "HOLDS_DIFFER_FROM_HELD"),
    "what is pending": (
        "update accounts set pending = pending - 1, available = available + 1 where id = {ada}",
        "PENDING_DIFFERS",
    ),
    "what was ever earned": ("update accounts set earned = earned + 1 where id = {ada}", "LIFETIME_DIFFERS"),
    "what was ever spent": ("update accounts set spent = spent - 1 where id = {ada}", "LIFETIME_DIFFERS"),
    "an account's state": ("update accounts set state = 2 where id = {ada}", "STATE_DIFFERS_FROM_EVENTS"),
    "a lot's open part": (f"update lots set open = open - 1 {OF_ADA} and held = 0", "LOTS_DIFFER_FROM_POSTED"),
    "a lot's held part": (f"update lots set held = held + 1 {OF_ADA} and held > 0", "HOLDS_DIFFER_FROM_HELD"),
    "a lot's expired part": (f"update lots set expired = 1 {OF_ADA} and held > 0", "LOT_DIFFERS_FROM_MOVES"),
    "a lot's amount": (f"update lots set amount = amount + 1 {OF_ADA} and held > 0", "LOT_DIFFERS_FROM_POSTING"),
    "a lot's owner": (
        "update lots set account = {ben} where account = {ada} and held = 0",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "an active hold's amount": (
        f"update holds set amount = amount + 1 {OF_ADA} and state = 1",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "an active hold's lots": (
        f"update holds set lot_amounts[1] = lot_amounts[1] + 1 {OF_ADA} and state = 1",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "a resolved hold's capture": (f"update holds set captured = 5 {OF_ADA} and state = 2", "HOLD_DIFFERS_FROM_EVENTS"),
    "how a hold was resolved": (f"update holds set state = 4 {OF_ADA} and state = 3", "HOLD_DIFFERS_FROM_EVENTS"),
    "a hold that is gone": (f"delete from holds {OF_ADA} and state = 3", "HOLD_DIFFERS_FROM_EVENTS"),
    "an event's version": (
        f"update account_events set version = 99 {OF_ADA} and kind = 2",
        "VERSIONS_HAVE_A_GAP",
    ),
    "a freeze that is gone": (f"delete from account_events {OF_ADA} and kind = 5", "VERSIONS_HAVE_A_GAP"),
    "what an event did to a state": (
        f"update account_events set kind = 7 {OF_ADA} and kind = 6",
        "STATE_DIFFERS_FROM_EVENTS",
    ),
    "an event's amount": (
        f"update account_events set held_delta = held_delta + 1 {OF_ADA} and kind = 1",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "a checkpoint": ("update checkpoints set posted = posted + 1 where account = {issuance}", "CHECKPOINT_DIFFERS"),
}


@pytest.mark.parametrize("thing", TAMPERINGS)
async def test_one_changed_number_is_found(books: Books, thing: str) -> None:
    statement, reason = TAMPERINGS[thing]
    names = {"ada": "ada", "ben": "ben", "issuance": "issuance.points", "other": "breakage.stamps"}
    if "{other}" in statement:
        unit = res.Unit(name=f"{books.shop.name}/units/stamps")
        await books.shop.ledger.CreateUnit(pb.CreateUnitRequest(unit=unit, request_id=new_request_id()))
    numbers: dict[str, Any] = {
        key: await books.owner.fetchval("select id from accounts where program = $1 and name = $2", books.number, name)
        for key, name in names.items()
    }
    async with _guards_off(books.owner):
        tag = await books.owner.execute(statement.format(**numbers))
        assert int(tag.rpartition(" ")[2]) >= 1
    found = await books.found()
    assert reason in found
    if reason not in {"TRANSACTION_MISSING", "SIDES_DIFFER", "POSTINGS_MISSING"}:
        assert found[reason].startswith(books.shop.name)
    await _forget(books)


class _guards_off:  # noqa: N801 - used as a function
    """The triggers that refuse changes, out of the way: an owner who means it can do that."""

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    async def __aenter__(self) -> None:
        for table in ("transactions", "postings", "account_events"):
            await self._owner.execute(f"alter table {table} disable trigger user")

    async def __aexit__(self, *_: object) -> None:
        for table in ("transactions", "postings", "account_events"):
            await self._owner.execute(f"alter table {table} enable trigger user")


async def _forget(books: Books) -> None:
    """Takes the spoilt program out of the books, so that the next test finds its own faults only."""
    async with _guards_off(books.owner):
        accounts = "(select id from accounts where program = $1)"
        for statement in (
            f"delete from postings where source in {accounts} or destination in {accounts}",
            "delete from transactions where program = $1",
            f"delete from account_events where account in {accounts}",
            f"delete from lots where account in {accounts}",
            f"delete from holds where account in {accounts}",
            f"delete from checkpoints where account in {accounts}",
            "delete from accounts where program = $1",
        ):
            await books.owner.execute(statement, books.number)


FIELDS = ("posted", "held", "pending", "debt", "available", "earned", "spent", "version", "state")


@pytest.mark.parametrize("field", FIELDS)
async def test_a_cached_value_that_differs_is_found(books: Books, running: RunningService, field: str) -> None:
    url = running.process.plan.environment["GUERDON_REDIS_CACHE_URL"]
    number = await books.owner.fetchval("select id from accounts where program = $1 and name = 'ada'", books.number)
    with redis.Redis.from_url(url) as cache:

        async def spoilt() -> dict[str, str]:
            """What is found after the cached value was changed; nothing where the cache was not believed just then."""
            await books.shop.balance("ada")
            for key in cache.scan_iter(match=f"guerdon:balance:*:{number}"):
                kept = cache.get(key)
                balance = _decode(ADA, kept if isinstance(kept, bytes) else None, NOW)
                if balance is not None:
                    change: dict[str, Any] = {field: getattr(balance, field) + 1}
                    cache.set(key, _encode(balance._replace(**change)))
            return await books.found()

        assert await wait_until(spoilt) == {"CACHED_BALANCE_DIFFERS": books.shop.account("ada")}
        cache.delete(*cache.scan_iter(match=f"guerdon:balance:*:{number}"))
    assert await books.found() == {}


async def test_the_service_itself_may_not_change_what_was_written(books: Books, running: RunningService) -> None:
    runtime = await asyncpg.connect(running.database.runtime_url)
    for table in ("transactions", "postings", "account_events"):
        for statement in (f"update {table} set shard = 1", f"delete from {table}", f"truncate {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(statement)
            with pytest.raises(asyncpg.RestrictViolationError):
                await books.owner.execute(statement)
    for table in ("accounts", "lots", "holds", "checkpoints"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.execute(f"delete from {table}")
    await runtime.close()
