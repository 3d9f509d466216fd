"""The catalog's contracts: proto in, operation, proto out."""

from rewards_catalog.servicer.providers import ProvidersServicer
from rewards_catalog.servicer.service import RewardsServicer
from rewards_catalog.servicer.support import SupportServicer
from rewards_catalog.servicer.vouchers import VouchersServicer

__all__ = ["ProvidersServicer", "RewardsServicer", "SupportServicer", "VouchersServicer"]
