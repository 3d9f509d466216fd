"""The contract of support: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.rewards.v1 import support_pb2 as pb
from guerdon_kit import names, pages
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant, timestamp
from rewards_catalog.domain.support import Case, Goodwill, GoodwillLimit
from rewards_catalog.operations.goodwill import Gift, Giving
from rewards_catalog.operations.support import Cases
from rewards_catalog.servicer import calls
from rewards_catalog.servicer.positions import time_position, time_token

_PROGRAM = "programs/{program}"
_CASE = "programs/{program}/cases/{case}"
_MEMBER = "programs/{program}/members/{member}"
_ACCOUNT = "programs/{program}/accounts/{account}"
_UNIT = "programs/{program}/units/{unit}"


class SupportServicer:
    """`guerdon.rewards.v1.SupportService`."""

    service = pb.DESCRIPTOR.services_by_name["SupportService"]

    def __init__(self, cases: Cases, giving: Giving) -> None:
        self._cases = cases
        self._giving = giving

    async def open_case(self, request: pb.OpenCaseRequest, call: CallContext) -> pb.OpenCaseResponse:
        """Opens a case."""
        (program,) = names.parse(request.parent, _PROGRAM, "parent")
        asked = request.case
        calls.require_same_program(program, names.parse(asked.member, _MEMBER, "case.member")[0], "case.member")
        opened, replayed = await self._cases.open(
            calls.asking(call, request, program), program, asked.member, asked.subject
        )
        calls.mark(call, replayed)
        return pb.OpenCaseResponse(case=_case(opened))

    async def get_case(self, request: pb.GetCaseRequest, call: CallContext) -> pb.GetCaseResponse:
        """Reads a case, and what was given in it."""
        found = await self._cases.get(*names.parse(request.name, _CASE))
        given = await self._giving.of_case(found, call.deadline)
        return pb.GetCaseResponse(case=_case(found), goodwill=map(_goodwill, given))

    async def list_cases(self, request: pb.ListCasesRequest, call: CallContext) -> pb.ListCasesResponse:
        """Reads cases, newest first."""
        (program,) = names.parse(request.parent, _PROGRAM, "parent")
        if request.member:
            calls.require_same_program(program, names.parse(request.member, _MEMBER, "member")[0], "member")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent, request.member)
        found = await self._cases.newest(program, request.member, time_position(request.page_token, query), size + 1)
        answer = pb.ListCasesResponse(cases=map(_case, found[:size]))
        if len(found) > size:
            answer.next_page_token = time_token(found[size - 1], query)
        return answer

    async def close_case(self, request: pb.CloseCaseRequest, call: CallContext) -> pb.CloseCaseResponse:
        """Closes a case."""
        program, case = names.parse(request.name, _CASE)
        closed, replayed = await self._cases.close(calls.asking(call, request, program), program, case)
        calls.mark(call, replayed)
        return pb.CloseCaseResponse(case=_case(closed))

    async def give_goodwill(self, request: pb.GiveGoodwillRequest, call: CallContext) -> pb.GiveGoodwillResponse:
        """Gives goodwill, or proposes it."""
        program, case = names.parse(request.parent, _CASE, "parent")
        asked = request.goodwill
        field = "goodwill.account"
        calls.require_same_program(program, names.parse(asked.account, _ACCOUNT, field)[0], field)
        expire_time = instant(asked.expire_time, "goodwill.expire_time") if asked.HasField("expire_time") else None
        given, replayed = await self._giving.give(
            calls.asking(call, request, program), program, case, Gift(asked.account, asked.points, expire_time)
        )
        calls.mark(call, replayed)
        return pb.GiveGoodwillResponse(goodwill=_goodwill(given))

    async def set_goodwill_limit(
        self, request: pb.SetGoodwillLimitRequest, call: CallContext
    ) -> pb.SetGoodwillLimitResponse:
        """Says how much agents may give alone."""
        program, unit = names.parse(request.unit, _UNIT, "unit")
        limit = GoodwillLimit(program, unit, request.daily_points)
        calls.mark(call, await self._cases.set_limit(calls.asking(call, request, program), limit))
        return pb.SetGoodwillLimitResponse(daily_points=await self._cases.limit_of(program, unit))

    async def get_goodwill_limit(
        self, request: pb.GetGoodwillLimitRequest, call: CallContext
    ) -> pb.GetGoodwillLimitResponse:
        """Reads how much that is."""
        limit = await self._cases.limit_of(*names.parse(request.unit, _UNIT, "unit"))
        return pb.GetGoodwillLimitResponse(daily_points=limit)


def _case(case: Case) -> pb.Case:
    return pb.Case(
        name=case.name,
        member=case.member,
        subject=case.subject,
        state=pb.CASE_STATE_OPEN if case.close_time is None else pb.CASE_STATE_CLOSED,
        opener=case.opener,
        create_time=timestamp(case.create_time),
        closer=case.closer,
        close_time=None if case.close_time is None else timestamp(case.close_time),
    )


def _goodwill(goodwill: Goodwill) -> pb.Goodwill:
    return pb.Goodwill(
        name=goodwill.name,
        account=goodwill.account,
        points=goodwill.points,
        expire_time=None if goodwill.expire_time is None else timestamp(goodwill.expire_time),
        state=pb.GoodwillState.Value(f"GOODWILL_STATE_{goodwill.state}"),
        transaction=goodwill.transaction,
        adjustment=goodwill.adjustment,
        refusal=goodwill.refusal,
        agent=goodwill.agent,
        create_time=timestamp(goodwill.create_time),
    )
