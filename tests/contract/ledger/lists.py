"""Lists of accounts, holds and transactions, page after page until they end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.grpc.messages import timestamp
from tests.contract.ledger.world import Shop


async def whole(page: Callable[[str], Awaitable[Any]], field: str) -> list[list[Any]]:
    """All pages of a list."""
    pages, token = [], ""
    for _ in range(200):
        answer = await page(token)
        pages.append(list(getattr(answer, field)))
        token = answer.next_page_token
        if not token:
            return pages
    raise AssertionError("the list does not end")


async def accounts(shop: Shop, size: int = 0, **filters: Any) -> list[list[str]]:
    """The ids of a program's accounts, by page."""

    async def page(token: str) -> pb.ListAccountsResponse:
        request = pb.ListAccountsRequest(parent=shop.name, page_size=size, page_token=token, **filters)
        return await shop.ledger.ListAccounts(request)  # type: ignore[no-any-return]  # the stub is Any here

    pages = await whole(page, "accounts")
    return [[account.name.rpartition("/")[2] for account in found] for found in pages]


async def holds(shop: Shop, id_: str, size: int = 0, state: int = 0) -> list[list[res.Hold]]:
    """The holds on an account, by page."""

    async def page(token: str) -> pb.ListHoldsResponse:
        request = pb.ListHoldsRequest(
            parent=shop.account(id_),
            page_size=size,
            page_token=token,
            state=state,  # type: ignore[arg-type]  # an enum's number
        )
        return await shop.ledger.ListHolds(request)  # type: ignore[no-any-return]  # the stub is Any here

    return await whole(page, "holds")


async def transactions(shop: Shop, size: int = 0, since: datetime | None = None) -> list[list[res.Transaction]]:
    """A program's transactions, by page; if set, those recorded `since` then."""

    async def page(token: str) -> pb.ListTransactionsResponse:
        since_time = None if since is None else timestamp(since)
        request = pb.ListTransactionsRequest(parent=shop.name, page_size=size, page_token=token, since_time=since_time)
        return await shop.ledger.ListTransactions(request)  # type: ignore[no-any-return]  # the stub is Any here

    return await whole(page, "transactions")
