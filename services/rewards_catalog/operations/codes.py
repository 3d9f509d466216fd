"""Filling code pools, with codes from elsewhere and with ones made here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.domain.codes import CHUNK, ChunkOutcome, CodeKeys, Rejection, chunk_outcome, sort_chunk
from rewards_catalog.domain.generated import MAX_GENERATED, CodeScheme
from rewards_catalog.domain.reward import Fulfilment, Reward, check_fulfilment
from rewards_catalog.domain.states import Act, check_allowed
from rewards_catalog.operations.asking import Asking
from rewards_catalog.store import rewards, stock
from rewards_catalog.store.changes import Change, note

_ROUNDS = MAX_GENERATED // CHUNK + 10
"""More chunks than any request needs, should codes turn out to be there already."""


@dataclass(frozen=True)
class CodePools:
    """The code pools of all rewards."""

    database: Database
    keys: CodeKeys
    scheme: CodeScheme
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
            chunk = sort_chunk(self.keys, self.scheme, program, reward, codes)
            inserted = await stock.insert_codes(connection, found, [code for _, code in chunk.sealed])
            if inserted:
                added, now = len(inserted), self.clock.now()
                await note(connection, found, Change.CODES_ADDED, actor=asking.actor, time=now, amount=added)
                await stock.add(connection, found, added)
            return _written(chunk_outcome(chunk, inserted))

        outcome, replayed = await requests.once(self.database, asking.fingerprint, work)
        return _read(outcome), replayed

    async def generate(self, asking: Asking, program: str, reward: str, count: int) -> tuple[Reward, bool]:
        """Makes `count` codes and adds them; answers the reward as it is now, and whether the request was sent before.

        Raises:
            InvalidField: the count is out of bounds.
            NotFound: there is no such reward.
            WrongFulfilment, StockLimit: it has no pool, or would have too many codes.
            CodesTooShort: so many codes of this length would be too easy to guess.
        """
        if not 1 <= count <= MAX_GENERATED:
            raise InvalidField.of("count", f"must be between 1 and {MAX_GENERATED}")

        async def work(connection: Connection) -> bytes:
            found = await rewards.get(connection, program, reward)
            check_allowed(Act.FILL, found.name, found.state)
            check_fulfilment(found, Fulfilment.CODE_POOL)
            self.scheme.check_unguessable(found.available + count)
            missing = count
            for _ in range(_ROUNDS):
                codes = [self.scheme.draw() for _ in range(min(missing, CHUNK))]
                chunk = sort_chunk(self.keys, self.scheme, program, reward, codes)
                # What the program has already is not inserted, and drawn anew.
                missing -= len(await stock.insert_codes(connection, found, [code for _, code in chunk.sealed]))
                if not missing:
                    break
            assert not missing, "of codes that are so hard to guess hardly two are the same"
            now = self.clock.now()
            await note(connection, found, Change.CODES_GENERATED, actor=asking.actor, time=now, amount=count)
            await stock.add(connection, found, count)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        async with self.database.acquire() as connection:
            return await rewards.get(connection, program, reward), replayed


def _written(outcome: ChunkOutcome) -> bytes:
    return json.dumps([outcome.imported, outcome.rejected], separators=(",", ":")).encode()


def _read(written: bytes) -> ChunkOutcome:
    imported, rejected = json.loads(written)
    return ChunkOutcome(imported, [(place, Rejection(why)) for place, why in rejected])
