"""The contracts of partner exchange: proto in, operation, proto out."""

from partner_exchange.servicer.admin import CoalitionAdminServicer
from partner_exchange.servicer.coalition import CoalitionServicer
from partner_exchange.servicer.disputes import DisputeServicer
from partner_exchange.servicer.limits import LimitServicer
from partner_exchange.servicer.resolutions import ResolutionServicer
from partner_exchange.servicer.reversals import ReversalServicer
from partner_exchange.servicer.settlement import SettlementServicer
from partner_exchange.servicer.statements import StatementServicer

__all__ = [
    "CoalitionAdminServicer",
    "CoalitionServicer",
    "DisputeServicer",
    "LimitServicer",
    "ResolutionServicer",
    "ReversalServicer",
    "SettlementServicer",
    "StatementServicer",
]
