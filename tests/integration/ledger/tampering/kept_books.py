"""Books with something of everything in them, of which a copy is kept: they are put back after each change."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import new_request_id
from guerdon.ledger.v1 import adjustments_pb2, books_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import ADJUSTMENT, BUDGET, RECOGNITION, Shop, World, findings, stamp
from tests.integration.ledger.connections import MovableTime

BOARD = "budget.points.board"
"""A budget with a credit limit."""
TABLES = (
    "checkpoint_positions",
    "sealers",
    "checkpoints",
    "seals",
    "books_changes",
    "policy_changes",
    "credit_limit_changes",
    "units",
    "programs",
    "accounts",
    "transactions",
    "postings",
    "account_events",
    "lots",
    "holds",
    "adjustments",
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
        async with guards_off(self.owner), self.owner.transaction():
            for table in TABLES[:2]:
                await self.owner.execute(f"select from {table} for update")
            for table in TABLES:
                await self.owner.execute(f"delete from {table}")
            for table in reversed(TABLES):  # units name their programs
                await self.owner.execute(f"insert into {table} table kept_{table}")


async def trade(shop: Shop, another: Shop, time: MovableTime) -> None:
    """Something of everything; `another` is the same program as another person reaches it."""
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
    correction = shop.transaction(ADJUSTMENT, shop.posting("adjustment.points", "ada", 3))
    proposed = await shop.ledger.ProposeAdjustment(
        adjustments_pb2.ProposeAdjustmentRequest(parent=shop.name, transaction=correction, request_id=new_request_id())
    )
    await another.ledger.ApproveAdjustment(
        adjustments_pb2.ApproveAdjustmentRequest(name=proposed.adjustment.name, request_id=new_request_id())
    )
    await shop.ledger.UpdateProgram(
        pb.UpdateProgramRequest(
            program=res.Program(name=shop.name, adjustment_limits=[res.AdjustmentLimit(amount=500)]),
            update_mask=FieldMask(paths=["adjustment_limits"]),
            request_id=new_request_id(),
        )
    )
    await shop.add("cy")
    await shop.close("cy")
    books = books_pb2.CloseBooksRequest(parent=shop.name, reason="the year", request_id=new_request_id())
    books.close_time.CopyFrom(stamp(time.ahead(days=-300)))
    await shop.ledger.CloseBooks(books)
    await shop.add(BOARD, BUDGET)
    await shop.limit(BOARD, 100)


async def followed(owner: asyncpg.Connection) -> bool:
    """Whether checkpoints and seals cover everything."""
    checkpoints = await owner.fetchval("select count(*) from checkpoints")
    return bool(checkpoints == 3 and await owner.fetchval(ALL_SEALED))


ALL_SEALED = """
select not exists (select from (select shard, xid from postings union all select shard, xid from account_events
                                union all select shard, xid from books_changes
                                union all select shard, xid from policy_changes
                                union all select shard, xid from credit_limit_changes) as row
                   where xid >= coalesce((select max(end_xid::text::bigint)::text::xid8 from seals
                                          where seals.shard = row.shard), '0'::xid8))
"""

APPEND_ONLY = (
    "transactions",
    "postings",
    "account_events",
    "books_changes",
    "policy_changes",
    "credit_limit_changes",
    "seals",
    "adjustments",
)


class guards_off:  # noqa: N801 - used as a function
    """The triggers that refuse changes, out of the way: an owner who means it can do that."""

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    async def __aenter__(self) -> None:
        for table in APPEND_ONLY:
            await self._owner.execute(f"alter table {table} disable trigger user")

    async def __aexit__(self, *_: object) -> None:
        for table in APPEND_ONLY:
            await self._owner.execute(f"alter table {table} enable trigger user")
