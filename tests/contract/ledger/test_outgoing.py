"""Accounts that are for some kinds of transaction only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc
import pytest

from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import EARN, INVALID, MEMBER, PRECONDITION, RECOGNITION, SPEND, Shop, refused

EXCHANGE, TRANSFER, MERGE = (
    res.TRANSACTION_KIND_EXCHANGE,
    res.TRANSACTION_KIND_TRANSFER,
    res.TRANSACTION_KIND_MERGE,
)


def account(shop: Shop, id_: str, *outgoing: res.TransactionKind.ValueType, kind: int = MEMBER) -> res.Account:
    name, unit = shop.account(id_), f"{shop.name}/units/points"
    return res.Account(name=name, unit=unit, kind=kind, outgoing=outgoing)  # type: ignore[arg-type]  # an enum's number


async def make(shop: Shop, *accounts: res.Account) -> None:
    request = pb.BatchCreateAccountsRequest(parent=shop.name, accounts=accounts, request_id=new_request_id())
    await shop.ledger.BatchCreateAccounts(request)


async def test_points_leave_an_account_by_the_kinds_that_it_is_for(shop: Shop) -> None:
    await make(shop, account(shop, "to-give", RECOGNITION), account(shop, "earned", SPEND), account(shop, "any"))
    for id_ in ("to-give", "earned", "any"):
        await shop.earn(id_, 100)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    told = {"account": shop.account("to-give"), "allowed": "RECOGNITION"}
    async with refused(PRECONDITION, "ACCOUNT_NOT_FOR", kind="SPEND", **told):
        await shop.spend("to-give", 1)
    async with refused(PRECONDITION, "ACCOUNT_NOT_FOR", kind="SPEND", **told):
        await shop.hold("to-give", 1, tomorrow)
    for kind in (TRANSFER, MERGE):
        async with refused(PRECONDITION, "ACCOUNT_NOT_FOR", **told):
            await shop.post(kind, shop.posting("to-give", "any", 1))
    async with refused(PRECONDITION, "ACCOUNT_NOT_FOR"):
        await shop.post(RECOGNITION, shop.posting("any", "earned", 1), shop.posting("earned", "any", 1))
    await shop.post(RECOGNITION, shop.posting("to-give", "earned", 100))
    await shop.capture((await shop.hold("earned", 50, tomorrow)).name)
    back = await shop.spend("earned", 50)
    await shop.reverse(back)
    await shop.post(res.TRANSACTION_KIND_ADJUSTMENT, shop.posting("earned", "adjustment.points", 1))
    assert [(await shop.balance(id_)).available for id_ in ("to-give", "earned", "any")] == [0, 149, 100]


async def test_what_an_account_is_for_is_read_and_stays(shop: Shop) -> None:
    await make(shop, account(shop, "earned", EXCHANGE, SPEND))
    found = (await shop.ledger.GetAccount(pb.GetAccountRequest(name=shop.account("earned")))).account
    assert list(found.outgoing) == [SPEND, EXCHANGE]
    listed = await shop.ledger.ListAccounts(pb.ListAccountsRequest(parent=shop.name, kind=MEMBER))
    assert [list(one.outgoing) for one in listed.accounts] == [[SPEND, EXCHANGE]]
    await make(shop, account(shop, "earned", SPEND, EXCHANGE))
    async with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        await make(shop, account(shop, "earned"))


@pytest.mark.parametrize(
    ("outgoing", "kind"),
    [((EARN,), MEMBER), ((SPEND, SPEND), MEMBER), ((SPEND,), res.ACCOUNT_KIND_BUDGET)],
)
async def test_what_no_account_can_be_for_is_refused(
    shop: Shop, outgoing: tuple[res.TransactionKind.ValueType, ...], kind: int
) -> None:
    wrong = account(shop, "m" if kind == MEMBER else "budget.points", *outgoing, kind=kind)
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts[0].outgoing"]):
        await make(shop, wrong)
