"""Importing purchases: in chunks, again, resumed, with errors by row."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from guerdon import InvalidRequestError, NotFoundError
from guerdon.membership.v1 import membership_pb2 as pb
from tests.contract.membership.world import Shop, row, stream, when

SAMPLE = Path(__file__).parents[3] / "examples" / "data" / "cdnow_sample.txt"


def cdnow_rows() -> list[pb.PurchaseRow]:
    """The sample of the CDNOW file (Fader and Hardie, public research data); an id is the row's number."""
    rows = []
    for number, line in enumerate(SAMPLE.read_text().splitlines()[1:], start=1):
        customer, date, _, dollars = line.split()
        whole, _, cents = dollars.partition(".")
        day = when(int(date[:4]), int(date[4:6]), int(date[6:]), 12)
        rows.append(row(f"cdnow-{number}", customer, int(whole) * 100 + int(cents.ljust(2, "0")), day))
    return rows


def reasons(answer: pb.ImportPurchasesResponse) -> dict[int, str]:
    found = {}
    for error in answer.errors:
        info = error_details_pb2.ErrorInfo()
        assert error.error.details[0].Unpack(info)
        found[error.row] = info.reason
    return found


async def test_real_purchases_earn_their_known_sums_and_a_second_import_nothing(shop: Shop) -> None:
    rows = cdnow_rows()
    chunks = [shop.chunk(at + 1, rows[at : at + 500]) for at in range(0, len(rows), 500)]
    answers = await shop.import_(chunks)
    assert [answer.first_row for answer in answers] == [chunk.first_row for chunk in chunks]
    assert sum(answer.recorded_count for answer in answers) == 3_365
    assert sum(answer.enrolled_count for answer in answers) == 1_178
    assert sum(answer.base_points for answer in answers) == 111_591
    assert not any(answer.pending_count or answer.errors for answer in answers)
    totals = await shop.totals(when(1998, 6, 30))
    assert (totals.purchase_count, totals.member_count, totals.base_points) == (3_365, 1_178, 111_591)
    assert totals.pending_purchase_count == 0
    posted = (await shop.balance("05420")).posted
    assert posted > 50 + 1_930  # the welcome bonus, the base, and what silver and gold added

    again = await shop.import_([shop.chunk(at + 1, rows[at : at + 1000]) for at in range(0, len(rows), 1000)])
    assert sum(answer.recorded_count for answer in again) == 0
    assert sum(answer.already_recorded_count for answer in again) == 3_365
    assert (await shop.balance("05420")).posted == posted
    assert await shop.totals(when(1998, 6, 30)) == totals


async def test_the_ledger_holds_exactly_what_membership_awarded(shop: Shop) -> None:
    rows = cdnow_rows()[:1000]
    await shop.import_([shop.chunk(at + 1, rows[at : at + 250]) for at in range(0, len(rows), 250)])
    totals = await shop.totals()
    balances = await asyncio.gather(*(shop.balance(member) for member in sorted({one.member_id for one in rows})))
    awarded = totals.base_points + totals.tier_points + totals.welcome_points
    assert sum(balance.posted for balance in balances) == awarded


async def test_a_chunk_again_under_its_id_is_answered_as_it_was(shop: Shop) -> None:
    chunk = shop.chunk(1, [row("a", "ada", 10_00), row("b", "ada", -1)], request_id="chunk-1")
    [first] = await shop.import_([chunk])
    [again] = await shop.import_([chunk])
    assert (first.replayed, again.replayed) == (False, True)
    again.replayed = False
    assert again == first
    assert await shop.statement("ada") == [(50, "Welcome"), (10, "Purchase a")]
    other = shop.chunk(1, [row("a", "ada", 10_00)], request_id="chunk-1")
    with pytest.raises(InvalidRequestError) as reused:
        await shop.import_([other])
    assert (reused.value.reason, reused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "rows")


async def test_what_is_wrong_with_a_row_is_told_by_its_number_and_the_others_are_recorded(shop: Shop) -> None:
    await shop.enroll("ada")
    rows = [
        row("a", "ada", 10_00),
        row("b", "nobody", 10_00),
        row("c", "ada", -1),
        pb.PurchaseRow(purchase_id="d", member_id="ada", amount_minor_units=100),
        row("e f", "ada", 10_00),
        row("a", "ada", 11_00),
        row("g", "ada", 10_00, when(2100, 1, 1)),
        row("h", "ada", 10_00, Timestamp(seconds=1, nanos=-1)),
        row("i", "ada", 5_00),
    ]
    [answer] = await shop.import_([shop.chunk(101, rows, enroll=False)])
    assert reasons(answer) == {
        102: "NOT_FOUND",
        103: "INVALID_FIELD",
        104: "INVALID_FIELD",
        105: "INVALID_FIELD",
        106: "PURCHASE_DIFFERS",
        107: "INVALID_FIELD",
        108: "INVALID_FIELD",
    }
    fields = error_details_pb2.BadRequest()
    assert answer.errors[1].error.details[1].Unpack(fields)
    assert [one.field for one in fields.field_violations] == ["amount_minor_units"]
    assert (answer.recorded_count, answer.already_recorded_count, answer.base_points) == (2, 0, 15)
    assert (await shop.balance("ada")).posted == 65


