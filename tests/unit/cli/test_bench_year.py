"""The year that is imported to be measured is one that an import can read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from guerdon.recognition.v1.recognition_pb2 import VISIBILITY_PRIVATE
from guerdon_cli.bench.colleagues import write_year
from guerdon_cli.imports.recognition_files import read_recognitions

END = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_written_year_is_read_whole(tmp_path: Path) -> None:
    file = write_year(tmp_path / "recognitions.csv", people=20, rows=240, end=END)
    rows = [row for _, row in read_recognitions(file)]
    assert [row.external_id for row in rows] == [f"k-{number}" for number in range(240)]
    assert sum(row.visibility == VISIBILITY_PRIVATE for row in rows) == 20
    assert all(row.giver_id not in row.receiver_ids and row.receiver_ids for row in rows)
    assert rows[0].give_time.ToDatetime(UTC) < rows[-1].give_time.ToDatetime(UTC) <= END
