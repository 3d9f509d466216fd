"""What a log may have of a request: nothing that its contract marks sensitive, and not much of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from guerdon_kit.grpc.scrub import ITEMS_MAX, SCRUBBED, TEXT_MAX, scrub
from tests.kit_protos import message

CARD = "4000-1234"


def request() -> Any:
    inner = {"secret": CARD, "label": "l"}
    made = message("Ask", name="programs/a", secret=CARD, inner=inner, inners=[inner, inner], left=inner)
    made.inner_by_key["k"].secret = CARD
    made.secrets["card"] = CARD
    made.labels["a"] = "b"
    return made


def test_no_sensitive_value_is_left_wherever_it_lies() -> None:
    scrubbed = scrub(request())
    assert CARD not in repr(scrubbed)
    assert scrubbed == {
        "name": "programs/a",
        "secret": SCRUBBED,
        "inner": {"label": "l", "secret": SCRUBBED},
        "inners": [{"label": "l", "secret": SCRUBBED}] * 2,
        "inner_by_key": {"k": {"secret": SCRUBBED}},
        "left": {"label": "l", "secret": SCRUBBED},
        "secrets": SCRUBBED,
        "labels": {"a": "b"},
    }


@pytest.mark.parametrize("size", [TEXT_MAX, 1_000_000])
def test_a_long_value_is_cut(size: int) -> None:
    made = message("Ask", name="x" * size, padding=b"y" * size, notes=["z" * size])
    made.labels["k" * size] = "v" * size
    assert scrub(made) == {
        "name": "x" * TEXT_MAX,
        "padding": b"y" * TEXT_MAX,
        "notes": ["z" * TEXT_MAX],
        "labels": {"k" * TEXT_MAX: "v" * TEXT_MAX},
    }


def test_of_many_items_the_first_are_kept() -> None:
    made = message("Ask", notes=map(str, range(1000)), inners=[{"label": "l"}] * 1000)
    made.labels.update({str(number): "v" for number in range(1000)})
    made.inner_by_key["k"].amounts.extend(range(1000))
    scrubbed = scrub(made)
    assert {name: len(scrubbed[name]) for name in ("notes", "inners", "labels")} == dict.fromkeys(
        ("notes", "inners", "labels"), ITEMS_MAX
    )
    assert scrubbed["inner_by_key"] == {"k": {"amounts": [*range(ITEMS_MAX)]}}
