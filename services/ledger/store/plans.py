"""How PostgreSQL plans the ledger's statements.

A call's statements look up the rows that they name, and nothing else; an audit's read thousands and join them. Left to
itself PostgreSQL takes the one for the other until a table's first ANALYZE, a minute after it was made or longer: it
then expects a shard to hold a two-hundredth of the rows, and would rather read all of those than look up a thousand.
A batch over 200,000 lots read every one of them so. Hence the settings below, and a form of statements that leaves no
choice: `unnest(:ids) cross join lateral (select ... where shard = :shard and id = n.id offset 0)`, where OFFSET (or a
lock) keeps the look-up by itself.
"""

from __future__ import annotations

from types import MappingProxyType

from guerdon_kit.postgres import Connection

LOOK_UPS = MappingProxyType({"enable_hashjoin": "off", "enable_mergejoin": "off"})
"""The settings of every session."""

_JOINS = """
set local enable_hashjoin = on; set local enable_mergejoin = on;
set local enable_nestloop = off;
set local plan_cache_mode = force_custom_plan
"""


async def join(connection: Connection) -> None:
    """Has the statements of this transaction join what they read.

    Each has a plan of its own: one for arrays and blocks of any size takes them for short, and 143,000 postings took
    110 s so, and 17 s with this. None looks rows up: before the first ANALYZE one row is expected, and 10,000 postings
    were compared with each other for more than 12 s; with this it is half a second.
    """
    await connection.execute(_JOINS)
