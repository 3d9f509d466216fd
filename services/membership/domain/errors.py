"""What membership refuses, and why."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class PurchaseDiffers(DomainError):
    """The purchase id was recorded with other facts. Nothing is changed: a purchase is corrected by a return."""

    reason = "PURCHASE_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{purchase} is recorded with other facts; these differ: {fields}."

    def __init__(self, purchase: str, fields: str) -> None:
        super().__init__(purchase=purchase, fields=fields)


class ReturnDiffers(DomainError):
    """The return id was recorded with other facts."""

    reason = "RETURN_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{goods_return} is recorded with other facts; these differ: {fields}."

    def __init__(self, goods_return: str, fields: str) -> None:
        super().__init__(goods_return=goods_return, fields=fields)


class ReturnExceedsPurchase(DomainError):
    """More came back than was bought. Amounts in minor units. Decided under lock and kept with the request."""

    reason = "RETURN_EXCEEDS_PURCHASE"
    status = Status.FAILED_PRECONDITION
    message = "The purchase was {amount}, {returned} of it has been returned: {returnable} can still be, not {asked}."
    frozen = True

    def __init__(self, amount: int, returned: int, asked: int) -> None:
        super().__init__(amount=amount, returned=returned, returnable=amount - returned, asked=asked)


class AccountTaken(DomainError):
    """The member's account id is in use in the ledger with another unit: points cannot be credited there."""

    reason = "ACCOUNT_TAKEN"
    status = Status.FAILED_PRECONDITION
    message = "{account} counts in another unit than the program: the purchase is recorded, its points wait."

    def __init__(self, account: str) -> None:
        super().__init__(account=account)


class CurrencyDiffers(DomainError):
    """An amount in another currency than the program's."""

    reason = "CURRENCY_DIFFERS"
    status = Status.INVALID_ARGUMENT
    message = "The program's purchases are in {expected}, not in {given}."

    def __init__(self, expected: str, given: str) -> None:
        super().__init__(expected=expected, given=given)
