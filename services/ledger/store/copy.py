"""Inserts by COPY in PostgreSQL's binary format, encoded by code that is made for each table once.

A driver's own encoder looks up and calls a codec for every value; here one call of `struct` packs all neighbouring
values of fixed size. The format: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4.6
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from guerdon_kit.postgres import Connection

Row = tuple[Any, ...]

_FIXED = {"smallint": ("h", 2), "int": ("i", 4), "bigint": ("q", 8), "boolean": ("?", 1), "timestamptz": ("q", 8)}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_BIGINT = 20
"""The object id of the type of what `bigint[]` has."""
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"


class Table:
    """A table that rows are copied into. Rows are tuples with a value for each of the columns, in their order."""

    def __init__(self, name: str, columns: Mapping[str, str]) -> None:
        """`columns` has the type of each; one with a `?` may be NULL, and None is.

        Raises:
            KeyError: a type is not known here.
        """
        self._name = name
        self._columns = list(columns)
        self.encode = _compile(list(columns.values()))
        """Rows as the bytes of one COPY."""

    async def copy(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Inserts the rows."""
        if rows:
            await connection.copy_to_table(
                self._name, source=_whole(self.encode(rows)), columns=self._columns, format="binary"
            )


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


def micros(time: datetime) -> int:
    """Microseconds since 2000, as PostgreSQL keeps a `timestamptz`; the first and the last year are its infinities."""
    year = time.year
    if year == 9999:
        return 2**63 - 1
    if year == 1:
        return -(2**63)
    since = time - _EPOCH
    return since.days * _DAY + since.seconds * 1_000_000 + since.microseconds


def _bytes(data: bytes) -> bytes:
    return struct.pack(f">i{len(data)}s", len(data), data)


def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _bigints(values: Sequence[int]) -> bytes:
    count = len(values)
    pairs = [part for value in values for part in (8, value)]
    return _array(count).pack(20 + 12 * count, 1, 0, _BIGINT, count, 1, *pairs)


@lru_cache(maxsize=256)
def _array(count: int) -> struct.Struct:
    return struct.Struct(">iiiiii" + "iq" * count)


def _compile(types: Sequence[str]) -> Callable[[Iterable[Row]], bytes]:
    """The encoder of rows of these types: a loop whose body has an `append` for each run of fixed columns and for each
    other column.
    """
    scope: dict[str, Any] = {"HEADER": _HEADER, "TRAILER": _TRAILER, "NULL": _NULL}
    scope |= {"micros": micros, "text": _text, "raw": _bytes, "bigints": _bigints}
    body: list[str] = []
    run, values = ">h", [str(len(types))]

    def pack(form: str, arguments: Sequence[str]) -> str:
        name = f"pack{len(scope)}"
        scope[name] = struct.Struct(form).pack
        return f"{name}({', '.join(arguments)})"

    for index, declared in enumerate(types):
        value, type_ = f"c{index}", declared.removesuffix("?")
        form, size = _FIXED.get(type_, ("", 0))
        given = f"micros({value})" if type_ == "timestamptz" else value
        if form and type_ == declared:
            run += "i" + form
            values += [str(size), given]
            continue
        if values:
            body.append(pack(run, values))
            run, values = ">", []
        encoded = {"text": f"text({value})", "bytea": f"raw({value})", "bigint[]": f"bigints({value})"}.get(type_)
        if encoded is None:
            encoded = pack(">i" + _FIXED[type_][0], [str(size), given])
        body.append(encoded if type_ == declared else f"NULL if {value} is None else {encoded}")
    if values:
        body.append(pack(run, values))
    columns = ", ".join(f"c{index}" for index in range(len(types)))
    lines = [
        "def encode(rows):",
        "    parts = [HEADER]",
        "    add = parts.append",
        f"    for ({columns},) in rows:",
        *[f"        add({line})" for line in body],
        "    add(TRAILER)",
        "    return b''.join(parts)",
    ]
    exec("\n".join(lines), scope)  # noqa: S102 - made of the names and types above, as a named tuple's methods are
    encode: Callable[[Iterable[Row]], bytes] = scope["encode"]
    return encode
