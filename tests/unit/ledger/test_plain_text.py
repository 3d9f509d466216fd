"""Names in a journal: what the tools take, and never one for two."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from beancount.core.account import is_valid
from beancount.core.amount import CURRENCY_RE
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.model import AccountKind, Kind
from ledger.domain.plain_text import (
    Beancount,
    JournalAccount,
    JournalPosting,
    JournalTransaction,
    JournalUnit,
    Ledger,
    beancount_part,
    beancount_unit,
)

ACCOUNT_IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,5}", fullmatch=True) | st.from_regex(
    r"[Qq][Qqutd._~]{0,4}", fullmatch=True
)
UNIT_IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,29}", fullmatch=True)


@given(ACCOUNT_IDS, ACCOUNT_IDS)
def test_no_two_accounts_have_one_name(one: str, other: str) -> None:
    assert is_valid(f"Assets:{beancount_part(one)}")
    assert (beancount_part(one) == beancount_part(other)) is (one == other)


@given(UNIT_IDS, UNIT_IDS)
def test_no_two_units_have_one_name(one: str, other: str) -> None:
    assert re.fullmatch(CURRENCY_RE, beancount_unit(one))
    assert (beancount_unit(one) == beancount_unit(other)) is (one == other)


@pytest.mark.parametrize(
    ("id_", "name"),
    [("ada", "Ada"), ("Ada", "QAda"), ("m-42", "M-42"), ("m_42", "MQu42"), ("7up", "7up"), ("qa", "Qqa"), ("Q", "QQQ")],
)
def test_names_are_what_the_documentation_says(id_: str, name: str) -> None:
    assert beancount_part(id_) == name


POINTS, CASH = JournalUnit("points", 0), JournalUnit("cash", 3)
AT = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)


def transaction(unit: JournalUnit, amount: int) -> JournalTransaction:
    ada = JournalAccount(AccountKind.MEMBER, "ada", unit)
    issuance = JournalAccount(AccountKind.ISSUANCE, f"issuance.{unit.id}", unit)
    return JournalTransaction(7, Kind.EARN, AT, AT, "till", "", 0, (JournalPosting(issuance, ada, amount),))


@pytest.mark.parametrize(
    ("unit", "amount", "written"), [(POINTS, 12, "12"), (CASH, 12, "0.012"), (CASH, 2**53, "9007199254740.992")]
)
def test_amounts_have_the_units_places(unit: JournalUnit, amount: int, written: str) -> None:
    for writer, name in ((Beancount, unit.id.upper()), (Ledger, f'"{unit.id}"')):
        text = writer("programs/acme", ZoneInfo("UTC")).transaction(transaction(unit, amount))
        assert f"  {written} {name}\n" in text
        assert f"  -{written} {name}\n" in text


def test_a_transaction_has_the_day_of_the_programs_time_zone() -> None:
    for writer in (Beancount, Ledger):
        text = writer("programs/acme", ZoneInfo("Asia/Tokyo")).transaction(transaction(POINTS, 1))
        assert text.startswith("\n2026-02-01 ")
