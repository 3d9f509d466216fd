"""Who keeps a partner's points."""

from __future__ import annotations

from dataclasses import dataclass

from partner_exchange.clients.ledger import Ledger
from partner_exchange.clients.partner_ledgers import PartnerLedgers, RemoteSide
from partner_exchange.clients.sandbox import SandboxSide
from partner_exchange.clients.sides import HostedSide, Side
from partner_exchange.domain.partners import SANDBOX, Partner


@dataclass(frozen=True, slots=True)
class Sides:
    """Finds the side that a partner is."""

    ledger: Ledger
    ledgers: PartnerLedgers

    def of(self, partner: Partner) -> Side:
        """The partner's."""
        if not partner.profile.remote:
            return HostedSide(self.ledger, partner)
        if partner.profile.target == SANDBOX:
            return SandboxSide(self.ledgers, partner)
        return RemoteSide(self.ledgers, partner)
