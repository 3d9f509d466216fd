"""Labels of accounts: set when an account is made, replaced and erased at any time, and never written to a log."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from guerdon import new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.testing import RunningService
from tests.contract.ledger.world import INVALID, MEMBER, NOT_FOUND, Shop, refused

LABELS = {"segment": "gold", "crm.id": "Ünï-7 ☕", "empty": ""}


def account(shop: Shop, id_: str, **labels: str) -> res.Account:
    return res.Account(name=shop.account(id_), unit=f"{shop.name}/units/points", kind=MEMBER, labels=labels)


async def labels(shop: Shop, id_: str) -> dict[str, str]:
    answer = await shop.ledger.GetAccount(pb.GetAccountRequest(name=shop.account(id_)))
    return dict(answer.account.labels)


def change(shop: Shop, id_: str, new: dict[str, str], request_id: str = "") -> pb.UpdateAccountLabelsRequest:
    return pb.UpdateAccountLabelsRequest(name=shop.account(id_), labels=new, request_id=request_id or new_request_id())


async def test_labels_given_when_an_account_is_made_are_read_back(shop: Shop) -> None:
    request = pb.CreateAccountRequest(account=account(shop, "ada", **LABELS), request_id=new_request_id())
    made = (await shop.ledger.CreateAccount(request)).account
    assert dict(made.labels) == LABELS == await labels(shop, "ada")
    await shop.ledger.UpdateAccountLabels(change(shop, "ada", {"segment": "silver"}))
    again = shop.ledger.CreateAccount(request)
    assert (await again).account == made
    assert await was_replayed(again)


async def test_many_accounts_are_made_with_their_labels_and_those_that_exist_keep_theirs(shop: Shop) -> None:
    async def make(*accounts: res.Account) -> None:
        request = pb.BatchCreateAccountsRequest(parent=shop.name, accounts=accounts, request_id=new_request_id())
        await shop.ledger.BatchCreateAccounts(request)

    await make(account(shop, "ada", one="1"), account(shop, "ben"))
    await make(account(shop, "ada", one="2"), account(shop, "ben", one="2"), account(shop, "cy", one="2"))
    assert [await labels(shop, id_) for id_ in ("ada", "ben", "cy")] == [{"one": "1"}, {}, {"one": "2"}]


async def test_labels_are_replaced_as_a_whole_in_any_state_of_any_account(shop: Shop) -> None:
    await shop.add("ada")
    await shop.close("ada")
    for id_ in ("ada", "issuance.points"):
        answer = await shop.ledger.UpdateAccountLabels(change(shop, id_, LABELS))
        assert dict(answer.labels) == LABELS == await labels(shop, id_)
        await shop.ledger.UpdateAccountLabels(change(shop, id_, {"other": "x"}))
        assert await labels(shop, id_) == {"other": "x"}
    async with refused(NOT_FOUND, "NOT_FOUND", resource=shop.account("nobody")):
        await shop.ledger.UpdateAccountLabels(change(shop, "nobody", LABELS))


async def test_the_same_change_of_labels_again_changes_nothing(shop: Shop) -> None:
    await shop.add("ada")
    request = change(shop, "ada", {"segment": "gold"}, "once")
    first = await shop.ledger.UpdateAccountLabels(request)
    await shop.ledger.UpdateAccountLabels(change(shop, "ada", {"segment": "silver"}))
    again = shop.ledger.UpdateAccountLabels(request)
    assert await again == first
    assert await was_replayed(again)
    assert await labels(shop, "ada") == {"segment": "silver"}
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="labels"):
        await shop.ledger.UpdateAccountLabels(change(shop, "ada", {"segment": "lead"}, "once"))


async def test_erased_labels_are_in_no_row_of_the_database(shop: Shop, running: RunningService) -> None:
    await shop.add("ada")
    await shop.ledger.UpdateAccountLabels(change(shop, "ada", {"email": "ada@example.org"}))
    await shop.ledger.UpdateAccountLabels(change(shop, "ada", {}))
    assert await labels(shop, "ada") == {}
    owner = await asyncpg.connect(running.database.owner_url)
    for row in await owner.fetch("select tablename from pg_tables where schemaname = current_schema()"):
        table = row["tablename"]
        assert await owner.fetchval(f"select count(*) from {table} t where t::text like '%ada@example%'") == 0, table
    await owner.close()
    assert "ada@example" not in running.process.said()


@pytest.mark.parametrize(
    "wrong",
    [
        {"": "x"},
        {"A": "x"},
        {".a": "x"},
        {"a b": "x"},
        {"a\n": "x"},
        {"a" * 64: "x"},
        {"a": "x" * 201},
        {"a": "x\0"},
        {f"k{n}": "" for n in range(33)},
    ],
    ids=lambda wrong: next(iter(wrong))[:5],
)
async def test_labels_outside_their_bounds_are_refused_by_field(shop: Shop, wrong: dict[str, str]) -> None:
    await shop.add("ada")
    async with refused(INVALID, "INVALID_FIELD", violated=["labels"]):
        await shop.ledger.UpdateAccountLabels(change(shop, "ada", wrong))
    made: Any = account(shop, "ben", **wrong)
    async with refused(INVALID, "INVALID_FIELD", violated=["account.labels"]):
        await shop.ledger.CreateAccount(pb.CreateAccountRequest(account=made, request_id=new_request_id()))
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts[1].labels"]):
        await shop.ledger.BatchCreateAccounts(
            pb.BatchCreateAccountsRequest(
                parent=shop.name, accounts=[account(shop, "cy"), made], request_id=new_request_id()
            )
        )


async def test_labels_at_their_bounds_are_kept(shop: Shop) -> None:
    most = {f"{n:02}" + "k" * 61: "☕" * 200 for n in range(32)}
    await shop.ledger.CreateAccount(
        pb.CreateAccountRequest(account=account(shop, "ada", **most), request_id=new_request_id())
    )
    assert await labels(shop, "ada") == most
