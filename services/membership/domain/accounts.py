"""What members' accounts are called in the ledger, within their program."""

from __future__ import annotations

from membership.domain.late_changes import digest

ACCOUNT_ID_MAX = 63
"""Characters of an account's id in the ledger."""
_ACCOUNT_PREFIX = "m-"


def account_id(member_id: str) -> str:
    """The id of a member's account in the ledger, within the program."""
    return _ACCOUNT_PREFIX + member_id


def owner_of(account_id_: str) -> str | None:
    """The id of the member whose account has this id, if there is one; None where no member's can have it."""
    return account_id_.removeprefix(_ACCOUNT_PREFIX) if account_id_.startswith(_ACCOUNT_PREFIX) else None


def holder_of(account_id_: str) -> str | None:
    """The id of the member whose account or wallet, called by custom, has this id; likewise."""
    return owner_of(account_id_.partition("~")[0])


def standing_for(account_id_: str, survivor_id: str) -> str:
    """The id of the survivor's account that stands for one of a merged member's: for points, or for a wallet that is
    called by custom.
    """
    _, tilde, unit = account_id_.partition("~")  # which no member's id has
    return wallet_id(survivor_id, unit) if tilde else account_id(survivor_id)


def wallet_id(member_id: str, unit: str) -> str:
    """The id of a member's account of another unit than the program's: as the catalog's callers name wallets by custom,
    so that it is the same one. Where that is longer than an id may be, a digest stands for it.
    """
    by_custom = f"{account_id(member_id)}~{unit}"
    return by_custom if len(by_custom) <= ACCOUNT_ID_MAX else f"w-{digest(f'{unit} {member_id}')}"
