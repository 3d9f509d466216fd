"""The catalog's contract: proto in, operation, proto out."""

from rewards_catalog.servicer.service import RewardsServicer

__all__ = ["RewardsServicer"]
