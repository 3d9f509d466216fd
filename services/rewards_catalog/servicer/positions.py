"""Where the pages of the catalog's lists begin."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit import pages
from rewards_catalog.domain.prices import MAX_POINTS
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.reward import Reward
from rewards_catalog.domain.shelf import Order, Position
from rewards_catalog.domain.support import Case
from rewards_catalog.domain.vouchers import Use

Query = tuple[str, ...]


def reward_position(order: Order, token: str, query: Query) -> Position:
    """After which reward a page of rewards begins; the first page's for an empty token.

    Raises:
        InvalidField: it is no token of this list.
    """
    if order is Order.NEWEST:
        return time_position(token, query)
    if not token:
        return (0, "") if order is Order.CHEAPEST else (MAX_POINTS + 1, "")
    price, reward = pages.read_token(token, query, (int, str))
    return int(price), str(reward)


def reward_token(order: Order, reward: Reward, query: Query) -> str:
    """The token of the page that begins after the reward."""
    if order is Order.NEWEST:
        return time_token(reward, query)
    return pages.write_token(query, (reward.price, reward.id))


def time_position(token: str, query: Query) -> tuple[datetime, str]:
    """The time and id before which a page begins; the first page's for an empty token.

    Raises:
        InvalidField: it is no token of this list.
    """
    return pages.read_place(token, query, pages.END)


def time_token(last: Redemption | Reward | Use | Case, query: Query) -> str:
    """The token of the page that begins before the last one of a page."""
    return pages.write_place(query, last.create_time, last.id)
