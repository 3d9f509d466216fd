"""Rules that move points."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import ADJUSTMENT, EARN, EXCHANGE, FUND, GRANT, MERGE, RECOGNITION, SPEND
from tests.integration.ledger.model.drive.bench import DEVELOPER
from tests.integration.ledger.model.drive.driver import SYSTEM, Driver
from tests.integration.ledger.model.drive.strategies import (
    amounts,
    between_members,
    hours,
    hours_or_never,
    if_closed,
    locks,
    members,
    past,
    policies,
    words,
)
from tests.integration.ledger.model.member import stamp
from tests.integration.ledger.model.predict.records import EXCHANGER


class Moving(Driver):
    """Points are earned, granted, spent, given, adjusted, exchanged; what was done is undone."""

    @rule(to=members, amount=amounts, life=hours_or_never, wait=st.none() | hours, funded=st.booleans(), memo=words)
    def earn(self, to: int, amount: int, life: int | None, wait: int | None, funded: bool, memo: str) -> None:
        source = "budget" if funded else "issuance"
        self.post(EARN, self.posting(SYSTEM[source], self.member_id(to), amount, life, wait), memo=memo)

    @rule(of=st.none() | members, to=members, amount=amounts, life=hours_or_never, wait=st.none() | st.none() | hours)
    def promise(self, of: int | None, to: int, amount: int, life: int | None, wait: int | None) -> None:
        """Points that wait until they are activated or cancelled."""
        source = SYSTEM["issuance"] if of is None else self.member_id(of)
        posting = self.posting(source, self.member_id(to), amount, life, wait)
        posting.pending = True
        self.post(EARN if of is None else RECOGNITION, posting)

    @rule(to=members, amount=amounts, life=hours_or_never, give=st.booleans())
    def grant(self, to: int, amount: int, life: int | None, give: bool) -> None:
        if give:
            self.post(GRANT, self.posting(SYSTEM["budget"], self.member_id(to), amount, life))
        else:
            self.post(FUND, self.posting(SYSTEM["issuance"], SYSTEM["budget"], amount))

    @rule(of=members, amount=amounts, ago=st.none() | past, late=if_closed, memo=words, lock=locks)
    def spend(
        self, of: int, amount: int, ago: int | None, late: int, memo: str, lock: tuple[int, int | None] | None
    ) -> None:
        posting = self.posting(self.member_id(of), SYSTEM["redemption"], amount)
        posting.MergeFrom(res.Posting(locked=self.locked(posting.source, lock)))
        if ago is None:
            self.post(SPEND, posting, memo=memo)
        else:
            when = stamp(self.bench.time.now() - timedelta(hours=ago, seconds=1))
            self.post(SPEND, posting, memo=memo, effective_time=when, if_closed=late)

    @rule(of=members, to=members, amount=amounts, life=hours_or_never, kind=between_members)
    def give(self, of: int, to: int, amount: int, life: int | None, kind: int) -> None:
        self.post(kind, self.posting(self.member_id(of), self.member_id(to), amount, life))

    @rule(of=members, to=members, amount=amounts, waiting=st.booleans())
    def merge(self, of: int, to: int, amount: int, waiting: bool) -> None:
        """Of what two accounts have or owe, as it happens to be."""
        posting = self.posting(self.member_id(of), self.member_id(to), amount)
        posting.pending = waiting
        self.post(MERGE, posting)

    @rule(of=members, to=members)
    def take_over(self, of: int, to: int) -> None:
        """All that somebody owes."""
        debt = self.auditor.members[self.auditor.account(self.member_id(to))].debt
        if debt:
            self.post(MERGE, self.posting(self.member_id(of), self.member_id(to), debt))

    @rule(of=members, amount=amounts, more=st.booleans(), life=hours_or_never)
    def adjust(self, of: int, amount: int, more: bool, life: int | None) -> None:
        if more:
            self.post(ADJUSTMENT, self.posting(SYSTEM["adjustment"], self.member_id(of), amount, life))
        else:
            self.post(ADJUSTMENT, self.posting(self.member_id(of), SYSTEM["adjustment"], amount))

    @rule(of=members, amount=amounts, away=st.booleans(), life=hours_or_never)
    def exchange(self, of: int, amount: int, away: bool, life: int | None) -> None:
        if away:
            posting = self.posting(self.member_id(of), SYSTEM["exchange"], amount)
        else:
            posting = self.posting(SYSTEM["exchange"], self.member_id(of), amount, life)
        self.write("PostTransaction", self.posting_request(EXCHANGE, posting), EXCHANGER)

    @rule(
        moves=st.lists(st.tuples(members, members, amounts, hours_or_never), min_size=2, max_size=4),
        kind=between_members,
    )
    def give_around(self, moves: list[tuple[int, int, int, int | None]], kind: int) -> None:
        postings = [self.posting(self.member_id(a), self.member_id(b), n, life) for a, b, n, life in moves]
        self.post(kind, *postings)

    @rule(moves=st.lists(st.tuples(members, amounts, hours_or_never), min_size=2, max_size=4), spend=st.booleans())
    def move_several(self, moves: list[tuple[int, int, int | None]], spend: bool) -> None:
        if spend:
            postings = [self.posting(self.member_id(of), SYSTEM["redemption"], n) for of, n, _ in moves]
        else:
            postings = [self.posting(SYSTEM["issuance"], self.member_id(to), n, life) for to, n, life in moves]
        self.post(SPEND if spend else EARN, *postings)

    @precondition(lambda self: self.auditor.names)
    @rule(which=st.integers(0, 30), amount=st.just(0) | amounts, policy=policies, memo=words, wrongly=st.integers(0, 9))
    def reverse(self, which: int, amount: int, policy: int, memo: str, wrongly: int) -> None:
        """By whoever may, and now and then by whoever may not."""
        names = list(self.auditor.names)
        request = pb.ReverseTransactionRequest(
            name=names[-1 - which % len(names)],
            amount=amount,
            policy=policy,  # type: ignore[arg-type]  # an enum's number
            memo=memo,
            request_id=self.new_id(),
        )
        kind = self.auditor.transactions[self.auditor.names[request.name]].kind
        right = EXCHANGER if kind == EXCHANGE else DEVELOPER
        wrong = DEVELOPER if kind == EXCHANGE else EXCHANGER
        self.write("ReverseTransaction", request, right if wrongly else wrong)

    @rule(
        items=st.lists(
            st.tuples(st.sampled_from(["earn", "spend", "give", "again", "other", "bad"]), members, members, amounts),
            min_size=1,
            max_size=12,
        ),
        omit=st.booleans(),
        atomic=st.booleans(),
    )
    def batch(self, items: list[tuple[str, int, int, int]], omit: bool, atomic: bool) -> None:
        """Items that succeed, that are refused, that were sent before, and that cannot be right."""
        made: list[Any] = []
        for what, one, other, amount in items:
            if what == "earn":
                request = self.posting_request(EARN, self.posting(SYSTEM["issuance"], self.member_id(one), amount))
            elif what == "spend":
                request = self.posting_request(SPEND, self.posting(self.member_id(one), SYSTEM["redemption"], amount))
            elif what == "give":
                request = self.posting_request(
                    RECOGNITION, self.posting(self.member_id(one), self.member_id(other), amount)
                )
            elif what == "bad":
                request = self.posting_request(SPEND, self.posting("nobody", SYSTEM["redemption"], amount))
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
            self.write_batch(made, omit, atomic)
