"""What is asked of the ledger follows from stored facts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from membership.domain.deliveries import DuePurchase, purchase_credit, return_clawbacks, welcome_credit
from membership.domain.ids import ID_LENGTH_MAX
from membership.domain.members import Member
from membership.domain.purchases import GoodsReturn, Spot, State, effective_time
from membership.domain.rows import Row, sort_out

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONGEST = "x" * ID_LENGTH_MAX


def test_request_and_account_ids_of_the_longest_ids_fit_the_ledger() -> None:
    member = Member(1, LONGEST, State.PENDING, NOW, 50, None)
    due = DuePurchase(LONGEST, LONGEST, NOW, NOW, 10, None, Spot(1, 1))
    back = GoodsReturn(LONGEST, LONGEST, NOW, NOW, 1, 1, 1, 1, State.PENDING, 0)
    taken = return_clawbacks(back, "t", (), {})[0]
    requests = [welcome_credit(member).request_id, purchase_credit(due).request_id, taken.request_id]
    requests.append(taken.rest_request_id)
    assert all(len(request_id) <= 64 for request_id in requests)
    assert len(set(requests)) == 4
    assert len(member.account_id) <= 63
    assert all(len(memo) <= 200 for memo in (purchase_credit(due).memo, return_clawbacks(back, "t", (), {})[0].memo))


def test_an_event_about_to_happen_is_booked_as_of_its_recording() -> None:
    """The ledger takes no event of its future, and its clock may be behind ours."""
    assert effective_time(NOW - timedelta(hours=1), NOW) == NOW - timedelta(hours=1)
    assert effective_time(NOW + timedelta(minutes=4), NOW) is None
    assert effective_time(NOW - timedelta(seconds=1), NOW) is None


def test_rows_are_sorted_out_by_their_bounds() -> None:
    good = Row(0, "p-1", "ada", 0, 0)
    bad = [
        Row(1, "p 1", "ada", 0, 0),
        Row(2, "p-1", "", 0, 0),
        Row(3, "p-1", "ada", None, 0),
        Row(4, "p-1", "ada", 101, 0),
        Row(5, "p-1", "ada", -1, 0),
        Row(6, "p-1", "ada", 0, 10**12 + 1),
        Row(7, "p.1", "a" * 61, None, -1),
    ]
    kept, wrong = sort_out([good, *bad], latest_us=100)
    assert kept == [good]
    assert {place: [one.field for one in refusal.violations] for place, refusal in wrong.items()} == {
        1: ["purchase_id"],
        2: ["member_id"],
        3: ["event_time"],
        4: ["event_time"],
        5: ["event_time"],
        6: ["amount_minor_units"],
        7: ["purchase_id", "member_id", "event_time", "amount_minor_units"],
    }
