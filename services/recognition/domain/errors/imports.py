"""What the import of recognitions refuses, row by row."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class ExternalIdReused(DomainError):
    """Another recognition was imported under this external id."""

    reason = "EXTERNAL_ID_REUSED"
    status = Status.ALREADY_EXISTS
    message = "Another recognition was imported as {external_id}."

    def __init__(self, external_id: str) -> None:
        super().__init__(external_id=external_id)


class ImportRefused(DomainError):
    """The ledger refused to book the recognition's points, for the reason that it names. Nothing of the row is kept:
    it can be imported again when that is mended.
    """

    reason = "IMPORT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The ledger refused to book the points: {ledger_reason}."

    def __init__(self, ledger_reason: str) -> None:
        super().__init__(ledger_reason=ledger_reason)
