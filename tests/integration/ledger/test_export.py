"""The exported journal is what accountants' own tools accept, and their balances are ours."""

from __future__ import annotations

import asyncio
import csv
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from beancount.core.data import Commodity, Open, Transaction

from guerdon import new_request_id
from guerdon.ledger.v1 import journal_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.ledger.world import (
    BUDGET,
    EXCHANGE_ACCOUNT,
    FUND,
    GRANT,
    MEMBER,
    Shop,
    World,
    stamp,
)

IDS = ["ada", "Ada", "QAda", "qada", "a_b", "a~b", "aQub", "7up", "m-42", "x--", "Q", "q"]
"""Members whose names a careless mapping would take for one another's."""
MEMO = 'He said "no\\yes": ; 2026-01-01 * {x} #tag ^link\n  Assets:Member:Ada  1000 POINTS\t| @ ü'


@pytest.fixture(scope="module")
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    service = module_services.start("ledger", databases.make("ledger"))
    yield service
    service.process.stop()
    databases.drop(service.database)


@pytest.fixture
async def shop(running: RunningService, module_services: ServiceFactory) -> Shop:
    return await World(running.target, module_services.identity).shop()


async def exported(shop: Shop, format_: journal_pb2.JournalFormat.ValueType) -> str:
    request = journal_pb2.ExportJournalRequest(parent=shop.name, format=format_)
    return "".join([part.text async for part in shop.ledger.ExportJournal(request)])


async def fill(shop: Shop) -> dict[tuple[str, str], Decimal]:
    """Trades in two units, one of cents, and answers the balances by account's and unit's id."""
    await shop.add_many(IDS)
    await shop.add("budget.points.q1_2026", BUDGET)
    await shop.add("exchange.points", EXCHANGE_ACCOUNT)
    unit = res.Unit(name=f"{shop.name}/units/4-cash-", scale=2)
    await shop.ledger.CreateUnit(pb.CreateUnitRequest(unit=unit, request_id=new_request_id()))
    wallet = res.Account(name=shop.account("wallet"), unit=unit.name, kind=MEMBER)
    await shop.ledger.CreateAccount(pb.CreateAccountRequest(account=wallet, request_id=new_request_id()))
    for number, member in enumerate(IDS, start=1):
        await shop.earn(member, 100 * number)
        await shop.spend(member, number)
    await shop.post(1, shop.posting("issuance.4-cash-", "wallet", 5))
    await shop.post(1, shop.posting("issuance.4-cash-", "wallet", 12_345), memo=MEMO)
    await shop.post(FUND, shop.posting("issuance.points", "budget.points.q1_2026", 70))
    await shop.post(
        GRANT,
        shop.posting("budget.points.q1_2026", "ada", 20),
        shop.posting("budget.points.q1_2026", "Ada", 30),
        effective_time=stamp(datetime(1997, 2, 28, 23, 59, 59, tzinfo=UTC)),
    )
    await shop.reverse(await shop.earn("m-42", 11), 4)
    balances = {}
    accounts = [*IDS, "issuance.points", "redemption.points", "breakage.points", "adjustment.points"]
    accounts += ["budget.points.q1_2026", "exchange.points"]
    for account in accounts:
        balances[account, "points"] = Decimal((await shop.balance(account)).posted)
    for account in ("wallet", "issuance.4-cash-"):
        balances[account, "4-cash-"] = Decimal((await shop.balance(account)).posted) / 100
    return {key: value for key, value in balances.items() if value}