async def test_a_member_whose_account_has_another_unit_is_told_by_its_rows_and_keeps_nobody_else_waiting(
    shop: Shop,
) -> None:
    taken = {await shop.take_account("m3"), await shop.take_account("m8")}
    rows = [row(f"p{n}", f"m{n % 10}", 10_00) for n in range(30)] + [row("bad", "m3", -1)]
    chunk = shop.chunk(101, rows)
    [answer] = await shop.import_([chunk])
    theirs = [101 + n for n in range(30) if n % 10 in {3, 8}]
    assert reasons(answer) == dict.fromkeys(theirs, "ACCOUNT_TAKEN") | {131: "INVALID_FIELD"}
    assert [error.row for error in answer.errors] == [*theirs, 131]
    info = error_details_pb2.ErrorInfo()
    assert answer.errors[0].error.details[0].Unpack(info)
    assert info.metadata["account"] in taken
    assert (answer.recorded_count, answer.enrolled_count, answer.pending_count) == (30, 10, 2 * (1 + 3))
    assert (await shop.totals()).pending_purchase_count == 2 * 3
    for member_id in ("m0", "m2", "m4", "m7", "m9"):
        assert (await shop.balance(member_id)).posted == 50 + 30
    assert [(await shop.balance(member_id)).posted for member_id in ("m3", "m8")] == [0, 0]

    [again] = await shop.import_([chunk])
    again.replayed = False
    assert again == answer
    [other] = await shop.import_([shop.chunk(1, [row("q0", "m0", 5_00), row("q3", "m3", 5_00)])])
    assert (reasons(other), (await shop.balance("m0")).posted) == ({2: "ACCOUNT_TAKEN"}, 50 + 35)


async def test_two_imports_of_the_same_rows_at_once_credit_once(shop: Shop) -> None:
    rows = cdnow_rows()[:600]
    files = [[shop.chunk(at + 1, rows[at : at + 100]) for at in range(0, 600, 100)] for _ in range(3)]
    answers = [answer for file in await asyncio.gather(*map(shop.import_, files)) for answer in file]
    assert sum(answer.recorded_count for answer in answers) == 600
    assert sum(answer.already_recorded_count for answer in answers) == 1_200
    totals = await shop.totals()
    balances = await asyncio.gather(*(shop.balance(member) for member in sorted({one.member_id for one in rows})))
    awarded = totals.base_points + totals.tier_points + totals.welcome_points
    assert sum(balance.posted for balance in balances) == awarded


async def test_a_chunk_is_answered_before_the_next_one_is_sent(shop: Shop) -> None:
    call = shop.membership.membership.ImportPurchases()
    for number in (1, 2):
        await call.write(shop.chunk(number, [row(f"p{number}", "ada", 10_00)]))
        answer = await call.read()
        assert isinstance(answer, pb.ImportPurchasesResponse)
        assert (answer.first_row, answer.recorded_count) == (number, 1)
    await call.done_writing()


async def test_a_stream_that_its_caller_gave_up_is_resumed_by_sending_again(shop: Shop) -> None:
    rows = [row(f"p{n}", f"m{n % 40}", 10_00) for n in range(2_000)]
    chunks = [shop.chunk(at + 1, rows[at : at + 200]) for at in range(0, len(rows), 200)]
    call = shop.membership.membership.ImportPurchases(stream(chunks))
    async for _ in call:
        call.cancel()
        break
    answers = await shop.import_(chunks)
    assert len(answers) == 10
    totals = await shop.totals()
    assert (totals.purchase_count, totals.base_points) == (2_000, 20_000)
    balances = await asyncio.gather(*(shop.balance(f"m{n}") for n in range(40)))
    assert sum(balance.posted for balance in balances) == 20_000 + totals.tier_points + totals.welcome_points


async def test_rows_of_a_chunk_are_rated_in_event_time_order(shop: Shop) -> None:
    late, early = row("late", "ada", 10_00, when(2026, 2, 1)), row("early", "ada", 100_00, when(2026, 1, 1))
    [answer] = await shop.import_([shop.chunk(1, [late, early])])
    assert (answer.base_points, answer.tier_points) == (110, 2)


async def test_an_import_may_mix_with_purchases_at_the_till(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("till-ada", "ada", 10_00)
    [answer] = await shop.import_([shop.chunk(1, [row("till-ada", "ada", 10_00), row("new", "ada", 7_00)])])
    assert (answer.recorded_count, answer.already_recorded_count, answer.enrolled_count) == (1, 1, 0)
    assert (await shop.balance("ada")).posted == 50 + 17


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"first_row": -1}, "first_row"),
        ({"rows": [row(f"r{n}", "ada", 1) for n in range(1001)]}, "rows"),
        ({"rows": []}, "rows"),
        ({"request_id": " "}, "request_id"),
    ],
)
async def test_a_chunk_has_bounds(shop: Shop, change: dict[str, object], field: str) -> None:
    chunk = shop.chunk(1, [row("a", "ada", 10_00)])
    for name, value in change.items():
        chunk.ClearField(name)  # type: ignore[arg-type]  # by name
        chunk.MergeFrom(pb.ImportPurchasesRequest(**{name: value}))  # type: ignore[arg-type]  # by name
    with pytest.raises(InvalidRequestError) as refused:
        await shop.import_([chunk])
    assert [violation.field for violation in refused.value.violations] == [field]


async def test_a_stream_is_of_one_program(shop: Shop) -> None:
    stranger = Shop("programs/nowhere", shop.books, shop.membership)
    answers = shop.membership.membership.ImportPurchases(
        stream([shop.chunk(1, [row("a", "ada", 1_00)]), stranger.chunk(2, [row("b", "ada", 1_00)])])
    )
    with pytest.raises(InvalidRequestError) as refused:
        async for _ in answers:
            pass
    assert [violation.field for violation in refused.value.violations] == ["parent"]
    with pytest.raises(NotFoundError):
        await stranger.import_([stranger.chunk(1, [row("a", "ada", 1_00)])])
