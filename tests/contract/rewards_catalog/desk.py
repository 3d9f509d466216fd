"""What support does in a shop."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.rewards.v1 import support_pb2 as pb
from tests.contract.rewards_catalog.world import Shop


async def open_case(shop: Shop, member: str = "ada", subject: str = "A lost parcel") -> pb.Case:
    """A case of a member."""
    asked = pb.Case(member=f"{shop.program}/members/{member}", subject=subject)
    request = pb.OpenCaseRequest(parent=shop.program, case=asked, request_id=new_request_id())
    return (await shop.catalog.support.OpenCase(request)).case


def goodwill_request(
    case: pb.Case, account: str, points: int, *, expire_time: datetime | None = None, request_id: str = ""
) -> pb.GiveGoodwillRequest:
    """The request by which an agent gives points."""
    goodwill = pb.Goodwill(account=account, points=points)
    if expire_time is not None:
        goodwill.expire_time.FromDatetime(expire_time)
    return pb.GiveGoodwillRequest(parent=case.name, goodwill=goodwill, request_id=request_id or new_request_id())


async def give(shop: Shop, case: pb.Case, account: str, points: int) -> pb.Goodwill:
    """Gives points, under an id of its own."""
    return (await shop.catalog.support.GiveGoodwill(goodwill_request(case, account, points))).goodwill


async def set_goodwill_limit(shop: Shop, daily_points: int, unit: str = "points") -> int:
    """How much each agent may give alone in a day."""
    request = pb.SetGoodwillLimitRequest(
        unit=f"{shop.program}/units/{unit}", daily_points=daily_points, request_id=new_request_id()
    )
    return (await shop.catalog.support.SetGoodwillLimit(request)).daily_points


async def limit_adjustments(shop: Shop, points: int) -> None:
    """How much one person may adjust alone in the program's ledger."""
    program = ledger_res.Program(name=shop.program, adjustment_limits=[ledger_res.AdjustmentLimit(amount=points)])
    mask = FieldMask(paths=["adjustment_limits"])
    await shop.books.ledger.UpdateProgram(
        ledger.UpdateProgramRequest(program=program, update_mask=mask, request_id=new_request_id())
    )


async def read_case(shop: Shop, case: pb.Case) -> tuple[pb.Case, list[pb.Goodwill]]:
    """A case as it is now, and what was given in it."""
    answer = await shop.catalog.support.GetCase(pb.GetCaseRequest(name=case.name))
    return answer.case, list(answer.goodwill)


async def cases(shop: Shop, member: str = "") -> list[str]:
    """The names of the cases, newest first, page by page."""
    request = pb.ListCasesRequest(
        parent=shop.program, member=f"{shop.program}/members/{member}" if member else "", page_size=2
    )
    found: list[str] = []
    for _ in range(10):
        page = await shop.catalog.support.ListCases(request)
        found += [case.name for case in page.cases]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    return found
