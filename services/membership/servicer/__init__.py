"""Membership's transport: proto in, operation, proto out."""

from membership.servicer.service import MembershipServicer

__all__ = ["MembershipServicer"]
