"""The catalog's composition root."""

from __future__ import annotations

from guerdon_kit import housekeeping
from guerdon_kit.egress import Egress
from guerdon_kit.service import Job, Kit, Parts
from rewards_catalog.clients.adjustments import Adjustments
from rewards_catalog.clients.coalition import COALITION, Coalition
from rewards_catalog.clients.ledger import LEDGER, Ledger
from rewards_catalog.clients.wallets import Wallets
from rewards_catalog.config import Settings
from rewards_catalog.domain.generated import CodeScheme
from rewards_catalog.jobs.recovery import asking_again, goodwill_recovery, recovery
from rewards_catalog.operations.codes import CodePools
from rewards_catalog.operations.fulfilments import Fulfilments
from rewards_catalog.operations.goodwill import Giving
from rewards_catalog.operations.progress import Progress, Reached, nowhere
from rewards_catalog.operations.providers import Providers
from rewards_catalog.operations.redemptions import Redemptions
from rewards_catalog.operations.rewards import Rewards
from rewards_catalog.operations.support import Cases
from rewards_catalog.operations.vouchers import Vouchers
from rewards_catalog.servicer import ProvidersServicer, RewardsServicer, SupportServicer, VouchersServicer
from rewards_catalog.store.code_keys import make_code_keys, read_code_keys

NAME = "rewards_catalog"


async def compose(kit: Kit[Settings], reached: Reached = nowhere) -> Parts:
    """The catalog's servicers and jobs. Crash tests pass their own `reached`."""
    settings = kit.settings
    if settings.development:
        make_code_keys(settings.keys_file())
    keys = read_code_keys(settings.keys_file())
    remote = kit.remote("ledger", settings.ledger_target, LEDGER)
    ledger = Ledger(remote)
    private = settings.development or settings.private_providers
    egress = Egress(private=private)
    kit.on_close(egress.close)
    providers = Providers(kit.database, keys, egress, kit.clock, settings.provider_timeout_s, private)
    locked_points = kit.locked_points()
    progress = Progress(
        database=kit.database,
        ledger=ledger,
        wallets=Wallets(ledger),
        coalition=Coalition(kit.remote("partner_exchange", settings.exchange_target, COALITION)),
        locked_points=locked_points,
        providers=providers,
        keys=keys,
        clock=kit.clock,
        lease=settings.lease,
        reached=reached,
    )
    giving = Giving(kit.database, ledger, Adjustments(remote), kit.clock, settings.lease, reached)
    fulfilments = Fulfilments(kit.database, progress, providers, keys)
    scheme = CodeScheme(settings.code_prefix, settings.code_length)
    codes = CodePools(kit.database, keys, scheme, kit.clock)
    vouchers = Vouchers(
        kit.database,
        keys,
        scheme,
        kit.clock,
        settings.undo_time,
        settings.voucher_lookups_per_minute,
        reached,
    )
    servicer = RewardsServicer(
        Rewards(kit.database, ledger, locked_points, kit.clock),
        codes,
        Redemptions(kit.database, progress, keys, settings.hold_time, settings.payment_time),
        keys,
        kit.clock,
    )
    return Parts(
        servicers=[
            servicer,
            VouchersServicer(codes, vouchers),
            ProvidersServicer(providers, fulfilments, keys, kit.clock),
            SupportServicer(Cases(kit.database, ledger, kit.clock), giving),
        ],
        jobs=[
            Job("recovery", recovery(progress).run),
            Job("asking again", asking_again(progress).run),
            Job("goodwill recovery", goodwill_recovery(giving).run),
            *housekeeping.jobs(kit),
        ],
    )
