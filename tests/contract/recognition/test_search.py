"""Searching the feed by the words of its messages."""

from __future__ import annotations

import pytest

from guerdon import InvalidRequestError
from guerdon.recognition.v1 import recognition_pb2 as recs
from tests.contract.recognition.test_changes import delete, edit
from tests.contract.recognition.world import Employer


async def say(
    employer: Employer, giver: str, receiver: str, message: str, *, private: bool = False
) -> recs.Recognition:
    """Gives a point with a message."""
    request = employer.thanks(giver, [receiver], 1, message=message, private=private)
    return (await employer.admin.recognition.CreateRecognition(request)).recognition


async def found(employer: Employer, query: str, viewer: str = "", **filters: str) -> list[str]:
    """The messages that are found, newest first."""
    answer = await employer.feed(viewer=viewer, query=query, **filters)  # type: ignore[arg-type]  # words only
    return [one.message for one in answer.recognitions]


async def test_all_words_are_in_what_is_found_in_whatever_order_and_case(employer: Employer) -> None:
    said = ["Closed the Zürich deal, @cleo!", "The deal of the year #care", "Dealing with it: 24/7 👏"]
    for message in said:
        await say(employer, "ann", "ben", message)
    for query, places in [
        ("deal", [1, 0]),
        ("DEAL zürich", [0]),
        ("Zürich: deal?", [0]),
        ("deal care", [1]),
        ("cleo", [0]),
        ("dealing 24/7", [2]),
        ("deals", []),
        ("'; or | & ! (", []),
    ]:
        assert await found(employer, query) == [said[place] for place in places], query
    assert await found(employer, "deal", value="#care") == [said[1]]
    assert await found(employer, "deal", person="cleo") == []
    assert await found(employer, "deal", person="ben") == [said[1], said[0]]


async def test_what_is_private_is_found_by_whom_it_concerns_alone(employer: Employer) -> None:
    secret = await say(employer, "ann", "ben", "The merger", private=True)
    assert [await found(employer, "merger", viewer) for viewer in ("ann", "ben", "cleo", "")] == [
        ["The merger"],
        ["The merger"],
        [],
        [],
    ]
    edited, _ = await edit(employer, secret, "message", message="The fusion")
    assert (await found(employer, "merger", "ben"), await found(employer, "fusion", "ben")) == ([], ["The fusion"])
    await delete(employer, edited)
    assert await found(employer, "fusion", "ben") == []


async def test_what_is_found_is_paged_as_the_feed_is(employer: Employer) -> None:
    said = [f"Deal {number}" for number in range(5)]
    for message in said:
        await say(employer, "ann", "ben", message)
    first = await employer.feed(query="deal", page_size=3)
    second = await employer.feed(query="deal", page_size=3, page_token=first.next_page_token)
    assert [one.message for one in [*first.recognitions, *second.recognitions]] == said[::-1]
    assert not second.next_page_token
    with pytest.raises(InvalidRequestError):
        await employer.feed(query="other", page_size=3, page_token=first.next_page_token)


@pytest.mark.parametrize("query", ["!?", " ", "a\nb", "a\0", "x" * 201])
async def test_a_query_without_words_is_refused(employer: Employer, query: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.feed(query=query)
    assert [one.field for one in refusal.value.violations] == ["query"]
