"""What a till can do with a voucher, and what is left of it then."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import DomainError, InvalidField
from rewards_catalog.domain import errors
from rewards_catalog.domain.kinds import Cash, GiftCard, Merchandise
from rewards_catalog.domain.vouchers import (
    Till,
    Undoing,
    Use,
    Voucher,
    VoucherState,
    VoucherTerms,
    check_terms,
    check_till,
    check_usable,
    unused,
    used,
    value_of,
    voided,
)
from tests.unit.rewards_catalog.builders import NOW, a_reward

TILL = Till("main street", "3", "eve")
EUR = "EUR"
HOUR = timedelta(hours=1)


def a_voucher(balance: int | None = None, value: int | None = None, **changes: Any) -> Voucher:
    """One that is used as a whole, or one with a balance."""
    cash = None if balance is None else Cash(value or balance, EUR)
    fields: dict[str, Any] = {
        "program": "acme",
        "id": "rd-1",
        "reward": "card",
        "reward_version": 1,
        "account": "programs/acme/accounts/m-1",
        "title": "Card",
        "value": cash,
        "balance": balance,
        "cancellable": True,
        "start_time": NOW,
        "end_time": NOW + HOUR,
        "state": VoucherState.ISSUED,
        "create_time": NOW,
    }
    return Voucher(**{**fields, **changes})


def a_use(voucher: Voucher, amount: int | None = None, **changes: Any) -> Use:
    """A use of the voucher, just now."""
    fields: dict[str, Any] = {
        "voucher": voucher,
        "id": "vu-1",
        "amount": amount,
        "balance": voucher.balance,
        "till": TILL,
        "actor": "issuer|till",
        "create_time": NOW,
        "undo_end_time": NOW + HOUR,
        "undoing": None,
    }
    return Use(**{**fields, **changes})


def test_a_voucher_without_a_balance_is_used_once_and_the_next_till_learns_when_and_where() -> None:
    after = used(a_voucher(), None, NOW, None)
    assert after.state is VoucherState.REDEEMED
    with pytest.raises(errors.AlreadyRedeemed) as refused:
        used(after, None, NOW, a_use(after))
    assert refused.value.metadata == {
        "voucher": "programs/acme/vouchers/rd-1",
        "redeem_time": NOW.isoformat(),
        "store": "main street",
        "terminal": "3",
    }


@given(value=st.integers(1, 2**53), amounts=st.lists(st.integers(1, 2**53), max_size=20))
def test_a_balance_is_used_as_far_as_it_goes_and_never_further(value: int, amounts: list[int]) -> None:
    voucher, left = a_voucher(value), value
    for amount in amounts:
        if not left:
            with pytest.raises(errors.AlreadyRedeemed):
                used(voucher, Cash(amount, EUR), NOW, a_use(voucher, amount))
        elif amount > left:
            with pytest.raises(errors.InsufficientBalance) as refused:
                used(voucher, Cash(amount, EUR), NOW, None)
            assert refused.value.metadata["available"] == str(left)
            assert refused.value.metadata["missing"] == str(amount - left)
        else:
            voucher, left = used(voucher, Cash(amount, EUR), NOW, None), left - amount
        assert voucher.balance == left
        assert (voucher.state is VoucherState.REDEEMED) == (left == 0)


@given(data=st.data(), amounts=st.lists(st.integers(1, 50), min_size=1, max_size=10))
def test_undone_in_whatever_order_uses_give_back_what_they_took(data: st.DataObject, amounts: list[int]) -> None:
    value = sum(amounts)
    voucher = a_voucher(value)
    uses = []
    for amount in amounts:
        voucher = used(voucher, Cash(amount, EUR), NOW, None)
        uses.append(a_use(voucher, amount))
    for use in data.draw(st.permutations(uses)):
        voucher = unused(voucher, use, NOW)
        assert voucher.state is VoucherState.ISSUED
    assert voucher.balance == value


def test_a_use_is_undone_once_and_in_time() -> None:
    voucher = used(a_voucher(), None, NOW, None)
    use = a_use(voucher)
    assert unused(voucher, use, NOW + HOUR - timedelta(microseconds=1)) == a_voucher()
    with pytest.raises(errors.UndoTooLate):
        unused(voucher, use, NOW + HOUR)
    with pytest.raises(errors.AlreadyUndone):
        unused(voucher, dataclasses.replace(use, undoing=Undoing(NOW, TILL, "issuer|till")), NOW)


@pytest.mark.parametrize(
    ("voucher", "now", "refusal"),
    [
        (a_voucher(), NOW - timedelta(microseconds=1), errors.VoucherNotYetValid),
        (a_voucher(), NOW, None),
        (a_voucher(), NOW + HOUR - timedelta(microseconds=1), None),
        (a_voucher(), NOW + HOUR, errors.VoucherExpired),
        (a_voucher(end_time=None), NOW + timedelta(days=99_999), None),
        (a_voucher(state=VoucherState.VOID), NOW, errors.VoucherIsVoid),
    ],
)
def test_a_voucher_can_be_used_from_its_start_until_before_its_end(
    voucher: Voucher, now: datetime, refusal: type[DomainError] | None
) -> None:
    if refusal is None:
        check_usable(voucher, None, now, None)
    else:
        with pytest.raises(refusal):
            check_usable(voucher, None, now, None)


@pytest.mark.parametrize(
    ("voucher", "amount", "field"),
    [
        (a_voucher(), Cash(1, EUR), "amount"),
        (a_voucher(100), None, "amount"),
        (a_voucher(100), Cash(1, "USD"), "amount.currency_code"),
        (a_voucher(100), Cash(0, EUR), "amount.minor_units"),
        (a_voucher(100), Cash(-5, EUR), "amount.minor_units"),
        (a_voucher(100), Cash(2**53 + 1, EUR), "amount.minor_units"),
    ],
)
def test_an_amount_that_does_not_fit_the_voucher_is_a_wrong_field(
    voucher: Voucher, amount: Cash | None, field: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        used(voucher, amount, NOW, None)
    assert [violation.field for violation in refused.value.violations] == [field]


def test_a_voucher_is_made_void_only_untouched_and_where_its_terms_allow_it() -> None:
    name = "programs/acme/redemptions/rd-1"
    assert voided(a_voucher(), name).state is VoucherState.VOID
    assert voided(a_voucher(100), name).balance == 100
    for touched in (a_voucher(state=VoucherState.REDEEMED), a_voucher(60, value=100)):
        with pytest.raises(errors.VoucherRedeemed):
            voided(touched, name)
    with pytest.raises(errors.AlreadyFulfilled):
        voided(a_voucher(cancellable=False), name)


@pytest.mark.parametrize(
    ("terms", "end"),
    [
        (VoucherTerms(), None),
        (VoucherTerms(end_time=NOW + HOUR), NOW + HOUR),
        (VoucherTerms(valid_for=HOUR), NOW + HOUR),
        (VoucherTerms(valid_for=HOUR, end_time=NOW + 2 * HOUR), NOW + HOUR),
        (VoucherTerms(valid_for=3 * HOUR, end_time=NOW + 2 * HOUR), NOW + 2 * HOUR),
    ],
)
def test_a_voucher_ends_with_its_time_and_never_after_the_end_of_all(terms: VoucherTerms, end: datetime | None) -> None:
    assert terms.end_of(NOW) == end


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (VoucherTerms(start_time=NOW, end_time=NOW), "terms.end_time"),
        (VoucherTerms(valid_for=timedelta(days=3_661)), "terms.valid_for"),
    ],
)
def test_terms_out_of_bounds_are_named(terms: VoucherTerms, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_terms(terms)
    assert [violation.field for violation in refused.value.violations] == [field]


def test_a_till_names_its_store_and_its_terminal_and_perhaps_who_works_there() -> None:
    check_till(Till("s", "t", ""))
    with pytest.raises(InvalidField) as refused:
        check_till(Till("", "t" * 64, "a\nb"))
    assert [v.field for v in refused.value.violations] == ["till.store", "till.terminal", "till.cashier"]


def test_only_a_gift_card_has_a_balance() -> None:
    assert value_of(a_reward(kind=GiftCard(Cash(2500, EUR)))) == Cash(2500, EUR)
    assert value_of(a_reward(kind=Merchandise("mug-1"))) is None
    assert value_of(a_reward(kind=None)) is None
