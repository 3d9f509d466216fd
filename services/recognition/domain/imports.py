"""Recognitions that were given elsewhere: rows as they come in, and what is asked of the ledger for them.

Their points come from the organisation's budget: whose allowance they once came from is another system's history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from guerdon_kit.errors import DomainError, FieldViolation, InvalidField
from recognition.domain.gifts import GiftKind, Movement
from recognition.domain.organisations import Organisation
from recognition.domain.recognitions import Draft

ROWS_MAX = 1_000
RECEIVERS_MAX = 5_000
"""Of all rows of a chunk together: each is a transaction of the ledger's, which takes so many at once."""
EXTERNAL_ID_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A recognition as it came in. `place` is its place among the rows it came with, from 0."""

    place: int
    external_id: str
    draft: Draft
    give_time: datetime

    @property
    def people(self) -> tuple[str, ...]:
        """The ids of all whom it concerns."""
        return (self.draft.giver, *self.draft.receivers)

    @property
    def digest(self) -> bytes:
        """Of what the row says: the same for the same row, however often it comes."""
        draft = self.draft
        said = [
            draft.giver,
            draft.receivers,
            draft.amount,
            draft.message,
            draft.values,
            draft.visibility.value,
            self.give_time.isoformat(),
            *([draft.teams] if draft.teams else []),
        ]
        return blake2b(json.dumps(said).encode(), digest_size=16).digest()


def sort_out(
    rows: Iterable[Row], organisation: Organisation, now: datetime
) -> tuple[list[Row], dict[int, DomainError]]:
    """The rows that can be imported by what they say, and for the others, by place, what is wrong."""
    good: list[Row] = []
    wrong: dict[int, DomainError] = {}
    seen: set[str] = set()
    for row in rows:
        try:
            _check(row, organisation, now, seen)
        except DomainError as refusal:
            wrong[row.place] = refusal
        else:
            good.append(row)
            seen.add(row.external_id)
    return good, wrong


def _check(row: Row, organisation: Organisation, now: datetime, seen: set[str]) -> None:
    violations = []
    if not 1 <= len(row.external_id) <= EXTERNAL_ID_LENGTH_MAX or not row.external_id.isprintable():
        violations.append(FieldViolation("external_id", "must be 1 to 100 printable characters"))
    elif row.external_id in seen:
        violations.append(FieldViolation("external_id", "is there twice in this chunk"))
    if row.give_time > now:
        violations.append(FieldViolation("give_time", "must be a time that has passed"))
    try:
        row.draft.check(organisation)
    except InvalidField as refusal:
        violations += [FieldViolation(v.field.removeprefix("recognition."), v.description) for v in refusal.violations]
    if violations:
        raise InvalidField(violations)


@dataclass(frozen=True, slots=True)
class NewRecognition:
    """A row that is imported: the recognition that it becomes, and the accounts of its receivers' rewards, in order."""

    id: str
    row: Row
    account_ids: tuple[str, ...]

    def request_id(self, ordinal: int) -> str:
        """The id under which the ledger is asked for one receiver's points, always the same. A row that is imported
        again after a refusal becomes another recognition.
        """
        return f"import-{self.id}-{ordinal}"


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger made of one of them: its transactions, one for each receiver, or why it refused all of them."""

    transactions: tuple[str, ...]
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that came together, as taken in: what is to be booked, as long as it is not settled."""

    organisation: str
    id: str
    pending: tuple[NewRecognition, ...]
    settled: bool
    imported: int
    already_imported: int
    refusals: Mapping[int, DomainError]
    """By the place of the row."""
    actor: str


def movements(chunk: Chunk, booked: Iterable[tuple[NewRecognition, Booked]], record_time: datetime) -> list[Movement]:
    """The points that moved for what was booked of a chunk."""
    return [
        Movement(
            organisation=chunk.organisation,
            recognition=one.id,
            change=chunk.id,
            ordinal=ordinal,
            kind=GiftKind.GIVEN,
            giver=one.row.draft.giver,
            receiver=receiver,
            amount=one.row.draft.amount,
            posts=1,
            visibility=one.row.draft.visibility,
            values=one.row.draft.values,
            give_time=one.row.give_time,
            record_time=record_time,
            transaction=transaction,
        )
        for one, outcome in booked
        for ordinal, (receiver, transaction) in enumerate(
            zip(one.row.draft.receivers, outcome.transactions, strict=True)
        )
    ]
