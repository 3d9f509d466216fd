"""What recording purchases, returns and their events refuses."""

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


class PurchaseEventDiffers(DomainError):
    """The id of an event was recorded with other facts."""

    reason = "PURCHASE_EVENT_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{purchase_event} is recorded with other facts; these differ: {fields}."

    def __init__(self, purchase_event: str, fields: str) -> None:
        super().__init__(purchase_event=purchase_event, fields=fields)


class ReturnExceedsPurchase(DomainError):
    """More came back than was bought. Amounts in minor units. Decided under lock and kept with the request."""

    reason = "RETURN_EXCEEDS_PURCHASE"
    status = Status.FAILED_PRECONDITION
    message = "The purchase was {amount}, {returned} of it has been returned: {returnable} can still be, not {asked}."
    frozen = True

    def __init__(self, amount: int, returned: int, asked: int) -> None:
        super().__init__(amount=amount, returned=returned, returnable=amount - returned, asked=asked)


class LineNotReturnable(DomainError):
    """More pieces of a line came back than are left of it, or it cannot be brought back by line: the purchase has no
    such line, or it was a final sale. Decided under lock and kept with the request.
    """

    reason = "LINE_NOT_RETURNABLE"
    status = Status.FAILED_PRECONDITION
    message = "Of line {line} {returnable} can still be returned, not {asked}."
    frozen = True

    def __init__(self, line: str, returnable: int, asked: int) -> None:
        super().__init__(line=line, returnable=returnable, asked=asked)


class CurrencyDiffers(DomainError):
    """An amount in another currency than the program's."""

    reason = "CURRENCY_DIFFERS"
    status = Status.INVALID_ARGUMENT
    message = "The program's purchases are in {expected}, not in {given}."

    def __init__(self, expected: str, given: str) -> None:
        super().__init__(expected=expected, given=given)


class AccountTaken(DomainError):
    """The member's account id is in use in the ledger with another unit: points cannot be credited there."""

    reason = "ACCOUNT_TAKEN"
    status = Status.FAILED_PRECONDITION
    message = "{account} counts in another unit than the program: the purchase is recorded, its points wait."

    def __init__(self, account: str) -> None:
        super().__init__(account=account)


class AwardNotHeld(DomainError):
    """An award is not held, or not any more: what became of it is its flag's state."""

    reason = "AWARD_NOT_HELD"
    status = Status.FAILED_PRECONDITION
    message = "The award of {purchase} is not held; its flag is {state}."

    def __init__(self, purchase: str, state: str) -> None:
        super().__init__(purchase=purchase, state=state)
