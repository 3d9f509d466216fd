"""Codes are nowhere to be read but in the answer to who may see them: not in the database, the logs, the events."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from guerdon import GuerdonError, RefusedError
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon_kit.clock import MovableClock
from guerdon_kit.embedded import Endpoints
from guerdon_kit.events import stream_of
from guerdon_kit.testing import wait_until
from tests.contract.rewards_catalog.counter import euros, undo, use, validate
from tests.contract.rewards_catalog.counterparty import make_provider, provided, report, says
from tests.contract.rewards_catalog.world import Shop
from tests.integration.rewards_catalog.conftest import Fallible

ISSUED_CODE, FREE_CODE, MISTYPED_CODE = "SECRET-ISSUED-77", "SECRET-FREE-78", "GDNSECRETSECRET"
PROVIDED_CODE = "SECRET-PROVIDED-79"


async def everything_kept(url: str) -> str:
    """All rows of all tables of a database as text."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        rows = [
            row["text"]
            for table in tables
            for row in await connection.fetch(f'select kept::text as text from "{table["tablename"]}" as kept')
        ]
        return "\n".join(rows)
    finally:
        await connection.close()


async def events_of(endpoints: Endpoints, program: str) -> list[dict[str, str]]:
    """The catalog's events of one program, oldest first."""
    async with Redis.from_url(endpoints.redis_events_url, decode_responses=True) as redis:
        entries: Any = await redis.xrange(stream_of("rewards_catalog"))
    return [fields for _, fields in entries if fields["subject"].startswith(f"{program}/")]


async def test_a_code_is_in_no_table_no_log_and_no_event(fallible: Fallible, shop: Shop) -> None:
    card = await shop.reward("card", codes=[ISSUED_CODE, "a b", FREE_CODE])
    redemption = await shop.redeem(card, await shop.member(100))
    assert redemption.code in {ISSUED_CODE, FREE_CODE}
    await validate(shop, redemption.code)
    await undo(shop, (await use(shop, redemption.code)).name)
    for unknown in (FREE_CODE if redemption.code == ISSUED_CODE else ISSUED_CODE, MISTYPED_CODE):
        with pytest.raises(GuerdonError):
            await use(shop, unknown)

    provider, secret = await make_provider(shop)
    silent = await shop.redeem(await provided(shop, provider, "silent", price=104), await shop.member(104))
    now = MovableClock(fallible.services.clock_file).now()  # a test before this one may have moved it
    await report(shop, provider, secret, says("issued", silent.name, code=PROVIDED_CODE), now=now)
    assert (await shop.redemption(silent.name)).code == PROVIDED_CODE

    async def all_told() -> list[dict[str, str]]:
        found = await events_of(fallible.services.endpoints, shop.program)
        return found if len(found) >= 4 else []

    told = await wait_until(all_told)
    assert [event["type"].rpartition(".")[2] for event in told] == [
        "redemption_fulfilled",
        "voucher_redeemed",
        "voucher_redemption_undone",
        "redemption_fulfilled",
    ]
    events = json.dumps(told)
    kept = await everything_kept(fallible.catalog.database.owner_url)
    log = fallible.catalog.process.said()
    assert redemption.name in kept
    assert "ImportCodes" in log
    assert f'"code_shown_of": "{redemption.name}"' in log
    assert "RedeemVoucher" in log
    assert '"cashier": "eve"' not in log
    for code in (ISSUED_CODE, FREE_CODE, MISTYPED_CODE, PROVIDED_CODE, secret.removeprefix("whsec_")):
        for text in (events, kept, log):
            assert code not in text
            assert code.encode().hex() not in text


async def test_what_became_of_a_redemption_is_told_once_with_its_numbers(fallible: Fallible, shop: Shop) -> None:
    mug, rich = await shop.reward(price=100, stock=2), await shop.member(200)
    kept, returned = await shop.redeem(mug, rich), await shop.redeem(mug, rich)
    await shop.fulfil(kept.name)
    await shop.cancel(returned.name)
    poor = await shop.member(1)
    with pytest.raises(RefusedError) as refused:
        await shop.redeem(mug, poor)
    [failed] = await shop.redemptions(poor)
    gone = await shop.member(100)
    homeless = await shop.redeem(mug, gone)
    await shop.close_account(gone)
    await shop.cancel(homeless.name)
    assert failed.state == res.REDEMPTION_STATE_FAILED
    kettle = await shop.reward("kettle", price=100, stock=1, cash=euros(450))
    paid = await shop.redeem(kettle, await shop.member(100))
    await shop.pay(paid.name, cash=euros(450), payment="ch_1")
    await shop.cancel(paid.name)

    async def all_told() -> list[dict[str, str]]:
        found = await events_of(fallible.services.endpoints, shop.program)
        return found if len(found) >= 9 else []

    events = await wait_until(all_told)
    issued = [event["subject"] for event in events if event["type"].endswith("issued")]
    assert issued == [kept.name, returned.name, homeless.name, paid.name]  # whoever hands them over waits for that
    events = [event for event in events if not event["type"].endswith("issued")]
    assert [(event["type"].rpartition(".")[2], event["subject"]) for event in events] == [
        ("redemption_fulfilled", kept.name),
        ("redemption_refunded", returned.name),
        ("redemption_failed", failed.name),
        ("redemption_refund_refused", homeless.name),
        ("redemption_refunded", paid.name),
    ]
    told = json.loads(events[4]["data"])  # whoever took the money learns that it is to be given back
    assert (told["payment"], told["cash_minor_units"], told["currency_code"]) == ("ch_1", 450, "EUR")
    told = json.loads(events[3]["data"])
    assert (told["reason"], told["ledger_reason"]) == ("PAYMENT_REFUSED", "ACCOUNT_CLOSED")
    assert json.loads(events[2]["data"]) == {
        "redemption": failed.name,
        "reward": mug,
        "account": poor,
        "price": 100,
        "reason": refused.value.reason,
    }


async def test_every_write_keeps_who_made_it(fallible: Fallible, shop: Shop) -> None:
    mug = await shop.reward(price=1, stock=2)
    await shop.import_codes(await shop.reward("card", codes=["CODE-1"]), [["CODE-2", "CODE-3"]])
    member = await shop.member(2)
    kept, returned = await shop.redeem(mug, member), await shop.redeem(mug, member)
    await shop.fulfil(kept.name)
    await shop.cancel(returned.name)
    connection = await asyncpg.connect(fallible.catalog.database.owner_url)
    try:
        rows = await connection.fetch(
            "select subject, change, amount, actor from changes where program = $1 order by id",
            shop.program.removeprefix("programs/"),
        )
        actors = await connection.fetch(
            "select distinct actor from redemptions where program = $1", shop.program.removeprefix("programs/")
        )
    finally:
        await connection.close()
    developer = "https://development.guerdon.dev|developer"
    assert [(row["change"], row["amount"]) for row in rows] == [
        ("CREATED", 2),
        ("CREATED", 0),
        ("CODES_ADDED", 1),
        ("CODES_ADDED", 2),
        ("HANDED_OVER", 0),
        ("CANCELLED", 0),
    ]
    assert {row["actor"] for row in [*rows, *actors]} == {developer}
    assert [row["subject"] for row in rows[-2:]] == [kept.name, returned.name]
