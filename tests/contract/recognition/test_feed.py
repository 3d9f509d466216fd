"""The feed: recognitions, awards and celebrations as they were given, each to those who see it, with what was said."""

from __future__ import annotations

import pytest

from guerdon import Client, InvalidRequestError, NotFoundError, PermissionDeniedError, new_request_id
from guerdon.recognition.v1 import celebrations_pb2 as celebrations
from guerdon.recognition.v1 import comments_pb2 as comments
from guerdon.recognition.v1 import feed_pb2 as pb
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import teams_pb2 as teams
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.test_changes import edit
from tests.contract.recognition.world import Employer

SCOPE = "recognition.feed.read"


async def feed(
    employer: Employer,
    viewer: str = "",
    client: Client | None = None,
    *,
    person: str = "",
    team: str = "",
    value: str = "",
) -> list[pb.FeedItem]:
    """The whole feed, in pages of two."""
    request = pb.ListFeedRequest(
        parent=employer.name,
        viewer=employer.person(viewer) if viewer else "",
        page_size=2,
        person=employer.person(person) if person else "",
        team=team,
        value=value,
    )
    found: list[pb.FeedItem] = []
    while True:
        answer = await (client or employer.admin).feed.ListFeed(request)
        found += answer.items
        if not answer.next_page_token:
            break
        assert len(answer.items) == 2
        request.page_token = answer.next_page_token
    times = [one.feed_time.ToDatetime() for one in found]
    assert times == sorted(times, reverse=True)
    return found


def names(items: list[pb.FeedItem]) -> list[str]:
    """The names of what is in the feed."""
    return [one.recognition.name or one.award.name or one.celebration.name for one in items]


