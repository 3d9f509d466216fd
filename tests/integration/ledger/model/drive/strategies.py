"""What the machine draws from."""

from __future__ import annotations

from hypothesis import strategies as st

from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import RECOGNITION

members = st.integers(0, 7)
amounts = st.integers(1, 60) | st.sampled_from([1, 10, 100])
locks = st.none() | st.tuples(st.integers(0, 80), st.sampled_from([None, 0, 0, 0, 1]))
"""How much is locked, and how many versions ago that was found; None: it is not said."""
hours = st.integers(-2, 40)
hours_or_never = st.none() | hours
past = st.integers(0, 60) | st.integers(0, 400).map(lambda days: 24 * days)
"""So many hours ago."""
if_closed = st.sampled_from([res.IF_CLOSED_UNSPECIFIED, res.IF_CLOSED_REFUSE, res.IF_CLOSED_CARRY_FORWARD])
between_members = st.sampled_from([RECOGNITION, res.TRANSACTION_KIND_TRANSFER])
words = st.sampled_from(["", "thanks", "für später", "x" * 200])
policies = st.sampled_from([0, 1, 2, 3])
