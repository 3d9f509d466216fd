"""Erasing what people have written: memos, purposes and reasons. What moved stays, and so does what is sealed of it."""

from __future__ import annotations

from typing import NamedTuple

from guerdon_kit.errors import InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, load_queries, requests
from ledger.domain.model import Account, Kind

queries = load_queries("ledger")

VERSIONS_AT_ONCE = 2_000


class Erased(NamedTuple):
    """How many had words that were erased."""

    transactions: int
    holds: int
    adjustments: int


class Erasure:
    """Erases words."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, fingerprint: Fingerprint, account: Account) -> tuple[Erased, bool]:
        """Erases the memos of an account's transactions, the purposes of its holds, and the words on its proposed
        adjustments; answers how many of each there were, and whether the request had come before. A memo goes for
        every account that its transaction touches.

        Raises:
            InvalidField: a system account: its transactions are other people's.
        """
        if not account.is_member:
            raise InvalidField.of("name", "must be a MEMBER account")

        async def work(connection: Connection) -> bytes:
            # First: an approval that comes between copies no memo, or has copied it before transactions are looked for.
            adjustments = await queries.erase_adjustments(connection, shard=account.shard, account=account.id)
            shards = [row["shard"] async for row in queries.shards(connection)]
            last = await queries.last_version(connection, shard=account.shard, account=account.id)
            memos = 0
            for after in range(0, last, VERSIONS_AT_ONCE):
                found = [
                    row
                    async for row in queries.erase_memos(
                        connection,
                        shard=account.shard,
                        account=account.id,
                        after=after,
                        last=after + VERSIONS_AT_ONCE,
                    )
                ]
                memos += len(found)
                exchanges = [row["id"] for row in found if row["kind"] in {Kind.EXCHANGE, Kind.REVERSAL}]
                for shard in shards if exchanges else ():
                    await queries.erase_memos_of(connection, shard=shard, ids=exchanges)
            holds = await queries.erase_purposes(connection, shard=account.shard, account=account.id)
            return f"{memos},{holds},{adjustments}".encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        return Erased(*map(int, outcome.decode().split(","))), replayed
