"""How requests are made, sent, and held against what is expected of them."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

import grpc
from hypothesis.stateful import RuleBasedStateMachine, initialize

from guerdon import GuerdonError, was_replayed
from guerdon.errors import error_from_status
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import BUDGET, EXCHANGE_ACCOUNT, MEMBER
from tests.integration.ledger.connections import Connection, insist
from tests.integration.ledger.model.auditor import Auditor
from tests.integration.ledger.model.drive.bench import DEVELOPER, Bench
from tests.integration.ledger.model.member import Member, Refused, stamp
from tests.integration.ledger.model.predict.records import Expected

FIRST_MEMBERS = ("ada", "ben", "cem")
SYSTEM = {
    "issuance": "issuance.points",
    "redemption": "redemption.points",
    "breakage": "breakage.points",
    "adjustment": "adjustment.points",
    "budget": "budget.points.team",
    "exchange": "exchange.points.air",
}
CLOCKS_DIFFER_MAX = timedelta(milliseconds=200)
"""How far PostgreSQL's clock and ours may be apart, and a batch's times ahead of it."""

_programs = itertools.count(1)


class Driver(RuleBasedStateMachine):
    """One program, from its creation on, and its auditor."""

    bench: ClassVar[Bench]

    sound = False
    """Whether all was as predicted when it was last looked at."""

    @initialize()
    def begin(self) -> None:
        self.auditor = Auditor(f"programs/model-{next(_programs)}-{secrets.token_hex(3)}")
        self.auditor.actor = DEVELOPER
        self.began = self.bench.time.now().replace(microsecond=0)
        self.sent: list[tuple[str, Any, str]] = []
        """What was asked, and by whom."""
        self.numbers = itertools.count(1)
        self.ways = itertools.cycle(self.bench.connections)
        name = self.auditor.program
        program = res.Program(name=name, display_name="Model", time_zone="UTC")
        self.call("CreateProgram", pb.CreateProgramRequest(program=program, request_id="p"))
        self.call("CreateUnit", pb.CreateUnitRequest(unit=res.Unit(name=f"{name}/units/points"), request_id="u"))
        for id_ in SYSTEM.values():
            self.auditor.system[self.auditor.account(id_)] = 0
        self.create(SYSTEM["budget"], BUDGET)
        self.create(SYSTEM["exchange"], EXCHANGE_ACCOUNT)
        for id_ in FIRST_MEMBERS:
            self.create(id_, MEMBER)

    def member_id(self, number: int) -> str:
        return list(self.auditor.members)[number % len(self.auditor.members)].rpartition("/")[2]

    def locked(self, of: str, lock: tuple[int, int | None] | None) -> res.Locked | None:
        """What has to be left of an account, given by its name."""
        if lock is None:
            return None
        amount, ago = lock
        if ago is None:
            return res.Locked(amount=amount)
        return res.Locked(amount=amount, account_version=max(0, self.auditor.members[of].version - ago))

    def hold_name(self, number: int) -> str:
        return self.auditor.holds[-1 - number % len(self.auditor.holds)].name

    def new_id(self) -> str:
        return f"r{next(self.numbers)}"

    def half_past(self, hours_ahead: int) -> datetime:
        """A time in the middle of an hour, so many hours from now."""
        now = self.bench.time.now()
        passed = int((now - self.began) / timedelta(hours=1))
        return self.began + timedelta(hours=passed + hours_ahead, minutes=30)

    def posting(
        self, source: str, destination: str, amount: int, life: int | None = None, wait: int | None = None
    ) -> res.Posting:
        names = {"source": self.auditor.account(source), "destination": self.auditor.account(destination)}
        posting = res.Posting(**names, amount=amount)  # type: ignore[arg-type]  # all of them are strings
        if life is not None:
            posting.expire_time.CopyFrom(stamp(self.half_past(life)))
        if wait is not None:
            posting.available_time.CopyFrom(stamp(self.half_past(wait)))
        return posting

    def posting_request(self, kind: int, *postings: res.Posting, **fields: Any) -> pb.PostTransactionRequest:
        transaction = res.Transaction(kind=kind, postings=postings, **fields)  # type: ignore[arg-type]  # an enum's number
        return pb.PostTransactionRequest(parent=self.auditor.program, transaction=transaction, request_id=self.new_id())

    def post(self, kind: int, *postings: res.Posting, **fields: Any) -> None:
        self.write("PostTransaction", self.posting_request(kind, *postings, **fields))

    def write(self, method: str, request: Any, actor: str = DEVELOPER) -> None:
        """Sends what changes something, and expects what the auditor predicts."""
        self.auditor.actor = actor
        now = self.bench.time.now()
        predict: Any = {
            "PostTransaction": self.auditor.post,
            "ReverseTransaction": self.auditor.reverse,
            "PlaceHold": self.auditor.place,
            "CaptureHold": self.auditor.capture,
            "ReleaseHold": self.auditor.release,
            "UpdateLots": self.auditor.update,
            "UpdateAccountLabels": self.auditor.label,
            "SetCreditLimit": self.auditor.set_limit,
            "CloseBooks": self.auditor.close,
            "ReopenBooks": self.auditor.reopen,
        }.get(method)
        expected = predict(request, now) if predict else self.auditor.change_state(method, request, now)
        self.send(method, request, expected, self.bench.others.get(actor))
        if expected.refusal is None or expected.refusal.frozen:
            self.sent.append((method, request, actor))
        self.auditor.actor = DEVELOPER

    def write_batch(self, requests: list[Any], omit: bool, atomic: bool = False) -> None:
        now = self.bench.time.now()
        items = [pb.PostTransactionItem(transaction=one.transaction, request_id=one.request_id) for one in requests]
        request = pb.BatchPostTransactionsRequest(parent=self.auditor.program, items=items, omit_balances=omit)
        request.atomic = atomic
        expected = self.auditor.post_together(items, now) if atomic else [self.auditor.post(one, now) for one in items]
        answer = self.call("BatchPostTransactions", request)
        for one, result in zip(expected, answer.results, strict=True):
            if one.refusal is not None:
                code = next(code for code in grpc.StatusCode if code.value[0] == result.error.code)
                reason, metadata, fields = _details(result.error)
                _require_refusal(one.refusal, code.name, reason, metadata, fields)
                assert result.replayed == one.replayed
                continue
            assert result.HasField("posted"), result
            reply = cast("pb.PostTransactionResponse", one.reply)
            if not one.replayed:
                one.learn(reply, result.posted)
            shown = pb.PostTransactionResponse()
            shown.CopyFrom(reply)
            if omit:
                shown.ClearField("balances")
            assert result.posted == shown
            assert result.replayed == one.replayed
        done = [one for one, e in zip(requests, expected, strict=True) if e.refusal is None]
        self.sent += [("PostTransaction", one, DEVELOPER) for one in done]

    def send(self, method: str, request: Any, expected: Expected, way: Connection | None = None) -> None:
        """Sends a request, and compares what comes back with what is expected."""
        self.sound = False
        connection = way or next(self.ways)
        sent = self.bench.time.now()

        async def call() -> tuple[Any, bool]:
            made = getattr(connection.ledger, method)(request)
            return await made, await was_replayed(made)

        try:
            actual, replayed = self.bench.run(insist(call) if self.bench.faults else call())
        except GuerdonError as error:
            _require_refused(method, error, expected)
            return
        assert expected.refusal is None, f"{method} was answered: {actual}"
        if not expected.replayed:
            expected.learn(expected.reply, actual)
            if "record_time" in actual.DESCRIPTOR.fields_by_name:
                recorded = actual.record_time.ToDatetime(tzinfo=UTC)
                assert sent - CLOCKS_DIFFER_MAX <= recorded <= self.bench.time.now() + CLOCKS_DIFFER_MAX
        assert actual == expected.reply, f"{method}: {actual}\nexpected: {expected.reply}"
        assert replayed == expected.replayed

    def call(self, method: str, request: Any) -> Any:
        """Sends a request that is answered."""
        self.sound = False
        connection = next(self.ways)

        async def call() -> Any:
            return await getattr(connection.ledger, method)(request)

        return self.bench.run(insist(call) if self.bench.faults else call())

    def pages(self, method: str, make: Callable[..., Any], field: str, size: int, **asked: Any) -> list[Any]:
        """A whole list, by pages of this size."""
        found: list[Any] = []
        asked = {"parent": self.auditor.program} | asked
        token = ""
        for _ in range(2000):
            page = self.call(method, make(page_size=size, page_token=token, **asked))
            part = list(getattr(page, field))
            assert len(part) <= (size or 50)
            found += part
            token = page.next_page_token
            if not token:
                return found
        raise AssertionError("the list does not end")

    def create(self, id_: str, kind: int) -> None:
        name = self.auditor.account(id_)
        account = res.Account(name=name, unit=f"{self.auditor.program}/units/points", kind=kind)  # type: ignore[arg-type]  # an enum's number
        made = self.call("CreateAccount", pb.CreateAccountRequest(account=account, request_id=self.new_id())).account
        self.auditor.created[name] = made.create_time
        if kind == MEMBER:
            self.auditor.members[name] = Member(name)
        else:
            self.auditor.system[name] = 0

    def wait_for_the_sweeper(self) -> None:
        self.auditor.settle_all(self.bench.time.now())
        self.bench.run(self._swept())

    async def _swept(self) -> None:
        for member in self.auditor.members.values():
            request = pb.GetBalanceRequest(name=member.name, view=pb.BALANCE_VIEW_FULL)
            for _ in range(1000):
                found = await insist(lambda request=request: next(self.ways).ledger.GetBalance(request))  # type: ignore[misc]  # bound now
                if found.balance.version >= member.version:
                    break
                await asyncio.sleep(0.02)
            else:
                raise AssertionError(f"{member.name} was not swept: {found.balance}")


def _require_refused(method: str, error: GuerdonError, expected: Expected) -> None:
    refusal = expected.refusal
    assert refusal is not None, f"{method} was refused: {error!r} {dict(error.metadata)}"
    fields = tuple(violation.field for violation in error.violations)
    _require_refusal(refusal, error.code.name, error.reason, error.metadata, fields)
    assert isinstance(error.__cause__, grpc.aio.AioRpcError)
    trailing = tuple(error.__cause__.trailing_metadata() or ())
    assert (("guerdon-replayed", "true") in trailing) == expected.replayed


def _require_refusal(expected: Refused, code: str, reason: str, metadata: Any, fields: tuple[str, ...]) -> None:
    assert (code, reason) == (expected.code, expected.reason), f"{reason} {dict(metadata)}, not {expected.metadata}"
    assert {key: metadata.get(key) for key in expected.metadata} == expected.metadata
    assert fields == expected.fields, f"{fields}, not {expected.fields}"


def _details(status: Any) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Reason, metadata and violated fields of a refusal inside an answer."""
    error = error_from_status(status)
    return error.reason, dict(error.metadata), tuple(violation.field for violation in error.violations)
