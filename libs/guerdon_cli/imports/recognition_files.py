"""Recognitions that were given elsewhere, as a CSV file: read, and written by the benchmark."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from guerdon.recognition.v1.imports_pb2 import RecognitionRow
from guerdon.recognition.v1.recognition_pb2 import VISIBILITY_PRIVATE, VISIBILITY_PUBLIC, VISIBILITY_TEAM, Visibility

COLUMNS = ("external_id", "giver", "receivers", "amount", "message", "values", "visibility", "teams", "time")
REQUIRED = frozenset({"external_id", "giver", "receivers", "amount", "time"})
SEPARATOR = ";"
"""Between several receivers, values or teams in one column."""

_VISIBILITIES: Mapping[str, Visibility.ValueType] = {
    "": VISIBILITY_PUBLIC,
    "public": VISIBILITY_PUBLIC,
    "team": VISIBILITY_TEAM,
    "private": VISIBILITY_PRIVATE,
}


class FileMalformed(ValueError):
    """The file is none that can be imported; the text says why, by the number of the row where it is one's."""


def read_rows(file: Path, columns: Iterable[str], required: frozenset[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with a header, by their numbers from 1; its columns are some of these.

    Raises:
        FileMalformed: it has no such header, or a row has too few or too many fields.
    """
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, strict=True)
        header = reader.fieldnames or ()
        unknown = sorted(set(header) - set(columns))
        missing = sorted(required - set(header))
        if unknown:
            raise FileMalformed(f"{file}: the first line names columns that are not known: {', '.join(unknown)}")
        if missing:
            raise FileMalformed(f"{file}: the first line does not name the columns {', '.join(missing)}")
        if len(set(header)) < len(header):
            raise FileMalformed(f"{file}: the first line names a column twice")
        try:
            for number, row in enumerate(reader, 1):
                if None in row or None in row.values():
                    raise FileMalformed(f"{file}: row {number} does not have the {len(header)} fields of the header")
                yield number, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileMalformed(f"{file}: {error}") from error


def read_recognitions(file: Path) -> Iterator[tuple[int, RecognitionRow]]:
    """The rows of a file by their numbers.

    Raises:
        FileMalformed: the file, or one of its rows, cannot be read.
    """
    for number, row in read_rows(file, COLUMNS, REQUIRED):
        try:
            yield number, _recognition(row)
        except ValueError as error:
            raise FileMalformed(f"{file}: row {number}: {error}") from error


def split(text: str) -> list[str]:
    """What is in a column of several."""
    return [part.strip() for part in text.split(SEPARATOR) if part.strip()]


def _recognition(row: Mapping[str, str]) -> RecognitionRow:
    visibility = row.get("visibility", "").strip().lower()
    if visibility not in _VISIBILITIES:
        raise ValueError(f"visibility {visibility!r} is neither public nor team nor private")
    found = RecognitionRow(
        external_id=row["external_id"],
        giver_id=row["giver"],
        receiver_ids=split(row["receivers"]),
        amount=int(row["amount"]),
        message=row.get("message", ""),
        values=split(row.get("values", "")),
        visibility=_VISIBILITIES[visibility],
        team_ids=split(row.get("teams", "")),
    )
    time = datetime.fromisoformat(row["time"])
    if time.tzinfo is None:
        raise ValueError(f"time {row['time']!r} says no offset from UTC, such as Z or +01:00")
    found.give_time.FromDatetime(time)
    return found
