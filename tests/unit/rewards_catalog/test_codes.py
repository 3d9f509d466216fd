"""Codes are sealed for one reward, found again by a keyed digest, and never shown by accident."""

from __future__ import annotations

import dataclasses
from hashlib import blake2b

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from rewards_catalog.domain.codes import DIGEST_BYTES, CodeKeys, Rejection, chunk_outcome, sort_chunk, well_formed
from rewards_catalog.domain.generated import CodeScheme

KEYS = CodeKeys(current="k1", sealing={"k1": b"1" * 32}, digest_key=b"d" * 32)
SCHEME = CodeScheme("GDN", 14)
CODES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=128)


@given(code=CODES)
def test_a_sealed_code_opens_as_it_was(code: str) -> None:
    assert KEYS.open("acme", "card", KEYS.seal("acme", "card", code)) == code


@given(code=CODES)
def test_what_is_kept_does_not_contain_the_code_and_two_seals_of_it_differ(code: str) -> None:
    one, other = KEYS.seal("acme", "card", code), KEYS.seal("acme", "card", code)
    assert code.encode() not in one.sealed
    assert one.sealed != other.sealed
    assert one.digest == other.digest


def test_a_sealed_code_opens_for_its_own_program_and_reward_only_and_only_unaltered() -> None:
    kept = KEYS.seal("acme", "card", "GIFT-1234")
    altered = dataclasses.replace(kept, sealed=kept.sealed[:-1] + bytes([kept.sealed[-1] ^ 1]))
    for program, reward, sealed in [("acme", "mug", kept), ("skyways", "card", kept), ("acme", "card", altered)]:
        with pytest.raises(InvalidTag):
            KEYS.open(program, reward, sealed)


def test_a_copy_is_found_within_a_program_but_two_programs_cannot_be_compared() -> None:
    assert KEYS.digest("acme", "GIFT-1234") == KEYS.digest("acme", "GIFT-1234")
    assert KEYS.digest("acme", "GIFT-1234") != KEYS.digest("acme", "GIFT-1235")
    assert KEYS.digest("acme", "GIFT-1234") != KEYS.digest("skyways", "GIFT-1234")


def test_a_digest_cannot_be_made_without_the_key() -> None:
    other = dataclasses.replace(KEYS, digest_key=b"e" * 32)
    assert KEYS.digest("acme", "GIFT-1234") != other.digest("acme", "GIFT-1234")
    assert KEYS.digest("acme", "GIFT-1234") != blake2b(b"GIFT-1234", digest_size=DIGEST_BYTES).digest()


def test_after_a_rotation_old_codes_open_new_ones_use_the_new_key_and_copies_are_still_found() -> None:
    old = KEYS.seal("acme", "card", "GIFT-1234")
    rotated = CodeKeys(current="k2", sealing={"k1": b"1" * 32, "k2": b"2" * 32}, digest_key=b"d" * 32)
    new = rotated.seal("acme", "card", "GIFT-1234")
    assert (old.key_id, new.key_id) == ("k1", "k2")
    assert rotated.open("acme", "card", old) == rotated.open("acme", "card", new) == "GIFT-1234"
    assert old.digest == new.digest


def test_keys_and_sealed_bytes_do_not_show_when_printed() -> None:
    assert "1111" not in repr(KEYS)
    assert "dddd" not in repr(KEYS)
    kept = KEYS.seal("acme", "card", "GIFT-1234")
    assert repr(kept.sealed) not in repr(kept)


def test_keys_of_a_wrong_size_or_without_the_current_one_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        CodeKeys(current="k1", sealing={"k1": b"short"}, digest_key=b"d" * 32)
    with pytest.raises(ValueError, match="current"):
        CodeKeys(current="k2", sealing={"k1": b"1" * 32}, digest_key=b"d" * 32)


@pytest.mark.parametrize("code", ["", "abc", "with space", "naïve-code", "tab\tcode", "line\n1234", "x" * 129])
def test_a_malformed_code_is_told_by_its_place_and_not_sealed(code: str) -> None:
    assert not well_formed(code)
    chunk = sort_chunk(KEYS, SCHEME, "acme", "card", ["GOOD-1", code, "GOOD-2"])
    assert [place for place, _ in chunk.sealed] == [0, 2]
    assert chunk.unfit == [(1, Rejection.MALFORMED)]


def test_a_code_that_every_till_would_call_mistyped_is_told_by_its_place_and_not_sealed() -> None:
    made = SCHEME.draw()
    wrong = made[:-1] + ("X" if made[-1] != "X" else "Y")
    chunk = sort_chunk(KEYS, SCHEME, "acme", "card", [wrong, made, made.lower()])
    assert chunk.unfit == [(0, Rejection.MISTYPED)]
    assert {code.digest for _, code in chunk.sealed} == {KEYS.digest("acme", made)}


def test_each_row_is_added_or_rejected_and_of_copies_the_first_is_added() -> None:
    chunk = sort_chunk(KEYS, SCHEME, "acme", "card", ["CODE-1", "CODE-2", "bad code", "CODE-1", "CODE-3"])
    known_before = {KEYS.digest("acme", "CODE-2")}
    inserted = {code.digest for _, code in chunk.sealed} - known_before
    outcome = chunk_outcome(chunk, inserted)
    assert outcome.imported == 2
    assert outcome.rejected == [(1, Rejection.DUPLICATE), (2, Rejection.MALFORMED), (3, Rejection.DUPLICATE)]
