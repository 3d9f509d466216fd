"""The contracts of partner exchange: proto in, operation, proto out."""

from partner_exchange.servicer.admin import CoalitionAdminServicer
from partner_exchange.servicer.coalition import CoalitionServicer
from partner_exchange.servicer.disputes import DisputesServicer
from partner_exchange.servicer.limits import LimitsServicer
from partner_exchange.servicer.resolutions import ResolutionServicer
from partner_exchange.servicer.reversals import ReversalsServicer
from partner_exchange.servicer.settlement import SettlementServicer
from partner_exchange.servicer.statements import StatementServicer

__all__ = [
    "CoalitionAdminServicer",
    "CoalitionServicer",
    "DisputesServicer",
    "LimitsServicer",
    "ResolutionServicer",
    "ReversalsServicer",
    "SettlementServicer",
    "StatementServicer",
]
