"""Comments and reactions: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import comments_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.comments import Comment, ReactionCount
from recognition.domain.people import person_name
from recognition.operations.commenting import Commenting
from recognition.servicer.naming import RECOGNITION, acting, optional_person_id, tell_replay

_COMMENT = RECOGNITION + "/comments/{comment}"


class CommentServicer:
    """`guerdon.recognition.v1.CommentService`."""

    service = pb.DESCRIPTOR.services_by_name["CommentService"]

    def __init__(self, commenting: Commenting) -> None:
        self._commenting = commenting

    async def create_comment(self, request: pb.CreateCommentRequest, call: CallContext) -> pb.CreateCommentResponse:
        """Comments on a recognition."""
        organisation, recognition = parse(request.parent, RECOGNITION, "parent")
        author = optional_person_id(request.comment.author, organisation, "comment.author") or ""
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        made, replayed = await self._commenting.comment(
            fingerprint, organisation, recognition, author, request.comment.message, acting(call.caller)
        )
        tell_replay(call, replayed)
        return pb.CreateCommentResponse(comment=_write_comment(made))

    async def delete_comment(self, request: pb.DeleteCommentRequest, call: CallContext) -> pb.DeleteCommentResponse:
        """Takes a comment away."""
        organisation, recognition, comment = parse(request.name, _COMMENT)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        replayed = await self._commenting.delete(fingerprint, organisation, recognition, comment, acting(call.caller))
        tell_replay(call, replayed)
        return pb.DeleteCommentResponse()

    async def list_comments(self, request: pb.ListCommentsRequest, call: CallContext) -> pb.ListCommentsResponse:
        """Lists the comments on a recognition."""
        organisation, recognition = parse(request.parent, RECOGNITION, "parent")
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found, next_token = await self._commenting.list_comments(
            organisation, recognition, viewer, acting(call.caller), request.page_size, request.page_token
        )
        return pb.ListCommentsResponse(comments=map(_write_comment, found), next_page_token=next_token)

    async def set_reaction(self, request: pb.SetReactionRequest, call: CallContext) -> pb.SetReactionResponse:
        """Reacts, or takes a reaction back."""
        organisation, recognition = parse(request.parent, RECOGNITION, "parent")
        person = optional_person_id(request.person, organisation, "person") or ""
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        reactions, replayed = await self._commenting.react(
            fingerprint, organisation, recognition, person, request.emoji, acting(call.caller), unset=request.unset
        )
        tell_replay(call, replayed)
        return pb.SetReactionResponse(reactions=map(write_count, reactions))

    async def list_reactions(self, request: pb.ListReactionsRequest, call: CallContext) -> pb.ListReactionsResponse:
        """Counts the reactions to a recognition."""
        organisation, recognition = parse(request.parent, RECOGNITION, "parent")
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found = await self._commenting.list_reactions(organisation, recognition, viewer, acting(call.caller))
        return pb.ListReactionsResponse(reactions=map(write_count, found))


def _write_comment(comment: Comment) -> pb.Comment:
    return pb.Comment(
        name=comment.name,
        author=person_name(comment.organisation, comment.author),
        message=comment.message,
        create_time=timestamp(comment.create_time),
    )


def write_count(reaction: ReactionCount) -> pb.ReactionCount:
    """The contract's count of a reaction."""
    return pb.ReactionCount(emoji=reaction.emoji, count=reaction.count, mine=reaction.mine)
