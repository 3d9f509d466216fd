"""Fairness: proto in, operation, proto out."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from google.protobuf.duration_pb2 import Duration

from guerdon.recognition.v1 import fairness_pb2 as pb
from guerdon.type.v1 import rational_pb2
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.fairness import REVIEW_DAYS_DEFAULT, Finding, Mode, Policies, Policy, Rule, Span
from recognition.domain.people import person_name
from recognition.operations.fairness import REFUSALS, Fairness
from recognition.servicer.naming import ORGANISATION, tell_replay

_POLICIES_MAX = 18
_FIELD = "fairness_policies"
_MODES = {
    pb.FAIRNESS_MODE_WARN: Mode.WARN,
    pb.FAIRNESS_MODE_HOLD: Mode.HOLD,
    pb.FAIRNESS_MODE_BLOCK: Mode.BLOCK,
}
_MODE_NUMBERS = {mode: number for number, mode in _MODES.items()}
_SPANS = {
    pb.FAIRNESS_PERIOD_WEEK: Span.WEEK,
    pb.FAIRNESS_PERIOD_MONTH: Span.MONTH,
    pb.FAIRNESS_PERIOD_QUARTER: Span.QUARTER,
}
_SPAN_NUMBERS = {span: number for number, span in _SPANS.items()}


class FairnessServicer:
    """`guerdon.recognition.v1.FairnessService`."""

    service = pb.DESCRIPTOR.services_by_name["FairnessService"]

    def __init__(self, fairness: Fairness) -> None:
        self._fairness = fairness

    async def set_fairness_policies(
        self, request: pb.SetFairnessPoliciesRequest, call: CallContext
    ) -> pb.SetFairnessPoliciesResponse:
        """Sets policies."""
        wanted = request.fairness_policies
        (organisation,) = parse(wanted.organisation, ORGANISATION, "fairness_policies.organisation")
        if len(wanted.policies) > _POLICIES_MAX:
            raise InvalidField.of("fairness_policies.policies", "must be at most 18")
        policies = Policies(
            organisation,
            tuple(read_policy(policy, f"{_FIELD}.policies[{index}]") for index, policy in enumerate(wanted.policies)),
            wanted.review_days or REVIEW_DAYS_DEFAULT,
        )
        fingerprint = Fingerprint.of(call, request, wanted.organisation)
        kept, replayed = await self._fairness.set(fingerprint, policies, _FIELD, call.caller.actor)
        tell_replay(call, replayed)
        return pb.SetFairnessPoliciesResponse(fairness_policies=write_policies(kept))

    async def get_fairness_policies(
        self, request: pb.GetFairnessPoliciesRequest, _call: CallContext
    ) -> pb.GetFairnessPoliciesResponse:
        """Reads policies."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        return pb.GetFairnessPoliciesResponse(fairness_policies=write_policies(await self._fairness.get(organisation)))


def read_policy(message: pb.FairnessPolicy, field: str) -> Policy:
    """A policy to set. Its bounds are the domain's to check.

    Raises:
        InvalidField: it has no rule, mode or period, or a number that is none.
    """
    if message.mode not in _MODES:
        raise InvalidField.of(f"{field}.mode", "must be one of the modes that the contract names")
    mode = _MODES[message.mode]
    match message.WhichOneof("rule"):
        case "pair_points":
            points = message.pair_points
            return Policy(Rule.PAIR_POINTS, mode, limit=points.limit, span=_span(points.period, f"{field}.pair_points"))
        case "pair_posts":
            posts = message.pair_posts
            return Policy(Rule.PAIR_POSTS, mode, limit=posts.limit, span=_span(posts.period, f"{field}.pair_posts"))
        case "post_points":
            return Policy(Rule.POST_POINTS, mode, limit=message.post_points.limit)
        case "reciprocity":
            return _reciprocity(message.reciprocity, mode, f"{field}.reciprocity")
        case "allowance_share":
            part = _part(message.allowance_share.limit, f"{field}.allowance_share")
            return Policy(Rule.ALLOWANCE_SHARE, mode, part=part, span=Span.ALLOWANCE)
        case "repeated_text":
            text = message.repeated_text
            within = timedelta(seconds=text.within.seconds, microseconds=text.within.nanos // 1000)
            return Policy(Rule.REPEATED_TEXT, mode, within=within, same_receiver=text.same_receiver)
    raise InvalidField.of(f"{field}.rule", "is required")


def _reciprocity(message: pb.Reciprocity, mode: Mode, field: str) -> Policy:
    return Policy(
        Rule.RECIPROCITY,
        mode,
        part=_part(message.limit, field),
        from_amount=message.from_amount,
        span=_span(message.period, field),
    )


def _part(message: rational_pb2.Rational, field: str) -> Fraction:
    if message.denominator < 1:
        raise InvalidField.of(f"{field}.limit.denominator", "must be at least 1")
    return Fraction(message.numerator, message.denominator)


def _span(number: pb.FairnessPeriod.ValueType, field: str) -> Span:
    if number not in _SPANS:
        raise InvalidField.of(f"{field}.period", "must be one of the periods that the contract names")
    return _SPANS[number]


def write_policies(kept: Policies) -> pb.FairnessPolicies:
    """The contract's policies."""
    return pb.FairnessPolicies(
        organisation=f"organisations/{kept.organisation}",
        policies=map(_write_policy, kept.policies),
        review_days=kept.review_days,
        version=kept.version,
        actor=kept.actor,
        create_time=None if kept.create_time is None else timestamp(kept.create_time),
    )


def _write_policy(policy: Policy) -> pb.FairnessPolicy:
    message = pb.FairnessPolicy(mode=_MODE_NUMBERS[policy.mode])
    match policy.rule:
        case Rule.PAIR_POINTS:
            message.pair_points.CopyFrom(pb.PairPoints(limit=policy.limit, period=_SPAN_NUMBERS[policy.span]))
        case Rule.PAIR_POSTS:
            message.pair_posts.CopyFrom(pb.PairPosts(limit=policy.limit, period=_SPAN_NUMBERS[policy.span]))
        case Rule.POST_POINTS:
            message.post_points.CopyFrom(pb.PostPoints(limit=policy.limit))
        case Rule.RECIPROCITY:
            message.reciprocity.CopyFrom(
                pb.Reciprocity(
                    limit=rational(policy.part), from_amount=policy.from_amount, period=_SPAN_NUMBERS[policy.span]
                )
            )
        case Rule.ALLOWANCE_SHARE:
            message.allowance_share.CopyFrom(pb.AllowanceShare(limit=rational(policy.part)))
        case Rule.REPEATED_TEXT:
            within = Duration(seconds=policy.within // timedelta(seconds=1))
            message.repeated_text.CopyFrom(pb.RepeatedText(within=within, same_receiver=policy.same_receiver))
    return message


def write_finding(organisation: str, finding: Finding) -> pb.FairnessFinding:
    """The contract's finding."""
    return pb.FairnessFinding(
        reason=REFUSALS[finding.rule].reason,
        mode=_MODE_NUMBERS[finding.mode],
        receiver=person_name(organisation, finding.receiver),
        limit=finding.limit,
        used=finding.used,
        requested=finding.requested,
        room=finding.room,
    )
