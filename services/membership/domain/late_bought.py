"""What a member had bought before a moment: what it comes to now, less what came of purchases and returns since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import NamedTuple

from membership.domain.clawbacks import Asked, CameBack, keeps_something, together
from membership.domain.purchases import FrozenTerms, PlainTerms, Purchase
from membership.domain.rating import BoughtBefore


class KeptThen(NamedTuple):
    """A purchase of before the moment: whether something of it was kept then, and what had been refunded."""

    something: bool
    returned_amount: int


def bought_before(
    now: BoughtBefore,
    purchases: Iterable[Purchase],
    returns: Mapping[str, Iterable[Asked]],
    kept_then: Mapping[str, KeptThen],
) -> BoughtBefore:
    """What had been bought before a moment, where it is `now` with all that is recorded. `purchases` are those that
    were made since or had returns since; of those that are not in `kept_then` all came since.
    """
    count, spend = now.purchases, now.spend
    for one in purchases:
        back = reduce(together, returns.get(one.purchase_id, ()), CameBack())
        then = kept_then.get(one.purchase_id, KeptThen(False, one.amount))
        count += then.something - still_counts(one.terms, one.amount, back)
        spend += one.returned_amount - then.returned_amount
    return now._replace(purchases=count, spend=spend)


def still_counts(terms: PlainTerms | FrozenTerms, amount: int, back: CameBack) -> bool:
    """Whether a purchase counts as bought when so much is back: until the return with which nothing is kept."""
    return keeps_something(terms, amount, back) or not keeps_something(terms, amount, CameBack())
