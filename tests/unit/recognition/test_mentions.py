"""What a message says by itself."""

from __future__ import annotations

import pytest

from recognition.domain.mentions import Mention, mentioned, mentions, tagged, unknown_mentions


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Thank you @ann!", [("ann", 10)]),
        ("@ann, @ben.lee and (@cleo).", [("ann", 0), ("ben.lee", 6), ("cleo", 20)]),
        ("@ann @ann", [("ann", 0), ("ann", 5)]),
        ("write to ann@example.com or @@ann", []),
        ("Grüße@ann, 東京 @ann", [("ann", 14)]),
        ("@ @. @-", []),
        ("", []),
    ],
)
def test_an_at_sign_and_an_id_mention_a_person(message: str, found: list[tuple[str, int]]) -> None:
    assert [(mention.person, mention.position) for mention in mentions(message)] == found
    assert all(message[position] == "@" for _, position in found)


def test_who_is_mentioned_twice_is_one_person_and_who_is_nobody_is_told_where() -> None:
    found = mentions("@ann @bob @ann")
    assert mentioned(found) == ("ann", "bob")
    [violation] = unknown_mentions("recognition.message", found, {"ann"})
    assert violation.description == "mentions @bob at character 5, who is nobody here"
    assert len(unknown_mentions("recognition.message", [Mention("ann", 0)] * 101, {"ann"})) == 1


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("#teamwork and #Care, #care again", ["#teamwork", "#care"]),
        ("#teamworks, a#care, https://x.test/#care", []),
        ("no. #1", []),
    ],
)
def test_the_values_that_a_message_names_count(message: str, values: list[str]) -> None:
    assert tagged(message, ["#care", "#teamwork"]) == values
