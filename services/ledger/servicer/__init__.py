"""Proto in, operation, proto out. No rule lives here."""

from ledger.servicer.servicer import LedgerServicer

__all__ = ["LedgerServicer"]
