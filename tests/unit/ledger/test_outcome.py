"""What is kept of an answer is what is answered again."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.model import NEVER, AccountState, Balance, HoldState
from ledger.operations.outcome import Outcome, account_ids, decode
from tests.unit.ledger.builders import ADA, BEN

int64 = st.integers(-(2**63), 2**63 - 1)
ids = st.integers(0, 2**63 - 1)
times = st.datetimes(datetime(1900, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - zone added
balances = st.builds(
    Balance,
    st.sampled_from([ADA, BEN]),
    *[int64] * 8,
    times | st.just(NEVER),
    st.sampled_from(AccountState),
)
outcomes = st.builds(
    Outcome,
    times,
    st.lists(balances, max_size=4).map(tuple),
    ids,
    ids,
    st.sampled_from(HoldState),
    ids,
    ids,
)


@given(outcomes)
def test_an_outcome_is_decoded_as_it_was_encoded(outcome: Outcome) -> None:
    data = outcome.encode()
    assert len(data) == 41 + 81 * len(outcome.balances)
    assert list(account_ids(data)) == [balance.account.id for balance in outcome.balances]
    assert decode(data, {ADA.id: ADA, BEN.id: BEN}) == outcome
