"""The same request has one effect and one answer, whatever happens in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from guerdon.ledger.v1 import ledger_pb2, resources_pb2
from guerdon_kit.errors import DomainError, ReplayedRefusal, RequestIdReused, Status
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.provision import ServiceDatabase, connected
from guerdon_kit.postgres.requests import find, once, prune

EFFECT = "insert into consumed_events (consumer, event_id) values ('effect', gen_random_uuid())"


@dataclass(frozen=True)
class Who:
    issuer: str = "https://issuer.example"
    subject: str = "till-7"
    service: str | None = None


@dataclass(frozen=True)
class Call:
    caller: Who = Who()
    method: str = "guerdon.ledger.v1.LedgerService/PostTransaction"


class TooFew(DomainError):
    reason = "INSUFFICIENT_POINTS"
    status = Status.FAILED_PRECONDITION
    message = "needs {required} points, has {available}"
    frozen = True


class Frozen(DomainError):
    reason = "ACCOUNT_FROZEN"
    status = Status.FAILED_PRECONDITION
    message = "the account is frozen"


def fingerprint(request_id: str = "r-1", memo: str = "tea", parent: str = "programs/acme") -> Fingerprint:
    request = ledger_pb2.PostTransactionRequest(
        parent=parent, request_id=request_id, transaction=resources_pb2.Transaction(memo=memo)
    )
    return Fingerprint.of(Call(), request, "programs/acme")


async def effect(connection: Connection) -> bytes:
    await connection.execute(EFFECT)
    return b"programs/acme/transactions/1@1"


async def effects(db: Database) -> int:
    async with db.acquire() as connection:
        return int(await connection.fetchval("select count(*) from consumed_events"))


async def test_the_same_request_twice_in_a_row_is_done_once_and_answered_twice(db: Database) -> None:
    assert await once(db, fingerprint(), effect) == (b"programs/acme/transactions/1@1", False)
    assert await once(db, fingerprint(), effect) == (b"programs/acme/transactions/1@1", True)
    assert await effects(db) == 1


async def test_the_same_request_many_times_at_once_is_done_once(db: Database) -> None:
    met = asyncio.Barrier(6)
    first = True

    async def work(connection: Connection) -> bytes:
        nonlocal first
        if first:
            await met.wait()  # all have looked for a record, and none has found one
            first = False
        return await effect(connection)

    answers = await asyncio.gather(*(once(db, fingerprint(), work) for _ in range(6)))
    assert sorted(replayed for _, replayed in answers) == [False, True, True, True, True, True]
    assert {outcome for outcome, _ in answers} == {b"programs/acme/transactions/1@1"}
    assert await effects(db) == 1


async def test_another_body_under_the_same_id_is_refused_and_named(db: Database) -> None:
    await once(db, fingerprint(), effect)
    with pytest.raises(RequestIdReused) as refused:
        await once(db, fingerprint(memo="coffee", parent="programs/b"), effect)
    assert refused.value.metadata == {"fields": "parent,transaction"}
    assert await effects(db) == 1


async def test_two_honest_equal_requests_are_two(db: Database) -> None:
    await once(db, fingerprint("r-1"), effect)
    await once(db, fingerprint("r-2"), effect)
    assert await effects(db) == 2


async def test_a_refusal_decided_on_state_is_frozen_and_leaves_no_effect(db: Database) -> None:
    async def refuse(connection: Connection) -> bytes:
        await effect(connection)
        raise TooFew(required=100, available=7)

    with pytest.raises(TooFew):
        await once(db, fingerprint(), refuse)
    with pytest.raises(ReplayedRefusal) as replayed:
        await once(db, fingerprint(), effect)  # there would be enough by now
    refusal = replayed.value
    assert refusal.public_reason == "INSUFFICIENT_POINTS"
    assert refusal.public_status is Status.FAILED_PRECONDITION
    assert refusal.public_message == "needs 100 points, has 7"
    assert refusal.metadata == {"required": "100", "available": "7"}
    assert await effects(db) == 0


async def test_a_frozen_refusal_also_guards_its_id_against_another_body(db: Database) -> None:
    async def refuse(_: Connection) -> bytes:
        raise TooFew(required=100, available=7)

    with pytest.raises(TooFew):
        await once(db, fingerprint(), refuse)
    with pytest.raises(RequestIdReused):
        await once(db, fingerprint(memo="coffee"), effect)


async def test_a_refusal_that_may_pass_later_is_not_kept(db: Database) -> None:
    async def refuse(connection: Connection) -> bytes:
        await effect(connection)
        raise Frozen

    with pytest.raises(Frozen):
        await once(db, fingerprint(), refuse)
    assert await effects(db) == 0
    assert await once(db, fingerprint(), effect) == (b"programs/acme/transactions/1@1", False)


async def test_a_refusal_that_lost_against_a_success_answers_the_success(db: Database) -> None:
    async def overtaken(_: Connection) -> bytes:
        await once(db, fingerprint(), effect)
        raise TooFew(required=100, available=7)

    assert await once(db, fingerprint(), overtaken) == (b"programs/acme/transactions/1@1", True)


async def test_a_request_whose_commit_was_not_heard_is_found_by_its_record(
    db: Database, kit_database: ServiceDatabase
) -> None:
    """The connection breaks at the commit: whichever way that went, there is one effect and an answer."""
    runs = 0

    async def work(connection: Connection) -> bytes:
        nonlocal runs
        runs += 1
        outcome = await effect(connection)
        if runs == 1:
            async with connected(kit_database.runtime_url) as other:
                await other.fetchval("select pg_terminate_backend($1, 5000)", connection.get_server_pid())
        return outcome

    outcome, _ = await once(db, fingerprint(), work)
    assert outcome == b"programs/acme/transactions/1@1"
    assert await effects(db) == 1


async def test_records_are_kept_for_the_stated_time(db: Database) -> None:
    await once(db, fingerprint(), effect)
    assert await prune(db, timedelta(days=1)) == 0
    async with db.acquire() as connection:
        assert await find(connection, fingerprint()) is not None
    assert await prune(db, timedelta(0)) == 1
    async with db.acquire() as connection:
        assert await find(connection, fingerprint()) is None
