"""How PostgreSQL plans statements that read thousands of rows."""

from __future__ import annotations

from guerdon_kit.postgres import Connection

_JOINS = """
set local enable_nestloop = off;
set local enable_seqscan = off;
set local plan_cache_mode = force_custom_plan
"""


async def join(connection: Connection) -> None:
    """Has the statements of this transaction join what they read.

    None looks rows up one by one: before the first ANALYZE of a new ledger one row is expected of each block, and
    10,000 postings were compared with each other for more than 12 s; with this it is half a second. Nor does any read
    a whole table to go through a list of ids for each of its rows: 40,000 postings took 5.4 s so, and take 0.6 by the
    index. Each has a plan of its own: one for arrays and blocks of any size takes them for short, and 143,000 postings
    took 110 s so, and 17 s with this.
    """
    await connection.execute(_JOINS)