async def test_bean_check_accepts_the_journal_and_its_balances_are_ours(shop: Shop, tmp_path: Path) -> None:
    ours = await fill(shop)
    file = tmp_path / "journal.beancount"
    file.write_text(await exported(shop, journal_pb2.JOURNAL_FORMAT_BEANCOUNT), encoding="utf-8")
    assert await ran(str(Path(sys.executable).with_name("bean-check")), str(file)) == (0, "", "")
    entries, errors, _ = loader.load_file(str(file))
    assert errors == []
    units = {one.currency: one.meta["unit"].rpartition("/")[2] for one in entries if isinstance(one, Commodity)}
    opened = [one for one in entries if isinstance(one, Open)]
    names = {one.account: one.meta["name"].rpartition("/")[2] for one in opened}
    assert len(names) == len(opened) == len(IDS) + 11
    moved = [one for one in entries if isinstance(one, Transaction)]
    theirs: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for transaction in moved:
        for leg in transaction.postings:
            assert leg.units is not None
            assert leg.units.number is not None
            theirs[names[leg.account], units[leg.units.currency]] += leg.units.number
    assert {key: value for key, value in theirs.items() if value} == ours
    assert moved[0].date.isoformat() == "1997-02-28"
    assert len(moved) == 2 * len(IDS) + 6


async def test_the_plain_text_of_ledger_says_the_same(shop: Shop, tmp_path: Path) -> None:
    ours = await fill(shop)
    text = await exported(shop, journal_pb2.JOURNAL_FORMAT_LEDGER)
    assert parsed(text) == ours
    hledger = shutil.which("hledger")
    if hledger is not None:
        file = tmp_path / "journal.ledger"
        file.write_text(text, encoding="utf-8")
        assert await ran(hledger, "check", "--strict", "-f", str(file)) == (0, "", "")
        _, told, _ = await ran(hledger, "balance", "-f", str(file), "--flat", "--layout=tidy", "-O", "csv")
        rows = csv.DictReader(told.splitlines())
        theirs = {}
        for row in rows:
            _, kind, id_ = row["account"].split(":")
            name = id_ if kind == "Member" else f"{kind.lower()}.{id_}"
            theirs[name, row["commodity"].strip('"')] = Decimal(row["value"])
        assert theirs == ours


ACCOUNT = r"(?:Assets|Income|Expenses|Equity):(Member|Budget|Issuance|Redemption|Breakage|Exchange|Adjustment):(\S+)"
LINES = {
    "commodity": r'commodity "([a-z0-9-]+)"',
    "format": r'    format 1\.(0*) "([a-z0-9-]+)"',
    "account": rf"account {ACCOUNT}",
    "transaction": r"(\d{4}-\d\d-\d\d) \* \((\d+)\) ([A-Z]+)",
    "comment": r" *; .*",
    "leg": rf'    {ACCOUNT}  (-?\d+(?:\.\d+)?) "([a-z0-9-]+)"',
    "empty": "",
}


def parsed(text: str) -> dict[tuple[str, str], Decimal]:
    """The balances that a journal comes to, read strictly: every line is one of these, every transaction sums to zero,
    every account and commodity is declared before it is used, and every amount has its commodity's places.
    """
    declared: set[str] = set()
    places: dict[str, int] = {}
    sums: dict[str, Decimal] = defaultdict(Decimal)
    balances: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in text.split("\n"):
        kinds = [kind for kind, form in LINES.items() if re.fullmatch(form, line)]
        assert len(kinds) == 1, line
        match = re.fullmatch(LINES[kinds[0]], line)
        assert match is not None
        if kinds[0] == "format":
            places[match[2]] = len(match[1])
        elif kinds[0] == "account":
            assert line.removeprefix("account ") not in declared
            declared.add(line.removeprefix("account "))
        elif kinds[0] == "transaction":
            assert not any(sums.values())
        elif kinds[0] == "leg":
            assert line.split()[0] in declared
            kind, id_, amount, unit = match.groups()
            assert len(amount.partition(".")[2]) == places[unit]
            sums[unit] += Decimal(amount)
            balances[id_ if kind == "Member" else f"{kind.lower()}.{id_}", unit] += Decimal(amount)
    assert not any(sums.values())
    return {key: value for key, value in balances.items() if value}


async def ran(*command: str) -> tuple[int, str, str]:
    """A command's exit code and what it said."""
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
