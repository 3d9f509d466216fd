"""BatchPostTransactions with `atomic`: all of its items, or none."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from guerdon.ledger.v1 import ledger_pb2 as pb
from tests.integration.ledger.model.member import Member, Refused
from tests.integration.ledger.model.predict.posting import Postings
from tests.integration.ledger.model.predict.records import Expected


@dataclass
class Together(Postings):
    """Predicts what becomes of transactions that are posted together."""

    def post_together(self, items: Sequence[pb.PostTransactionItem], now: datetime) -> list[Expected]:
        malformed = [self._malformed(item, now) for item in items]
        if any(malformed):
            return _none_posted(malformed)
        came_before = [("post", self.actor, item.request_id) in self.requests for item in items]
        if any(came_before):
            return self._again(items, came_before, now)
        before = [(member, _copied(member)) for member in self.members.values()]
        system, transactions, requests = dict(self.system), len(self.transactions), dict(self.requests)
        expected: list[Expected] = []
        for item in items:
            expected.append(self.post(item, now))
            refusal = expected[-1].refusal
            if refusal is not None:
                for member, was in before:
                    vars(member).update(was)
                self.system = system
                del self.transactions[transactions:]
                key = ("post", self.actor, item.request_id)
                kept = {key: self.requests[key]} if refusal.frozen else {}
                self.requests = requests | kept
                return _none_posted([expected[-1] if one is item else None for one in items])
        return expected

    def _malformed(self, item: pb.PostTransactionItem, now: datetime) -> Expected | None:
        try:
            self.require_well_formed(item.transaction, now)
        except Refused as refusal:
            return Expected(refusal=refusal)
        return None

    def _again(self, items: Sequence[Any], came_before: Sequence[bool], now: datetime) -> list[Expected]:
        """Some have been answered before: a replay where all were posted, and nothing otherwise."""
        answers = [self.post(item, now) if known else None for item, known in zip(items, came_before, strict=True)]
        posted = [answer for answer in answers if answer is not None and answer.refusal is None]
        if len(posted) == len(items):
            return posted
        refusals: list[Expected | None] = []
        for answer in answers:
            if answer is not None and answer.refusal is None:
                name = cast("pb.PostTransactionResponse", answer.reply).transaction
                refusals.append(Expected(refusal=Refused("FAILED_PRECONDITION", "ALREADY_POSTED", transaction=name)))
            else:
                refusals.append(answer)
        return _none_posted(refusals)


def _copied(member: Member) -> dict[str, Any]:
    """What to go back to, also where a hold has lapsed meanwhile: a batch that is refused has not even noticed that."""
    return member.copied() | {"holds": {number: copy(hold) for number, hold in member.holds.items()}}


def _none_posted(refusals: Sequence[Expected | None]) -> list[Expected]:
    first = next(index for index, refusal in enumerate(refusals) if refusal is not None)
    others = Expected(refusal=Refused("FAILED_PRECONDITION", "BATCH_NOT_POSTED", item=first))
    return [others if refusal is None else refusal for refusal in refusals]
