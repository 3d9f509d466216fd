"""What a firm's numbers must be: from the ledger's transactions and from what was asked for, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import NamedTuple
from zoneinfo import ZoneInfo

from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as books
from guerdon.recognition.v1 import award_budgets_pb2 as award_budgets
from tests.contract.recognition.budgeting import Purse
from tests.integration.recognition.numbers.firm import MANAGER, PEOPLE, Firm


class Moved(NamedTuple):
    """A posting: what the accounts are, and whose."""

    kind: books.TransactionKind.ValueType
    month: str
    source: str
    giver: str
    destination: str
    receiver: str
    amount: int
    memo: str
    transaction: str
    reverses: str
    boost: bool


class Gift(NamedTuple):
    """Points of a recognition, from whom to whom; `month` is the recognition's, also of what was added later."""

    recognition: str
    giver: str
    receiver: str
    month: str


@dataclass(frozen=True)
class Postings:
    """All that the ledger has of a firm, oldest first."""

    firm: Firm
    moves: list[Moved]

    @classmethod
    async def of(cls, firm: Firm, zone: str) -> Postings:
        """Reads them."""
        accounts = await _accounts(firm)
        found: list[Moved] = []
        token = ""
        while True:
            page = await firm.employer.bank.ledger.ListTransactions(
                ledger.ListTransactionsRequest(parent=firm.employer.program, page_size=1000, page_token=token)
            )
            for one in page.transactions:
                month = f"{one.record_time.ToDatetime(UTC).astimezone(ZoneInfo(zone)):%Y-%m}"
                for posting in one.postings:
                    source, giver = accounts.get(posting.source, (posting.source.rpartition("/")[2], ""))
                    destination, receiver = accounts.get(
                        posting.destination, (posting.destination.rpartition("/")[2], "")
                    )
                    found.append(
                        Moved(
                            one.kind,
                            month,
                            source,
                            giver,
                            destination,
                            receiver,
                            posting.amount,
                            one.memo,
                            one.name,
                            one.reverses,
                            one.name in firm.boosts,
                        )
                    )
            token = page.next_page_token
            if not token:
                return cls(firm, found[::-1])

    def gifts(self) -> Counter[Gift]:
        """What receivers have of each gift, less what was taken back."""
        made: dict[str, Gift] = {}
        left: Counter[Gift] = Counter()
        for move in self.moves:
            if (move.source, move.destination) == ("allowance", "rewards"):
                made[move.transaction] = Gift(move.memo, move.giver, move.receiver, self.firm.asked[move.memo].month)
                left[made[move.transaction]] += move.amount
            elif move.reverses in made and move.source == "rewards":
                left[made[move.reverses]] -= move.amount
        return left

    def awards(self) -> Counter[tuple[str, str, str]]:
        """What else people received, by month, person and category."""
        found: Counter[tuple[str, str, str]] = Counter()
        for move in self.moves:
            if move.destination == "rewards" and move.source in {"awards", "manager"}:
                category = "ACHIEVEMENT" if "/achievementSources/" in move.memo else "AWARD"
                found[move.month, move.receiver, category] += move.amount
        return found

    def redeemed(self) -> Counter[tuple[str, str]]:
        """What people redeemed less what was given back, by month and person."""
        found: Counter[tuple[str, str]] = Counter()
        for move in self.moves:
            if move.destination == "redemption.points":
                found[move.month, move.giver] += move.amount
            elif move.source == "redemption.points":
                found[move.month, move.receiver] -= move.amount
        return found

    def sums(self, month: str, source: str, destination: str) -> int:
        """What moved between two kinds of accounts in a month."""
        return sum(
            move.amount
            for move in self.moves
            if (move.month, move.source, move.destination) == (month, source, destination)
        )

    def boosts(self, month: str) -> int:
        """What was granted once in a month."""
        return sum(move.amount for move in self.moves if move.boost and move.month == month)

    def held(self, places: Iterable[str], last: str) -> int:
        """What accounts of these kinds had at the end of a month."""
        places = set(places)
        return sum(
            move.amount * ((move.destination in places) - (move.source in places))
            for move in self.moves
            if move.month <= last
        )


async def _accounts(firm: Firm) -> dict[str, tuple[str, str]]:
    """What each account is, and whose."""
    found = {}
    for person in PEOPLE:
        read = await firm.employer.read_person(person)
        found[read.allowance_account] = ("allowance", person)
        found[read.rewards_account] = ("rewards", person)
    found[(await Purse(firm.employer).managed(MANAGER)).account] = ("manager", MANAGER)
    found[(await Purse(firm.employer).budget()).account] = ("budget", "")
    awards = await firm.employer.admin.award_budgets.GetAwardBudget(
        award_budgets.GetAwardBudgetRequest(name=firm.awarding.budget)
    )
    found[awards.award_budget.account] = ("awards", "")
    return found