async def test_an_award_comes_into_the_feed_when_it_is_paid_and_is_seen_by_whom_it_concerns(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    program = await awarding.program("spot", [awarding.person("dan")])
    nominated = [
        (await awarding.nominate(program, "ann", "ben", 10, private=private)).name for private in (False, True, False)
    ]
    thanks = await employer.give("ann", ["cleo"], 5)
    secret = await employer.give("ann", ["ben"], 5, private=True)
    assert names(await feed(employer, "ben")) == [secret.name, thanks.name]
    public, private = [(await awarding.approve(name, "dan")).name for name in nominated[:2]]
    for viewer in ("ann", "ben"):
        assert names(await feed(employer, viewer)) == [private, public, secret.name, thanks.name]
    for viewer in ("cleo", "dan", ""):
        assert names(await feed(employer, viewer)) == [public, thanks.name]
    seen = (await feed(employer, "ben"))[0].award
    assert (seen.nominee, seen.amount, len(seen.steps)) == (employer.person("ben"), 10, 0)
    assert names(await feed(employer, "ben", person="ben")) == [private, public, secret.name]
    assert names(await feed(employer, "cleo", person="ben")) == [public]


async def test_what_was_celebrated_of_who_opts_out_is_theirs_alone_however_long_ago(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    anns, bens = await awarding.celebrate(recs.VISIBILITY_PUBLIC, "ann", "ben")

    async def listed(viewer: str) -> set[str]:
        request = celebrations.ListCelebrationsRequest(parent=employer.name, viewer=employer.person(viewer))
        return {one.name for one in (await employer.admin.celebrations.ListCelebrations(request)).celebrations}

    for viewer in ("ann", "ben", "cleo"):
        assert set(names(await feed(employer, viewer))) == await listed(viewer) == {anns, bens}
    assert names(await feed(employer, "cleo", person="ann")) == [anns]
    await awarding.opt_out("ann")
    for viewer, seen in (("ann", {anns, bens}), ("ben", {bens}), ("cleo", {bens})):
        assert set(names(await feed(employer, viewer))) == await listed(viewer) == seen
    assert names(await feed(employer)) == [bens]
    assert await employer.earned("ann") == 25
    await awarding.opt_out("ann", opt_out=False)
    assert await listed("cleo") == {anns, bens}


async def test_a_team_sees_what_was_said_to_it_and_what_its_people_got(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    program = await awarding.program("spot")
    east = teams.Team(name=f"{employer.name}/teams/east", display_name="East")
    await employer.admin.teams.CreateTeam(teams.CreateTeamRequest(team=east, request_id=new_request_id()))
    request = employer.thanks("ann", ["cleo"], 5)
    request.recognition.teams.append(east.name)
    said = (await employer.admin.recognition.CreateRecognition(request)).recognition
    await employer.give("ann", ["ben"], 5)
    bens, cleos = [(await awarding.nominate(program, "ann", person, 10)).name for person in ("ben", "cleo")]
    assert names(await feed(employer, team=east.name)) == [said.name]
    await awarding.join("ben", east.name)
    assert names(await feed(employer, team=east.name)) == [bens, said.name]
    assert names(await feed(employer, team=east.name, person="cleo")) == [said.name]
    assert cleos in names(await feed(employer))


async def test_what_is_for_a_value_is_thanks_alone_as_the_list_of_recognitions_has_it(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    await awarding.nominate(await awarding.program("spot"), "ann", "ben", 10)
    both, _, secret, care = [
        (await employer.give("ann", receivers, 5, values=values, private=private)).name
        for receivers, values, private in (
            (["ben"], ["#teamwork", "#care"], False),
            (["ben"], [], False),
            (["cleo"], ["#care"], True),
            (["dan"], ["#care"], False),
        )
    ]
    for viewer, seen in (("cleo", [care, secret, both]), ("dan", [care, both])):
        assert names(await feed(employer, viewer, value="#care")) == seen
        listed = (await employer.feed(viewer=viewer, value="#care")).recognitions
        assert [one.name for one in listed] == seen
    assert names(await feed(employer, "cleo", value="#care", person="ben")) == [both]
    assert names(await feed(employer, value="#other")) == []
    with pytest.raises(InvalidRequestError) as invalid:
        await feed(employer, value="#" * 1000)
    assert [one.field for one in invalid.value.violations] == ["value"]


async def comment(employer: Employer, onto: recs.Recognition, author: str) -> comments.Comment:
    """Comments on a recognition, on the author's behalf."""
    request = comments.CreateCommentRequest(
        parent=onto.name,
        comment=comments.Comment(author=employer.person(author), message="Well done"),
        request_id=new_request_id(),
    )
    return (await employer.admin.comments.CreateComment(request)).comment


async def react(employer: Employer, to: recs.Recognition, person: str, emoji: str) -> None:
    """Reacts to a recognition, on somebody's behalf."""
    await employer.admin.comments.SetReaction(
        comments.SetReactionRequest(
            parent=to.name, person=employer.person(person), emoji=emoji, request_id=new_request_id()
        )
    )


async def test_each_recognition_comes_with_what_was_said_to_it(employer: Employer) -> None:
    creation = employer.thanks("ann", ["ben"], 5)
    first = (await employer.admin.recognition.CreateRecognition(creation)).recognition
    second = await employer.give("ann", ["ben"], 5)
    assert (first.comment_count, len(first.reactions)) == (0, 0)
    gone, *_ = [await comment(employer, first, author) for author in ("ben", "cleo", "dan")]
    await employer.admin.comments.DeleteComment(
        comments.DeleteCommentRequest(name=gone.name, request_id=new_request_id())
    )
    for to, person, emoji in [(first, "ben", "🎉"), (first, "cleo", "🎉"), (first, "ann", "🙏"), (second, "ann", "🎉")]:
        await react(employer, to, person, emoji)
    for viewer, mine in (("cleo", (True, False)), ("ann", (False, True)), ("dan", (False, False))):
        request = recs.GetRecognitionRequest(name=first.name, viewer=employer.person(viewer))
        read = (await employer.admin.recognition.GetRecognition(request)).recognition
        told = [(one.emoji, one.count, one.mine) for one in read.reactions]
        assert (read.comment_count, told) == (2, [("🎉", 2, mine[0]), ("🙏", 1, mine[1])])
        listed = list((await employer.feed(viewer=viewer)).recognitions)
        assert listed[1] == read
        assert (listed[0].comment_count, [one.count for one in listed[0].reactions]) == (0, [1])
        assert [one.recognition for one in await feed(employer, viewer)] == listed
    edited, _ = await edit(employer, first, "message", message="Thank you all")
    assert (edited.comment_count, len(edited.reactions)) == (2, 2)
    again = (await employer.admin.recognition.CreateRecognition(creation)).recognition
    assert (again.comment_count, len(again.reactions)) == (2, 2)


async def test_a_page_is_of_its_feed_alone_and_takes_its_own_scope(employer: Employer) -> None:
    for _ in range(3):
        await employer.give("ann", ["ben"], 5)
    request = pb.ListFeedRequest(parent=employer.name, page_size=2)
    request.page_token = (await employer.admin.feed.ListFeed(request)).next_page_token
    request.person = employer.person("ben")
    with pytest.raises(InvalidRequestError) as invalid:
        await employer.admin.feed.ListFeed(request)
    assert [one.field for one in invalid.value.violations] == ["page_token"]
    with pytest.raises(NotFoundError):
        await feed(employer, person="nobody")
    with pytest.raises(NotFoundError):
        await feed(employer, team=f"{employer.name}/teams/none")
    assert len(await feed(employer, client=employer.own_client("cleo", SCOPE))) == 3
    for client, viewer in ((employer.own_client("cleo"), ""), (employer.own_client("cleo", SCOPE), "ann")):
        with pytest.raises(PermissionDeniedError):
            await feed(employer, viewer, client)
