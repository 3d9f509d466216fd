"""Filling code pools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.domain.codes import CHUNK, ChunkOutcome, CodeKeys, Rejection, chunk_outcome, sort_chunk
from rewards_catalog.domain.reward import Fulfilment, check_fulfilment
from rewards_catalog.domain.states import Act, check_allowed
from rewards_catalog.operations.asking import Asking
from rewards_catalog.store import rewards, stock
from rewards_catalog.store.changes import Change, note


@dataclass(frozen=True)
class CodePools:
    """The code pools of all rewards."""

    database: Database
    keys: CodeKeys
    clock: Clock

    async def add(self, asking: Asking, program: str, reward: str, codes: Sequence[str]) -> tuple[ChunkOutcome, bool]:
        """Adds a chunk of codes, in one transaction; answers what became of it, and whether it was sent before.

        The request's fingerprint must not be of the codes themselves: a short one could be guessed from a hash.

        Raises:
            InvalidField: the chunk is too large.
            NotFound: there is no such reward.
            RewardStateConflict: it is archived.
            WrongFulfilment, StockLimit: it has no pool, or would have too many codes.
        """
        if len(codes) > CHUNK:
            raise InvalidField.of("codes", f"must be 1 to {CHUNK} of them")

        async def work(connection: Connection) -> bytes:
            found = await rewards.get(connection, program, reward)
            check_allowed(Act.FILL, found.name, found.state)
            check_fulfilment(found, Fulfilment.CODE_POOL)
            chunk = sort_chunk(self.keys, program, reward, codes)
            inserted = await stock.insert_codes(connection, found, [code for _, code in chunk.sealed])
            if inserted:
                added, now = len(inserted), self.clock.now()
                await note(connection, found, Change.CODES_ADDED, actor=asking.actor, time=now, amount=added)
                await stock.add(connection, found, added)
            return _written(chunk_outcome(chunk, inserted))

        outcome, replayed = await requests.once(self.database, asking.fingerprint, work)
        return _read(outcome), replayed


def _written(outcome: ChunkOutcome) -> bytes:
    return json.dumps([outcome.imported, outcome.rejected], separators=(",", ":")).encode()


def _read(written: bytes) -> ChunkOutcome:
    imported, rejected = json.loads(written)
    return ChunkOutcome(imported, [(place, Rejection(why)) for place, why in rejected])
