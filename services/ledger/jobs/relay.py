"""Relays the journal to the event stream, shard by shard."""

from __future__ import annotations

import time

from redis.asyncio import Redis

from guerdon_kit.events.pace import Rest
from guerdon_kit.events.relay import Relay
from guerdon_kit.postgres import Database, load_queries
from ledger.store.directory import Directory
from ledger.store.journal import Journal

queries = load_queries("ledger")

POLL_S = 0.1
IDLE_S = 0.5
"""How often it looks where its process posts nothing: what other workers post, their relays send."""
PAGE = 25
"""Events at once, each of up to 64 postings."""
LOOK_EVERY_S = 1.0


async def run(database: Database, directory: Directory, redis: Redis) -> None:
    """Relays for as long as the process lives. Any number of workers may: a position's lock lets one send at a time."""
    rest = Rest(POLL_S, IDLE_S)
    with rest.listening():
        await _run(database, directory, redis, rest)


async def _run(database: Database, directory: Directory, redis: Redis, rest: Rest) -> None:
    relays: dict[int, Relay] = {}
    sent: dict[int, int] = {}
    looked = 0.0
    while True:
        look = time.monotonic() - looked >= LOOK_EVERY_S
        if look:
            looked = time.monotonic()
            await _add_shards(relays, database, directory, redis)
        began = time.monotonic()
        for shard, relay in relays.items():
            # Where something came more may have come: looking first whether it has would only be one look more.
            sent[shard] = await relay.turn(look=look or sent.get(shard, 0) > 0)
        most = max(sent.values(), default=0)
        if most:
            rest.stir()
        if most < PAGE:
            await rest.after(time.monotonic() - began)


async def _add_shards(relays: dict[int, Relay], database: Database, directory: Directory, redis: Redis) -> None:
    async with database.acquire() as connection:
        shards = [row["shard"] async for row in queries.shards(connection)]
    for shard in shards:
        if shard not in relays:
            relays[shard] = Relay(database, redis, Journal(shard, directory), page=PAGE)
            await relays[shard].prepare()
