"""SQL kept in files: `<package>/store/*.sql`, named and loaded by aiosql."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

import aiosql
from aiosql.adapters.asyncpg import AsyncPGAdapter
from aiosql.query_loader import _QUERY_DEF, QueryLoader


class _DirectAdapter(AsyncPGAdapter):
    """aiosql's adapter for asyncpg without its guess at what the connection is.

    The original lists all attributes of the connection on every query, to see whether it is a pool: 20
    microseconds for nothing. Here a query takes a connection.
    """

    def _ordered(self, query_name: str, parameters: Any) -> Any:
        return self.maybe_order_params(query_name, parameters)  # type: ignore[no-untyped-call]  # aiosql's own

    async def select(
        self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: Any = None
    ) -> AsyncIterator[Any]:
        for record in await conn.fetch(sql, *self._ordered(query_name, parameters)):
            yield record

    async def select_one(self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: Any = None) -> Any:
        return await conn.fetchrow(sql, *self._ordered(query_name, parameters))

    async def select_value(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        return await conn.fetchval(sql, *self._ordered(query_name, parameters))

    async def insert_update_delete(self, conn: Any, query_name: str, sql: str, parameters: Any) -> int:
        """Answers how many rows were touched, where the original answers PostgreSQL's command tag."""
        tag: str = await conn.execute(sql, *self._ordered(query_name, parameters))
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0


class _PlainLoader(QueryLoader):
    """aiosql's loader without its search for comments of several lines, of which there are none here: it stops at each
    character, and took two thirds of the time that loading took. And of a folder it looks at the SQL alone: the
    original fails at a file that is gone by then, as Python's own are that another process is compiling beside it.
    """

    def load_query_data_from_dir_path(
        self, dir_path: Path, ext: tuple[str, ...] = (".sql",), encoding: str | None = None
    ) -> dict[str, Any]:
        """The queries of a folder by their names; folders in it are not looked into."""
        files = sorted(file for suffix in ext for file in dir_path.glob(f"*{suffix}"))
        queries = [query for file in files for query in self.load_query_data_from_file(file, encoding=encoding)]
        return {query.query_name: query for query in queries}

    def load_query_data_from_sql(self, sql: str, ns_parts: list[str], fname: Path | str = "<unknown>") -> list[Any]:
        """The queries of a file; a failure names the file, and of its lines the first."""
        _, *queries = _QUERY_DEF.split(sql)
        return [self._make_query_datum(query, ns_parts, (fname, 1)) for query in queries]


@cache  # parsing the ledger's takes 15 ms, and a dozen of its modules ask
def load_queries(package: str) -> Any:
    """The queries in the `store` folder of `package`, as async functions that take a connection and
    named parameters.

    A name's ending says what it answers (aiosql): none for rows (`async for`), `^` one row or None, `$`
    one value or None, `!` the number of rows touched.
    """
    folder = Path(str(resources.files(package) / "store"))
    return aiosql.from_path(folder, cast("Any", _DirectAdapter), mandatory_parameters=False, loader_cls=_PlainLoader)
