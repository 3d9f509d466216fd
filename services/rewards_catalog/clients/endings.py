"""Ending a step of ours in the ledger for good.

What the ledger refuses for now, as for a limit that may be raised, it does not keep: a copy of the request that is
still on its way may be granted later. Before something else is done in its place, the step's request id is used up by a
request that the ledger refuses for ever. Then a late copy finds its id taken.
"""

from __future__ import annotations

from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.grpc import OutcomeUnknown
from rewards_catalog.clients.ledger import redemption_account

TAKEN = "REQUEST_ID_REUSED"
"""How the ledger refuses a step that was ended."""
_NOBODY_HAS = 2**53
"""The most that a transaction may move."""
_KEPT = {"INSUFFICIENT_POINTS", "ACCOUNT_CLOSED"}
"""How the ledger refuses to spend so much, and keeps that it did."""


def unaffordable(program: str, account: str, unit: str) -> res.Transaction:
    """What is posted in a step's stead: all that could be spent, of an account that has less."""
    posting = res.Posting(source=account, destination=redemption_account(program, unit), amount=_NOBODY_HAS)
    return res.Transaction(kind=res.TRANSACTION_KIND_SPEND, postings=[posting], memo="Never")


def require_ended(reason: str) -> None:
    """Raises OutcomeUnknown unless the ledger keeps that it refused, by this reason. Where it knows the id already, the
    step was done, or refused for ever: asked again, it says so.
    """
    if reason not in _KEPT:
        raise OutcomeUnknown
