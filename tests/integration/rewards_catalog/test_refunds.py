"""A refund after the points that were spent have expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon_kit.clock import MovableClock, set_offset
from tests.contract.rewards_catalog.world import Shop
from tests.integration.rewards_catalog.conftest import Fallible


async def test_points_that_expired_before_a_redemption_was_called_off_come_back_for_the_programs_grace(
    fallible: Fallible, shop: Shop
) -> None:
    program = ledger_res.Program(name=shop.program, restored_lot_grace=Duration(seconds=7 * 86_400))
    mask = FieldMask(paths=["restored_lot_grace"])
    await shop.books.ledger.UpdateProgram(
        ledger.UpdateProgramRequest(program=program, update_mask=mask, request_id=new_request_id())
    )
    mug, member = await shop.reward(price=100, stock=1), await shop.member()
    clock = fallible.services.clock_file
    moved = MovableClock(clock).offset()  # by the tests before this one
    await shop.earn(member, 100, expire_time=datetime.now(UTC) + moved + timedelta(minutes=30))
    redeemed = await shop.redeem(mug, member)
    set_offset(clock, moved + timedelta(minutes=31))
    assert (await shop.cancel(redeemed.name)).state == res.REDEMPTION_STATE_REFUNDED
    balance = await shop.balance(member)
    assert balance.available == 100
    left = balance.valid_until.ToDatetime(tzinfo=UTC) - datetime.now(UTC) - moved - timedelta(minutes=31)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert await shop.verified() == []
