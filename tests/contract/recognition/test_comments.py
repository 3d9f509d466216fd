"""What others say to a recognition: comments and reactions."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from guerdon import Client, InvalidRequestError, NotFoundError, PermissionDeniedError, RefusedError, new_request_id
from guerdon.recognition.v1 import comments_pb2 as pb
from guerdon.recognition.v1 import recognition_pb2 as recs
from tests.contract.recognition.test_changes import delete
from tests.contract.recognition.world import Employer


async def test_comments_are_read_oldest_first_and_taken_away_by_author_or_admin(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 5)
    made = [await _comment(employer, given, author, f"Well done, {author}") for author in ("ben", "cleo", "cleo")]
    assert await _comments(employer.admin, given) == made
    page = pb.ListCommentsRequest(parent=given.name, page_size=2)
    first = await employer.admin.comments.ListComments(page)
    page.page_token = first.next_page_token
    second = await employer.admin.comments.ListComments(page)
    assert [*first.comments, *second.comments] == made
    dan = employer.own_client("dan")
    with pytest.raises(PermissionDeniedError):
        await dan.comments.DeleteComment(pb.DeleteCommentRequest(name=made[0].name, request_id="away"))
    await employer.own_client("ben").comments.DeleteComment(
        pb.DeleteCommentRequest(name=made[0].name, request_id=new_request_id())
    )
    await employer.admin.comments.DeleteComment(pb.DeleteCommentRequest(name=made[1].name, request_id=new_request_id()))
    assert await _comments(dan, given) == made[2:]
    with pytest.raises(NotFoundError):
        await employer.admin.comments.DeleteComment(pb.DeleteCommentRequest(name=made[0].name, request_id="away"))
    with pytest.raises(InvalidRequestError):
        await _comment(employer, given, "ben", "x" * 1001)


async def test_one_of_each_emoji_for_each_person_set_and_unset(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 5)
    for person, emoji in [("ben", "🎉"), ("cleo", "🎉"), ("cleo", "🎉"), ("cleo", "👩🏽‍🔧"), ("dan", "❤️")]:
        await _react(employer, given, person, emoji)
    assert await _react(employer, given, "dan", "❤️", unset=True) == [("🎉", 2, False), ("👩🏽‍🔧", 1, False)]
    listed = await employer.admin.comments.ListReactions(
        pb.ListReactionsRequest(parent=given.name, viewer=employer.person("cleo"))
    )
    assert _counts(listed.reactions) == [("🎉", 2, True), ("👩🏽‍🔧", 1, True)]
    for word in ("yes", " ", "🎉" * 11):
        with pytest.raises(InvalidRequestError):
            await _react(employer, given, "ben", word)
    for number in range(9):
        await _react(employer, given, "ben", chr(0x1F600 + number))
    with pytest.raises(RefusedError) as refusal:
        await _react(employer, given, "ben", "🙏")
    assert refusal.value.metadata == {"limit": "10"}


async def test_what_is_said_to_a_private_recognition_is_for_those_concerned(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 5, private=True)
    comment = await _comment(employer, given, "ben", "Between us")
    assert await _comments(employer.own_client("ann"), given) == [comment]
    cleo = employer.own_client("cleo")
    for call in (
        cleo.comments.ListComments(pb.ListCommentsRequest(parent=given.name)),
        cleo.comments.ListReactions(pb.ListReactionsRequest(parent=given.name)),
        cleo.comments.SetReaction(pb.SetReactionRequest(parent=given.name, emoji="🎉", request_id="r")),
        cleo.comments.CreateComment(
            pb.CreateCommentRequest(parent=given.name, comment=pb.Comment(message="?"), request_id="c")
        ),
        cleo.comments.DeleteComment(pb.DeleteCommentRequest(name=comment.name, request_id="d")),
    ):
        with pytest.raises(NotFoundError):
            await call
    await delete(employer, given)
    with pytest.raises(NotFoundError):
        await _comments(employer.own_client("ann"), given)


async def _comment(employer: Employer, onto: recs.Recognition, author: str, message: str) -> pb.Comment:
    comment = pb.Comment(author=employer.person(author), message=message)
    request = pb.CreateCommentRequest(parent=onto.name, comment=comment, request_id=new_request_id())
    return (await employer.admin.comments.CreateComment(request)).comment


async def _comments(client: Client, onto: recs.Recognition) -> list[pb.Comment]:
    return list((await client.comments.ListComments(pb.ListCommentsRequest(parent=onto.name))).comments)


async def _react(
    employer: Employer, onto: recs.Recognition, person: str, emoji: str, *, unset: bool = False
) -> list[tuple[str, int, bool]]:
    request = pb.SetReactionRequest(
        parent=onto.name, person=employer.person(person), emoji=emoji, unset=unset, request_id=new_request_id()
    )
    return _counts((await employer.admin.comments.SetReaction(request)).reactions)


def _counts(reactions: Iterable[pb.ReactionCount]) -> list[tuple[str, int, bool]]:
    return [(one.emoji, one.count, one.mine) for one in reactions]
