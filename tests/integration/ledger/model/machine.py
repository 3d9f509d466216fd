"""A Hypothesis state machine that drives a running ledger and holds every reply against the auditor's prediction.

The ledger's clock is moved by whole hours, and whatever the machine gives a time to ends in the middle of an hour: so
the time that a run itself takes decides nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

import grpc
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from guerdon import GuerdonError, was_replayed
from guerdon.errors import error_from_status
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    ADJUSTMENT,
    BUDGET,
    EARN,
    EXCHANGE,
    EXCHANGE_ACCOUNT,
    FUND,
    GRANT,
    MEMBER,
    RECOGNITION,
    SPEND,
    World,
)
from tests.integration.ledger.connections import Connection, MovableTime, insist
from tests.integration.ledger.model.auditor import Auditor, Expected
from tests.integration.ledger.model.member import Member, Refused, invalid, stamp

FIRST_MEMBERS = ("ada", "ben", "cem")
SYSTEM = {
    "issuance": "issuance.points",
    "redemption": "redemption.points",
    "breakage": "breakage.points",
    "adjustment": "adjustment.points",
    "budget": "budget.points.team",
    "exchange": "exchange.points.air",
}
DEVELOPER = "https://development.guerdon.dev|developer"
EXCHANGER = "service:partner_exchange"
CLOCKS_DIFFER_MAX = timedelta(milliseconds=200)
"""How far PostgreSQL's clock and ours may be apart, and a batch's times ahead of it."""

members = st.integers(0, 7)
amounts = st.integers(1, 60) | st.sampled_from([1, 10, 100])
hours = st.integers(-2, 40)
hours_or_never = st.none() | hours
between_members = st.sampled_from([RECOGNITION, res.TRANSACTION_KIND_TRANSFER])
words = st.sampled_from(["", "thanks", "für später", "x" * 200])
policies = st.sampled_from([0, 1, 2, 3])
CONNECTIONS = 6
FRESH_AGAIN_S = 2.0
"""After a fault of the cache a read may be so much behind: within that time the promise holds again by itself."""
_programs = itertools.count(1)


@dataclass
class Bench:
    """A running ledger, and ways to it."""

    loop: asyncio.AbstractEventLoop
    connections: list[Connection]
    exchanger: Connection
    """Calls as partner-exchange, which alone may post an EXCHANGE."""
    time: MovableTime
    swept: bool
    """Whether a sweeper runs: what the clock has done is then waited for."""
    faults: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What may happen to the servers between two requests."""
    steps: int = 0

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)


async def open_bench(world: World, time: MovableTime, *, swept: bool) -> Bench:
    """A bench at a ledger, with so many connections that each worker has some."""
    token = world.identity.token()
    connections = [Connection(world.target, token) for _ in range(CONNECTIONS)]

    async def short_lived() -> str:
        return world.service_token("partner_exchange", "programs/*")

    exchanger = Connection(world.target, short_lived)
    world._clients += [*connections, exchanger]
    return Bench(asyncio.get_running_loop(), connections, exchanger, time, swept)


