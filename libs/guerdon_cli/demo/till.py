"""A store that takes the shop's vouchers at its tills, and may do nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import guerdon
from guerdon.rewards.v1.vouchers_pb2 import RedeemVoucherRequest, Till
from guerdon.type.v1.cash_pb2 import Cash
from guerdon_cli.demo.platform import Platform

STORE = "Fulton Street"


@dataclass
class Store:
    """The tills of one store."""

    program: str
    client: guerdon.Client
    taken: int = 0
    """Cents that vouchers have paid."""
    uses: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """How often which reason was given."""

    @classmethod
    async def open(cls, platform: Platform, program: str) -> Store:
        """A store with a token of its own, which can use vouchers and nothing else."""
        return cls(program, await platform.client("rewards_catalog", "store", ["rewards.vouchers.redeem"], [program]))

    async def take(self, code: str, amount: Cash, terminal: str) -> None:
        """Take an amount off a voucher, unless it is refused for a reason that is counted."""
        request = RedeemVoucherRequest(
            parent=self.program,
            code=code,
            amount=amount,
            till=Till(store=STORE, terminal=terminal),
            request_id=f"sale-{terminal}",
        )
        try:
            use = (await self.client.vouchers.RedeemVoucher(request)).use
        except guerdon.RefusedError as refusal:
            self.refusals[refusal.reason] += 1
            return
        self.taken += use.amount.minor_units
        self.uses += 1
