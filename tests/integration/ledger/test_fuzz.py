"""Whatever bytes come in: every RPC that the contract has answers with a refusal of the catalogue or does what was
asked; nothing internal leaks, and what is refused changes nothing.

The messages are made from the descriptors, so that an RPC is covered from the day it is declared. The seed is printed;
the same seed asks the same again: `GUERDON_FUZZ_SEED=…`.
"""

from __future__ import annotations

import os
import random
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.ledger.world import BUDGET, EARN, GRANT, RECOGNITION, SPEND, Shop, World, findings, stamp
from tests.integration.ledger.connections import MovableTime

SERVICE = pb.DESCRIPTOR.services_by_name["LedgerService"]
MESSAGES, GARBAGE = 20, 15
"""How many of each an RPC is sent."""
ANSWERS_MAX = 3
"""How many answers of a stream are read."""

INTERNAL = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED}
LEAKS = re.compile(
    rb"Traceback|File \"|\.py\b|asyncpg|postgres|psql|redis|relation|column|constraint|SQL|Exception|Error\b|"
    rb"0x[0-9a-f]{6}|site-packages|object at|NoneType|/tmp/|/home/",
    re.IGNORECASE,
)
STATE = """
select (select json_agg(a order by a.id) from accounts a where program = $1)::text,
       (select count(*) from postings), (select count(*) from transactions), (select count(*) from account_events),
       (select json_agg(l order by l.id) from lots l)::text, (select json_agg(h order by h.id) from holds h)::text,
       (select json_agg(s order by s.account) from slices s where s.credit_limit is not null)::text,
       (select count(*) from credit_limit_changes), (select count(*) from policy_changes),
       (select json_agg(a order by a.id) from adjustments a)::text,
       (select count(*) from accounts), (select count(*) from programs), (select count(*) from units)
"""
_INTEGERS = [0, 1, 2, 7, 100, -1, 2**31 - 1, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
_WORDS = ["", "x", "\0", "x" * 201, "%s %d {0}", "';--", "\U0010ffff", "ä" * 70, "\n", "..", "/", "a/b/c/d/e/f"]


@dataclass
class Maker:
    """Makes random messages, of things that exist and of things that cannot."""

    random: random.Random
    names: list[str]
    time: MovableTime
    number: int = 0
    accepted: dict[str, list[Any]] = field(default_factory=dict)
    """What an RPC took, by its request's type: half of what it is sent next differs from that in little."""

    def request(self, descriptor: Descriptor) -> Any:
        """A message made anew, or one that was accepted, with a field or two of it made anew."""
        known = self.accepted.get(descriptor.full_name)
        if not known or self.random.random() < 0.5:
            return self.message(descriptor)
        made: Any = GetMessageClass(descriptor)()
        made.CopyFrom(self.random.choice(known))
        for _ in range(self.random.randrange(3)):
            self.alter(made)
        if "request_id" in descriptor.fields_by_name and self.random.random() < 0.9:
            made.request_id = self.string("request_id")
        return made

    def alter(self, message: Any) -> None:
        """Makes one field anew, somewhere inside."""
        if not message.DESCRIPTOR.fields:
            return
        chosen = self.random.choice(message.DESCRIPTOR.fields)
        inner = chosen.message_type is not None and not chosen.message_type.GetOptions().map_entry
        if inner and chosen.is_repeated and len(getattr(message, chosen.name)):
            self.alter(self.random.choice(getattr(message, chosen.name)))
        elif inner and not chosen.is_repeated and message.HasField(chosen.name):
            self.alter(getattr(message, chosen.name))
        else:
            message.ClearField(chosen.name)
            self.fill(message, chosen, 1)

    def message(self, descriptor: Descriptor, depth: int = 0) -> Any:
        if descriptor.full_name == "google.protobuf.Timestamp":
            return self.timestamp()
        made = GetMessageClass(descriptor)()
        for one in descriptor.fields:
            if self.random.random() < (0.95 if depth else 0.9):
                self.fill(made, one, depth)
        return made

    def fill(self, made: Any, field: FieldDescriptor, depth: int) -> None:
        if field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry:
            for _ in range(self.random.randrange(3)):
                getattr(made, field.name)[self.word()] = self.word()
            return
        count = self.random.choice([0, 1, 1, 1, 2, 3]) if field.is_repeated else 1
        for _ in range(count):
            if field.message_type is not None:
                value = self.message(field.message_type, depth + 1)
                if field.is_repeated:
                    getattr(made, field.name).append(value)
                else:
                    getattr(made, field.name).CopyFrom(value)
            elif field.is_repeated:
                getattr(made, field.name).append(self.scalar(field))
            else:
                setattr(made, field.name, self.scalar(field))

    def scalar(self, field: FieldDescriptor) -> Any:
        kind = field.type
        if kind == FieldDescriptor.TYPE_ENUM:
            assert field.enum_type is not None
            return self.random.choice([*(value.number for value in field.enum_type.values), 99, -1])
        if kind == FieldDescriptor.TYPE_BOOL:
            return self.random.random() < 0.5
        if kind == FieldDescriptor.TYPE_STRING:
            return self.string(field.name)
        if kind == FieldDescriptor.TYPE_BYTES:
            return self.random.randbytes(self.random.randrange(40))
        assert kind in {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64}, f"teach me {field.full_name}"
        value = self.random.choice([*_INTEGERS, 1, 1, 5, 5, 10])
        return max(-(2**31), min(2**31 - 1, value)) if kind == FieldDescriptor.TYPE_INT32 else value

    def string(self, name: str) -> str:
        self.number += 1
        if name == "request_id":
            return self.random.choice([f"r{self.number}"] * 12 + ["", "x" * 65, "r1"])
        if name in {"memo", "purpose", "display_name", "page_token", "time_zone"}:
            return self.random.choice([*_WORDS, "", "", "", "Europe/London"])
        if self.random.random() < 0.85:
            return self.random.choice(self.names)
        return self.word()

    def word(self) -> str:
        if self.random.random() < 0.5:
            return self.random.choice(_WORDS)
        name = self.random.choice(self.names)
        at = self.random.randrange(len(name))
        return name[:at] + self.random.choice(["", "\0", "/", "é", " ", "99999999999999999999"]) + name[at + 1 :]

    def timestamp(self) -> Any:
        made = Timestamp()
        now = int(self.time.now().timestamp())
        ahead = [timedelta(hours=1), timedelta(days=40), timedelta(days=4000), timedelta(hours=-1), timedelta(days=-40)]
        made.seconds = self.random.choice([*(now + int(a.total_seconds()) for a in ahead), 0, -(2**63), 2**63 - 1])
        made.nanos = self.random.choice([0, 0, 0, 1, 999_999_999, 1_000_000_000, -1])
        return made

    def garbage(self, descriptor: Descriptor) -> bytes:
        """Bytes that begin as a message may, and go wrong."""
        data = bytearray(self.request(descriptor).SerializeToString())
        match self.random.randrange(6):
            case 0:
                return self.random.randbytes(self.random.randrange(200))
            case 1:
                return bytes(data[: self.random.randrange(len(data) + 1)])
            case 2:
                for _ in range(self.random.randrange(1, 6)):
                    if data:
                        data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
                return bytes(data)
            case 3:
                return b"\x0a" + b"\xff" * 9 + b"\x01" + bytes(data)
            case 4:
                return b"\x0b" * self.random.randrange(1, 300) + bytes(data)
            case _:
                return bytes(data) + b"\xfa\xff\xff\x7f\x03abc" + bytes(data)


@pytest.fixture
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    """A ledger whose sweeper does not run: what changes is what the calls have done."""
    service = module_services.start("ledger", databases.make("ledger"), settings={"ledger_sweep_every_s": "3600"})
    yield service
    service.process.stop()
    databases.drop(service.database)


@dataclass
class Target:
    """A program with something of everything, and what it is now."""

    shop: Shop
    maker: Maker
    channel: Any
    """Bytes in, bytes out."""
    metadata: tuple[tuple[str, str], ...]
    owner: asyncpg.Connection
    number: int
    codes: Counter[str]

    async def state(self) -> Any:
        return await self.owner.fetchrow(STATE, self.number)

    async def send(self, method: Any, payload: bytes) -> bool:
        """Sends bytes to an RPC; answers whether it was refused, and requires that nothing leaks."""
        path = f"/{SERVICE.full_name}/{method.name}"
        answers: list[bytes] = []
        try:
            if method.server_streaming:
                stream = self.channel.unary_stream(path)(payload, metadata=self.metadata, timeout=10)
                async for answer in stream:
                    answers.append(answer)
                    if len(answers) == ANSWERS_MAX:
                        stream.cancel()
                        break
            else:
                answers.append(await self.channel.unary_unary(path)(payload, metadata=self.metadata, timeout=10))
        except grpc.aio.AioRpcError as error:
            require_public(error, f"{path} {payload!r}")
            self.codes[error.code().name] += 1
            return True
        self.codes["OK"] += 1
        return False


def require_public(error: grpc.aio.AioRpcError, asked: str) -> None:
    """The status is one of the catalogue, and says nothing of what is inside."""
    details = b"".join(v if isinstance(v, bytes) else v.encode() for _, v in error.trailing_metadata() or ())
    said = (error.details() or "").encode() + details
    assert error.code() not in INTERNAL, f"{asked}: {error.code()} {said!r}"
    assert LEAKS.search(said) is None, f"{asked}: {said!r}"


def accepted(shop: Shop, made: list[str], until: Timestamp) -> Iterator[Any]:
    """Requests that would be accepted, of the RPCs that are hard to please by chance."""
    postings = {
        EARN: shop.posting("issuance.points", "ada", 5),
        SPEND: shop.posting("ada", "redemption.points", 1),
        RECOGNITION: shop.posting("ada", "ben", 1),
        GRANT: shop.posting("budget.points", "ben", 1),
    }
    for kind, posting in postings.items():
        yield shop.request(kind, posting)
    items = [pb.PostTransactionItem(transaction=shop.transaction(kind, one)) for kind, one in postings.items()]
    yield pb.BatchPostTransactionsRequest(parent=shop.name, items=items)
    yield pb.ReverseTransactionRequest(name=made[0], amount=1)
    yield pb.ReverseTransactionRequest(name=made[1], amount=1)
    yield pb.CaptureHoldRequest(name=made[3], amount=1)
    yield pb.ReleaseHoldRequest(name=made[4])
    yield pb.PlaceHoldRequest(parent=shop.name, hold=res.Hold(account=shop.account("ada"), amount=1, expire_time=until))


@pytest.fixture
async def target(running: RunningService, module_services: ServiceFactory, time: MovableTime) -> AsyncIterator[Target]:
    seed = int(os.environ.get("GUERDON_FUZZ_SEED") or secrets.randbits(32))
    print(f"GUERDON_FUZZ_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    world = World(running.target, module_services.identity)
    shop = await world.shop()
    await shop.add_many(["ada", "ben"])
    await shop.add("budget.points", BUDGET)
    made = [await shop.earn("ada", 1000), await shop.spend("ada", 5), await shop.earn("ben", 100)]
    made += [(await shop.hold(id_, 10, time.ahead(days=30))).name for id_ in ("ada", "ada", "ben")]
    names = [shop.account(id_) for id_ in ("ada", "ben", "issuance.points", "redemption.points", "budget.points")]
    names += [*made, shop.name, shop.name, f"{shop.name}/units/points", "programs/other/accounts/ada"]
    owner = await asyncpg.connect(running.database.owner_url)
    number = await owner.fetchval("select program from programs")
    metadata = (("authorization", f"Bearer {module_services.identity.token()}"),)
    maker = Maker(random.Random(seed), names, time)
    for request in accepted(shop, made, stamp(time.ahead(days=30))):
        maker.accepted.setdefault(request.DESCRIPTOR.full_name, []).append(request)
    async with grpc.aio.insecure_channel(running.target) as channel:
        yield Target(shop, maker, channel, metadata, owner, number, Counter())
        assert await findings(world.client()) == []
    await owner.close()
    await world.close()


async def test_no_message_that_decodes_fails_inside_leaks_or_has_an_effect_when_refused(target: Target) -> None:
    before = await target.state()
    for method in SERVICE.methods:
        for _ in range(MESSAGES):
            message = target.maker.request(method.input_type)
            payload = message.SerializeToString()
            refused = await target.send(method, payload)
            if not refused:
                target.maker.accepted.setdefault(method.input_type.full_name, []).append(message)
            after = await target.state()
            assert not refused or after == before, f"{method.name} was refused and changed something: {payload!r}"
            before = after
    assert target.codes["OK"] > MESSAGES, target.codes
    assert target.codes.total() - target.codes["OK"] > MESSAGES, target.codes


async def test_no_bytes_that_do_not_decode_fail_inside_leak_or_have_an_effect_when_refused(target: Target) -> None:
    before = await target.state()
    for method in SERVICE.methods:
        for _ in range(GARBAGE):
            payload = target.maker.garbage(method.input_type)
            refused = await target.send(method, payload)
            after = await target.state()
            assert not refused or after == before, f"{method.name} was refused and changed something: {payload!r}"
            before = after