class Ledger(RuleBasedStateMachine):
    """One program, from its creation on."""

    bench: ClassVar[Bench]

    sound = False
    """Whether all was as predicted when it was last looked at."""

    @initialize()
    def begin(self) -> None:
        self.auditor = Auditor(f"programs/model-{next(_programs)}-{secrets.token_hex(3)}")
        self.auditor.actor = DEVELOPER
        self.began = self.bench.time.now().replace(microsecond=0)
        self.sent: list[tuple[str, Any]] = []
        self.numbers = itertools.count(1)
        self.ways = itertools.cycle(self.bench.connections)
        name = self.auditor.program
        program = res.Program(name=name, display_name="Model", time_zone="UTC")
        self._call("CreateProgram", pb.CreateProgramRequest(program=program, request_id="p"))
        self._call("CreateUnit", pb.CreateUnitRequest(unit=res.Unit(name=f"{name}/units/points"), request_id="u"))
        for id_ in SYSTEM.values():
            self.auditor.system[self.auditor.account(id_)] = 0
        self._create(SYSTEM["budget"], BUDGET)
        self._create(SYSTEM["exchange"], EXCHANGE_ACCOUNT)
        for id_ in FIRST_MEMBERS:
            self._create(id_, MEMBER)

    # What moves points.

    @rule(to=members, amount=amounts, life=hours_or_never, wait=st.none() | hours, funded=st.booleans(), memo=words)
    def earn(self, to: int, amount: int, life: int | None, wait: int | None, funded: bool, memo: str) -> None:
        source = "budget" if funded else "issuance"
        self._post(EARN, self._posting(SYSTEM[source], self._member(to), amount, life, wait), memo=memo)

    @rule(to=members, amount=amounts, life=hours_or_never, give=st.booleans())
    def grant(self, to: int, amount: int, life: int | None, give: bool) -> None:
        if give:
            self._post(GRANT, self._posting(SYSTEM["budget"], self._member(to), amount, life))
        else:
            self._post(FUND, self._posting(SYSTEM["issuance"], SYSTEM["budget"], amount))

    @rule(of=members, amount=amounts, days_ago=st.none() | st.integers(0, 400), memo=words)
    def spend(self, of: int, amount: int, days_ago: int | None, memo: str) -> None:
        posting = self._posting(self._member(of), SYSTEM["redemption"], amount)
        if days_ago is None:
            self._post(SPEND, posting, memo=memo)
        else:
            when = stamp(self.bench.time.now() - timedelta(days=days_ago, seconds=1))
            self._post(SPEND, posting, memo=memo, effective_time=when)

    @rule(of=members, to=members, amount=amounts, life=hours_or_never, kind=between_members)
    def give(self, of: int, to: int, amount: int, life: int | None, kind: int) -> None:
        self._post(kind, self._posting(self._member(of), self._member(to), amount, life))

    @rule(of=members, amount=amounts, more=st.booleans(), life=hours_or_never)
    def adjust(self, of: int, amount: int, more: bool, life: int | None) -> None:
        if more:
            self._post(ADJUSTMENT, self._posting(SYSTEM["adjustment"], self._member(of), amount, life))
        else:
            self._post(ADJUSTMENT, self._posting(self._member(of), SYSTEM["adjustment"], amount))

    @rule(of=members, amount=amounts, away=st.booleans(), life=hours_or_never)
    def exchange(self, of: int, amount: int, away: bool, life: int | None) -> None:
        if away:
            posting = self._posting(self._member(of), SYSTEM["exchange"], amount)
        else:
            posting = self._posting(SYSTEM["exchange"], self._member(of), amount, life)
        request = self._request(EXCHANGE, posting)
        expected = self.auditor.post(request, self.bench.time.now())
        self.auditor.actor = EXCHANGER
        self._send("PostTransaction", request, expected, self.bench.exchanger)
        self.auditor.actor = DEVELOPER

    @rule(
        moves=st.lists(st.tuples(members, members, amounts, hours_or_never), min_size=2, max_size=4),
        kind=between_members,
    )
    def give_around(self, moves: list[tuple[int, int, int, int | None]], kind: int) -> None:
        postings = [self._posting(self._member(a), self._member(b), n, life) for a, b, n, life in moves]
        self._post(kind, *postings)

    @rule(moves=st.lists(st.tuples(members, amounts, hours_or_never), min_size=2, max_size=4), spend=st.booleans())
    def move_several(self, moves: list[tuple[int, int, int | None]], spend: bool) -> None:
        if spend:
            postings = [self._posting(self._member(of), SYSTEM["redemption"], n) for of, n, _ in moves]
        else:
            postings = [self._posting(SYSTEM["issuance"], self._member(to), n, life) for to, n, life in moves]
        self._post(SPEND if spend else EARN, *postings)

    @precondition(lambda self: self.auditor.names)
    @rule(which=st.integers(0, 30), amount=st.just(0) | amounts, policy=policies, memo=words)
    def reverse(self, which: int, amount: int, policy: int, memo: str) -> None:
        names = list(self.auditor.names)
        request = pb.ReverseTransactionRequest(
            name=names[-1 - which % len(names)],
            amount=amount,
            policy=policy,  # type: ignore[arg-type]  # an enum's number
            memo=memo,
            request_id=self._id(),
        )
        self._write("ReverseTransaction", request)

    @rule(
        items=st.lists(
            st.tuples(st.sampled_from(["earn", "spend", "give", "again", "other", "bad"]), members, members, amounts),
            min_size=1,
            max_size=12,
        ),
        omit=st.booleans(),
    )
    def batch(self, items: list[tuple[str, int, int, int]], omit: bool) -> None:
        """Items that succeed, that are refused, that were sent before, and that cannot be right."""
        made: list[Any] = []
        for what, one, other, amount in items:
            if what == "earn":
                request = self._request(EARN, self._posting(SYSTEM["issuance"], self._member(one), amount))
            elif what == "spend":
                request = self._request(SPEND, self._posting(self._member(one), SYSTEM["redemption"], amount))
            elif what == "give":
                request = self._request(RECOGNITION, self._posting(self._member(one), self._member(other), amount))
            elif what == "bad":
                request = self._request(SPEND, self._posting("nobody", SYSTEM["redemption"], amount))
            elif made:
                request = pb.PostTransactionRequest()
                request.CopyFrom(made[one % len(made)])
                request.transaction.memo += "" if what == "again" else "!"
                if len(request.transaction.memo) > 200:
                    continue
            else:
                continue
            made.append(request)
        if made:
            self._batch(made, omit)

    # Holds.

    @rule(of=members, amount=amounts, life=hours | st.just(24 * 91), purpose=words)
    def place(self, of: int, amount: int, life: int, purpose: str) -> None:
        until = stamp(self._until(life))
        name = self.auditor.account(self._member(of))
        hold = res.Hold(account=name, amount=amount, expire_time=until, purpose=purpose)
        request = pb.PlaceHoldRequest(parent=self.auditor.program, hold=hold, request_id=self._id())
        if life > 24 * 90:
            self._send("PlaceHold", request, Expected(refusal=invalid("hold.expire_time")))
        else:
            self._write("PlaceHold", request)

    @precondition(lambda self: self.auditor.holds)
    @rule(which=members, amount=st.just(0) | amounts, elsewhere=st.booleans(), memo=words)
    def capture(self, which: int, amount: int, elsewhere: bool, memo: str) -> None:
        destination = self.auditor.account(SYSTEM["redemption"]) if elsewhere else ""
        self._write(
            "CaptureHold",
            pb.CaptureHoldRequest(
                name=self._hold(which), amount=amount, destination=destination, memo=memo, request_id=self._id()
            ),
        )

    @precondition(lambda self: self.auditor.holds)
    @rule(which=members)
    def release(self, which: int) -> None:
        self._write("ReleaseHold", pb.ReleaseHoldRequest(name=self._hold(which), request_id=self._id()))

    # States.

    @rule(of=members, method=st.sampled_from(["FreezeAccount", "UnfreezeAccount", "UnfreezeAccount", "CloseAccount"]))
    def change_state(self, of: int, method: str) -> None:
        request_class = getattr(pb, f"{method}Request")
        name = self.auditor.account(self._member(of))
        self._write(method, request_class(name=name, request_id=self._id()))

    # The same request again.

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 200), alter=st.booleans())
    def send_again(self, which: int, alter: bool) -> None:
        method, request = self.sent[which % len(self.sent)]
        again = type(request)()
        again.CopyFrom(request)
        if alter:
            changed = again.transaction if method == "PostTransaction" else again
            if hasattr(changed, "memo") and len(changed.memo) < 200:
                changed.memo += "!"
            elif method == "PlaceHold":
                again.hold.amount += 1
        if method == "PostTransaction" and which % 2:
            self._batch([again], omit=False)  # alone or in a batch, it is the same request
        else:
            self._write(method, again)

    # Time, and what may happen to the servers.

    @rule(by=st.integers(1, 30))
    def pass_time(self, by: int) -> None:
        self.bench.time.pass_(hours=by)
        if self.bench.swept:
            self._wait_for_the_sweeper()

    @precondition(lambda self: self.bench.faults)
    @rule(which=st.integers(0, 10))
    def something_happens(self, which: int) -> None:
        fault = list(self.bench.faults)[which % len(self.bench.faults)]
        self.bench.faults[fault]()
        time.sleep(FRESH_AGAIN_S)
        if "kill" in fault:
            self._wait_for_the_sweeper()  # a worker that starts sweeps at once

    # Reading.

    @rule(of=members, size=st.sampled_from([0, 1, 3, 1000]))
    def read_statement(self, of: int, size: int) -> None:
        name = self.auditor.account(self._member(of))
        entries: list[res.Entry] = []
        token = ""
        for _ in range(2000):
            request = pb.ListEntriesRequest(parent=name, page_size=size, page_token=token)
            page = self._call("ListEntries", request)
            assert len(page.entries) <= (size or 50)
            entries += page.entries
            token = page.next_page_token
            if not token:
                break
        entries.reverse()
        self.auditor.learn_statement(name, entries)
        predicted = self.auditor.statement(name)
        assert entries == predicted, f"{entries}\nexpected: {predicted}"
        times = [(entry.record_time.ToNanoseconds(), entry.transaction) for entry in entries]
        assert all(one[0] < two[0] or one[1] == two[1] for one, two in itertools.pairwise(times))

    @precondition(lambda self: self.auditor.names)
    @rule(which=st.integers(0, 30))
    def read_transaction(self, which: int) -> None:
        name = list(self.auditor.names)[-1 - which % len(self.auditor.names)]
        found = self._call("GetTransaction", pb.GetTransactionRequest(name=name)).transaction
        stored = self.auditor.stored(self.auditor.names[name])
        assert found == stored, f"{found}\nexpected: {stored}"

    @precondition(lambda self: self.auditor.holds)
    @rule(which=members)
    def read_hold(self, which: int) -> None:
        found = self._call("GetHold", pb.GetHoldRequest(name=self._hold(which))).hold
        hold = next(one for one in self.auditor.holds if one.name == found.name)
        assert found == self.auditor.hold(hold, self.bench.time.now())

    @rule(of=members, full=st.booleans(), ahead=st.integers(-3, 2))
    def read_balance(self, of: int, full: bool, ahead: int) -> None:
        member = self.auditor.members[self.auditor.account(self._member(of))]
        wanted = max(0, member.version + ahead)
        view = pb.BALANCE_VIEW_FULL if full else pb.BALANCE_VIEW_BASIC
        request = pb.GetBalanceRequest(name=member.name, min_version=wanted, view=view)
        if wanted > member.version:
            refusal = Refused(
                "FAILED_PRECONDITION",
                "VERSION_NOT_REACHED",
                account=member.name,
                version=member.version,
                min_version=wanted,
            )
            self._send("GetBalance", request, Expected(refusal=refusal))
        else:
            balance = self.auditor.balance(member.name, self.bench.time.now(), full=full)
            self._send("GetBalance", request, Expected(pb.GetBalanceResponse(balance=balance)))

    @rule(which=st.integers(0, 100))
    def ask_what_cannot_be(self, which: int) -> None:
        asked = list(self._impossible())
        method, request, refusal = asked[which % len(asked)]
        self._send(method, request, Expected(refusal=refusal))

    @precondition(lambda self: len(self.auditor.members) < 6)
    @rule(again=st.booleans())
    def create_account(self, again: bool) -> None:
        if again:
            name = self.auditor.account("ada")
            account = res.Account(name=name, unit=f"{self.auditor.program}/units/points", kind=MEMBER)
            taken = Refused("ALREADY_EXISTS", "ALREADY_EXISTS", resource=name)
            request = pb.CreateAccountRequest(account=account, request_id=self._id())
            self._send("CreateAccount", request, Expected(refusal=taken))
        else:
            self._create(f"m{len(self.auditor.members)}", MEMBER)

    @invariant()
    def every_balance_is_as_predicted(self) -> None:
        """After each step, through any worker."""
        self._compare(self.auditor.members)
        for member in self.auditor.members.values():
            member.check()
        self.bench.steps += 1
        self.sound = True

    def _compare(self, accounts: Iterable[str]) -> int:
        """Reads these accounts together, and answers what they come to."""
        names = list(accounts)
        found = self._call("BatchGetBalances", pb.BatchGetBalancesRequest(parent=self.auditor.program, names=names))
        now = self.bench.time.now()
        for balance in found.balances:
            expected = self.auditor.balance(balance.account, now)
            assert balance == expected, f"{balance}\nexpected: {expected}"
        assert [balance.account for balance in found.balances] == names
        return sum(balance.posted for balance in found.balances)

    @rule()
    def all_accounts_together_come_to_nothing(self) -> None:
        assert self._compare([*self.auditor.members, *self.auditor.system]) == 0

    def teardown(self) -> None:
        """Every statement at the end, unless something was wrong before: that is told here, because where it does not
        come again Hypothesis says no more than that.
        """
        error = sys.exc_info()[1]
        if isinstance(error, Exception):
            traceback.print_exception(error)
        if self.sound:
            self.all_accounts_together_come_to_nothing()
            for n in range(len(self.auditor.members)):
                self.read_statement(n, 1000)

    # How it is done.

    def _impossible(self) -> Any:
        """Requests that are refused whatever the state, each with its refusal."""
        ada, issuance = self._member(0), SYSTEM["issuance"]
        nowhere = self.auditor.account("nobody")
        long = "x" * 201
        for amount in (0, -1, 2**53 + 1):
            # Nothing and zero look the same: the kit asks for what is required.
            field_name = "transaction.postings[0].amount"
            yield "PostTransaction", self._request(EARN, self._posting(issuance, ada, amount)), invalid(field_name)
        not_found = Refused("NOT_FOUND", "NOT_FOUND", resource=nowhere)
        yield "PostTransaction", self._request(SPEND, self._posting("nobody", "redemption.points", 1)), not_found
        yield (
            "PostTransaction",
            self._request(EARN, self._posting(ada, issuance, 1)),
            invalid("transaction.postings[0]"),
        )
        yield "PostTransaction", self._request(8, self._posting(ada, issuance, 1)), invalid("transaction.kind")
        yield "PostTransaction", self._request(99, self._posting(ada, issuance, 1)), invalid("transaction.kind")
        yield "PostTransaction", self._request(EARN), invalid("transaction.postings")
        words_too_long = self._request(EARN, self._posting(issuance, ada, 1), memo=long)
        yield "PostTransaction", words_too_long, invalid("transaction.memo")
        future = stamp(self.bench.time.now() + timedelta(hours=1))
        in_future = self._request(EARN, self._posting(issuance, ada, 1), effective_time=future)
        yield "PostTransaction", in_future, invalid("transaction.effective_time")
        denied = Refused("PERMISSION_DENIED", "KIND_NOT_ALLOWED", kind="EXCHANGE")
        exchange = self._request(EXCHANGE, self._posting(ada, SYSTEM["exchange"], 1))
        yield "PostTransaction", exchange, denied
        without_id = self._request(EARN, self._posting(issuance, ada, 1))
        without_id.request_id = "ä"
        yield "PostTransaction", without_id, invalid("request_id")
        hold = res.Hold(account=self.auditor.account(issuance), amount=1, expire_time=stamp(self._until(1)))
        of_system = pb.PlaceHoldRequest(parent=self.auditor.program, hold=hold, request_id=self._id())
        yield "PlaceHold", of_system, invalid("hold.account")
        no_hold = f"{self.auditor.program}/holds/1"
        missing = Refused("NOT_FOUND", "NOT_FOUND", resource=no_hold)
        yield "ReleaseHold", pb.ReleaseHoldRequest(name=no_hold, request_id=self._id()), missing
        yield "CaptureHold", pb.CaptureHoldRequest(name=no_hold, amount=-1, request_id=self._id()), invalid("amount")
        no_transaction = f"{self.auditor.program}/transactions/1"
        missing = Refused("NOT_FOUND", "NOT_FOUND", resource=no_transaction)
        undo = pb.ReverseTransactionRequest(name=no_transaction, request_id=self._id())
        yield "ReverseTransaction", undo, missing
        undo_less = pb.ReverseTransactionRequest(name=no_transaction, amount=-1, request_id=self._id())
        yield "ReverseTransaction", undo_less, invalid("amount")
        no_statement = Refused("FAILED_PRECONDITION", "NO_STATEMENT", account=self.auditor.account(issuance))
        yield "ListEntries", pb.ListEntriesRequest(parent=self.auditor.account(issuance)), no_statement
        entries = pb.ListEntriesRequest(parent=self.auditor.account(ada), page_token="bm90IG9uZQ==")
        yield "ListEntries", entries, invalid("page_token")
        yield "GetBalance", pb.GetBalanceRequest(name="programs//accounts/x"), invalid("name")

    def _member(self, number: int) -> str:
        return list(self.auditor.members)[number % len(self.auditor.members)].rpartition("/")[2]

    def _hold(self, number: int) -> str:
        return self.auditor.holds[-1 - number % len(self.auditor.holds)].name

    def _id(self) -> str:
        return f"r{next(self.numbers)}"

    def _until(self, hours_ahead: int) -> datetime:
        """A time in the middle of an hour, so many hours from now."""
        now = self.bench.time.now()
        passed = int((now - self.began) / timedelta(hours=1))
        return self.began + timedelta(hours=passed + hours_ahead, minutes=30)

    def _posting(
        self, source: str, destination: str, amount: int, life: int | None = None, wait: int | None = None
    ) -> res.Posting:
        names = {"source": self.auditor.account(source), "destination": self.auditor.account(destination)}
        posting = res.Posting(**names, amount=amount)  # type: ignore[arg-type]  # all of them are strings
        if life is not None:
            posting.expire_time.CopyFrom(stamp(self._until(life)))
        if wait is not None:
            posting.available_time.CopyFrom(stamp(self._until(wait)))
        return posting

    def _request(self, kind: int, *postings: res.Posting, **fields: Any) -> pb.PostTransactionRequest:
        transaction = res.Transaction(kind=kind, postings=postings, **fields)  # type: ignore[arg-type]  # an enum's number
        return pb.PostTransactionRequest(parent=self.auditor.program, transaction=transaction, request_id=self._id())

    def _post(self, kind: int, *postings: res.Posting, **fields: Any) -> None:
        self._write("PostTransaction", self._request(kind, *postings, **fields))

    def _write(self, method: str, request: Any) -> None:
        now = self.bench.time.now()
        predict: Any = {
            "PostTransaction": self.auditor.post,
            "ReverseTransaction": self.auditor.reverse,
            "PlaceHold": self.auditor.place,
            "CaptureHold": self.auditor.capture,
            "ReleaseHold": self.auditor.release,
        }.get(method)
        expected = predict(request, now) if predict else self.auditor.change_state(method, request, now)
        self._send(method, request, expected)
        if expected.refusal is None or expected.refusal.frozen:
            self.sent.append((method, request))

    def _batch(self, requests: list[Any], omit: bool) -> None:
        now = self.bench.time.now()
        items = [pb.PostTransactionItem(transaction=one.transaction, request_id=one.request_id) for one in requests]
        request = pb.BatchPostTransactionsRequest(parent=self.auditor.program, items=items, omit_balances=omit)
        expected = [self.auditor.post(one, now) for one in items]
        answer = self._call("BatchPostTransactions", request)
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
        self.sent += [("PostTransaction", one) for one, e in zip(requests, expected, strict=True) if e.refusal is None]

    def _send(self, method: str, request: Any, expected: Expected, way: Connection | None = None) -> None:
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

    def _call(self, method: str, request: Any) -> Any:
        """Sends a request that is answered."""
        self.sound = False
        connection = next(self.ways)

        async def call() -> Any:
            return await getattr(connection.ledger, method)(request)

        return self.bench.run(insist(call) if self.bench.faults else call())

    def _create(self, id_: str, kind: int) -> None:
        name = self.auditor.account(id_)
        account = res.Account(name=name, unit=f"{self.auditor.program}/units/points", kind=kind)  # type: ignore[arg-type]  # an enum's number
        self._call("CreateAccount", pb.CreateAccountRequest(account=account, request_id=self._id()))
        if kind == MEMBER:
            self.auditor.members[name] = Member(name)
        else:
            self.auditor.system[name] = 0

    def _wait_for_the_sweeper(self) -> None:
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
    assert fields == expected.fields


def _details(status: Any) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Reason, metadata and violated fields of a refusal inside an answer."""
    error = error_from_status(status)
    return error.reason, dict(error.metadata), tuple(violation.field for violation in error.violations)
