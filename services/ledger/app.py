"""The ledger's composition root: the only file that knows every part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from guerdon_kit import housekeeping
from guerdon_kit.events.pace import Rest
from guerdon_kit.postgres import requests
from guerdon_kit.service import Job, Kit, Parts
from ledger.config import Settings
from ledger.domain.book import Book
from ledger.jobs import checkpoints, relay, retention, sealer, sweeper
from ledger.operations.accounts import Accounts
from ledger.operations.adjustments import Adjustments
from ledger.operations.balances import Balances
from ledger.operations.books import Books
from ledger.operations.commit import Committer, Limits
from ledger.operations.erasure import Erasure
from ledger.operations.explain import Explain
from ledger.operations.export import Export
from ledger.operations.history import History
from ledger.operations.limits import CreditLimits
from ledger.operations.movements import Movements
from ledger.operations.programs import Programs
from ledger.operations.transactions import Transactions
from ledger.operations.verify import Verification
from ledger.operations.watching import Watching
from ledger.servicer import LedgerServicer
from ledger.store.balances import BalanceReader
from ledger.store.cache import BalanceCache
from ledger.store.changes import Changes
from ledger.store.directory import Directory

NAME = "ledger"


async def compose(kit: Kit[Settings]) -> Parts:
    """Puts the ledger together."""
    settings, database, clock = kit.settings, kit.database, kit.clock
    directory = Directory(database)
    cache = BalanceCache(database, kit.log)
    cache.use(kit.cache_redis(cache.checked_connection))
    limits = Limits(batch_max=settings.ledger_batch_max, queue_max=settings.ledger_queue_max)

    async def show(books: Sequence[Book] | None) -> None:
        Rest.stir_all()
        await cache.write_through(books)

    committer = Committer(database, directory, clock, show, kit.log, limits)
    kit.on_close(committer.drain)
    reader = BalanceReader(database)
    transactions = Transactions(database, directory)
    balances = Balances(reader, cache, clock)
    watching = Watching(balances, Changes(kit.cache_redis()), settings.ledger_watched_max)
    kit.on_stop(watching.stop)
    servicer = LedgerServicer(
        directory,
        Programs(database, directory, clock, settings.ledger_shards),
        Accounts(database, committer, clock),
        CreditLimits(database, clock),
        Movements(database, directory, transactions, committer),
        Adjustments(database, directory, committer, clock),
        balances,
        watching,
        transactions,
        Books(database, clock),
        History(database, clock),
        Explain(database, directory, clock),
        Verification(database, directory, reader, cache, clock),
        Export(database),
        Erasure(database),
        clock,
    )
    jobs = [
        Job("cache", cache.confirm_forever),
        Job("watching", watching.run),
        Job(
            "sweeper",
            partial(sweeper.run, database, directory, committer, clock, settings.ledger_sweep_every_s),
        ),
        Job("relay", partial(relay.run, database, directory, kit.events_redis())),
        Job("checkpoints", partial(checkpoints.run, database, settings.ledger_checkpoint_every_s)),
        Job("sealer", partial(sealer.run, database, settings.ledger_seal_every_s)),
        Job("retention", partial(retention.run, database, clock, settings.requests_keep_days)),
        Job("prune-requests", partial(requests.pruning, database, housekeeping.keep_requests(settings))),
    ]
    return Parts([servicer], jobs)
