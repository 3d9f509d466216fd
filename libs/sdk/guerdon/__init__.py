"""The contracts of the Guerdon points platform as typed gRPC stubs, and a thin async client over them.

    async with guerdon.Client("points.example.com", token=token) as client:
        answer = await client.ledger.GetBalance(GetBalanceRequest(name="programs/shop/accounts/m-42"))

A stub's import path is its proto package: `from guerdon.ledger.v1.ledger_pb2 import GetBalanceRequest`.
"""

from guerdon.client import Client, TokenSource, new_request_id, was_replayed
from guerdon.errors import (
    GuerdonError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
    Violation,
    error_from_status,
)

__all__ = [
    "Client",
    "GuerdonError",
    "InvalidRequestError",
    "NotFoundError",
    "PermissionDeniedError",
    "RefusedError",
    "TokenSource",
    "UnauthenticatedError",
    "UnavailableError",
    "Violation",
    "error_from_status",
    "new_request_id",
    "was_replayed",
]
