"""Vouchers through crashes, in a hurry, and against those who guess."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import asyncpg
import pytest
from google.protobuf.duration_pb2 import Duration

from guerdon import GuerdonError, new_request_id
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as rewards
from guerdon.rewards.v1 import vouchers_pb2 as pb
from guerdon_kit.clock import FixedClock, MovableClock, set_offset
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database
from guerdon_kit.testing import wait_until
from rewards_catalog.domain.codes import CodeKeys
from rewards_catalog.domain.generated import CodeScheme
from rewards_catalog.operations.asking import Asking
from rewards_catalog.operations.codes import CodePools
from tests.contract.rewards_catalog.counter import (
    MAIN_STREET,
    STATION,
    euros,
    issued,
    undo,
    use,
    use_request,
    uses,
    validate,
    voucher,
)
from tests.contract.rewards_catalog.world import Shop, code_chunks, stream
from tests.integration.rewards_catalog.conftest import Fallible
from tests.integration.rewards_catalog.test_crashes import all_at_rest
from tests.unit.rewards_catalog.builders import NOW

pytestmark = pytest.mark.timeout(180)


@pytest.mark.crash
async def test_killed_at_each_moment_a_use_its_undoing_and_a_cancellation_happen_once(
    fallible: Fallible, shop: Shop
) -> None:
    """Before its commit nothing has happened; after it the answer is lost, and given when it is asked for again."""
    fallible.catalog.process.restart()  # workers that died young are started again ever later
    catalog = shop.catalog.vouchers
    [card] = await issued(shop, value=1000, cancellable=True)
    done: list[pb.VoucherUse] = []
    for moment, counts in (("voucher used", 0), ("voucher redeemed", 1)):
        use_it = use_request(shop, card.code, euros(300), request_id=f"sale-{counts}")
        await fallible.kill_catalog_at(moment, "RedeemVoucher", use_it)
        assert len(await uses(shop, card)) == len(done) + counts
        done.insert(0, (await catalog.RedeemVoucher(use_it)).use)
        assert await uses(shop, card) == done
    assert (await voucher(shop, card)).balance == euros(400)

    for number, moment in enumerate(("voucher use undone", "voucher undone")):
        undo_it = pb.UndoVoucherRedemptionRequest(name=done[number].name, till=STATION, request_id=f"undo-{number}")
        await fallible.kill_catalog_at(moment, "UndoVoucherRedemption", undo_it)
        done[number] = (await catalog.UndoVoucherRedemption(undo_it)).use
        assert await uses(shop, card) == done
        assert (await voucher(shop, card)).balance == euros(700 + 300 * number)

    cancel_it = rewards.CancelRedemptionRequest(name=card.name, request_id="cancel")
    await fallible.kill_catalog_at("CANCELLED", "CancelRedemption", cancel_it)
    [redemption] = await all_at_rest(shop)
    assert redemption.state == res.REDEMPTION_STATE_REFUNDED
    assert (await validate(shop, card.code)).refusal.reason == "VOUCHER_VOID"
    assert await shop.spent(card.account) == [100, -100]
    assert await shop.left(card.reward) == 0


async def test_a_voucher_ends_and_an_undo_comes_too_late_when_their_time_is_over(
    fallible: Fallible, shop: Shop
) -> None:
    card = await shop.reward("card", price=1, codes=["CODE-1", "CODE-2"])
    terms = pb.VoucherTerms(valid_for=Duration(seconds=86_400))
    await shop.catalog.vouchers.SetVoucherTerms(
        pb.SetVoucherTermsRequest(reward=card, terms=terms, request_id=new_request_id())
    )
    member = await shop.member(2)
    used, unused = await shop.redeem(card, member), await shop.redeem(card, member)
    done = await use(shop, used.code)
    clock = fallible.services.clock_file
    moved = MovableClock(clock).offset()  # by the tests before this one
    try:
        set_offset(clock, moved + timedelta(hours=1))
        with pytest.raises(GuerdonError) as refused:
            await undo(shop, done.name)
        assert refused.value.reason == "UNDO_TOO_LATE"
        assert not (await validate(shop, unused.code)).HasField("refusal")
        set_offset(clock, moved + timedelta(days=1, hours=1))
        with pytest.raises(GuerdonError) as refused:
            await use(shop, unused.code)
        assert refused.value.reason == "VOUCHER_EXPIRED"
        assert (await validate(shop, unused.code)).refusal.reason == "VOUCHER_EXPIRED"
    finally:
        set_offset(clock, moved)


async def test_who_looks_for_too_many_codes_has_to_wait_on_every_worker_and_a_replay_does_not(
    fallible: Fallible, shop: Shop
) -> None:
    [card] = await issued(shop)
    request = use_request(shop, card.code, request_id="sale-1")
    done = await shop.catalog.vouchers.RedeemVoucher(request)

    async def look(number: int) -> str:
        guess = f"GUESS-{number}"
        try:
            await (validate(shop, guess) if number % 2 else use(shop, guess))
        except GuerdonError as error:
            return error.reason
        raise AssertionError("it is no voucher")

    async def limited() -> GuerdonError | None:
        """Looks four times, has that count as 600, and looks once more; None where a new minute came in between."""
        reasons = await asyncio.gather(*[look(number) for number in range(4)])
        program = shop.program.removeprefix("programs/")
        connection = await asyncpg.connect(fallible.catalog.database.owner_url)
        try:
            counted = await connection.fetchval("select count from lookups where program = $1", program)
            told = 600 if counted == 4 else 0
            await connection.execute("update lookups set count = $2 where program = $1", program, told)
        finally:
            await connection.close()
        assert set(reasons) == {"VOUCHER_UNKNOWN"}
        if not told:
            return None
        try:
            await validate(shop, card.code)
        except GuerdonError as error:
            return error
        return None

    refused = await wait_until(limited)
    assert refused is not None
    assert refused.reason == "RATE_LIMITED"
    assert refused.metadata["limit"] == "600"
    assert refused.retry_after
    answers = [await shop.catalog.vouchers.RedeemVoucher(request) for _ in range(4)]
    assert all(answer == done for answer in answers)


async def test_a_code_that_was_drawn_twice_is_drawn_anew(fallible: Fallible, shop: Shop) -> None:
    """The pool is filled here by hands that draw the same characters again and again."""
    card = await shop.reward("card", codes=["CODE-1"])
    program, reward = shop.program.removeprefix("programs/"), "card"
    drawn = iter("3334367")
    scheme = CodeScheme("GDN", 14, choose=lambda _, count: next(drawn) * count)
    keys = CodeKeys("k1", {"k1": b"1" * 32}, b"d" * 32)
    database = await Database.open(fallible.catalog.database.owner_url, name="test")
    try:
        pools = CodePools(database, keys, scheme, FixedClock(NOW))
        fingerprint = Fingerprint(b"k" * 16, b"d" * 16, b"", pb.GenerateCodesRequest.DESCRIPTOR)
        now, replayed = await pools.generate(Asking(fingerprint, "tester", 0.0), program, reward, 3)
        again, repeated = await pools.generate(Asking(fingerprint, "tester", 0.0), program, reward, 3)
    finally:
        await database.close()
    assert (now.available, replayed) == (4, False)
    assert (again.available, repeated) == (4, True)
    assert dataclasses.asdict(now) == dataclasses.asdict(again)
    assert await shop.left(card) == 4


async def test_a_hundred_thousand_codes_are_imported_in_one_stream_and_every_bad_row_is_told(shop: Shop) -> None:
    card = await shop.reward("card", codes=["KNOWN-1"])
    rows = [f"GIFT-{number:06}" for number in range(100_000)]
    bad = {
        17: ("KNOWN-1", rewards.CODE_REJECTION_DUPLICATE),
        999: ("GIFT-000000", rewards.CODE_REJECTION_DUPLICATE),
        1_000: ("a b", rewards.CODE_REJECTION_MALFORMED),
        54_321: ("GIFT-000001", rewards.CODE_REJECTION_DUPLICATE),
        99_999: ("GDN3333", rewards.CODE_REJECTION_MISTYPED),
    }
    for place, (code, _) in bad.items():
        rows[place] = code
    chunks = [rows[start : start + 1_000] for start in range(0, len(rows), 1_000)]
    answer = await shop.catalog.rewards.ImportCodes(stream(code_chunks(card, chunks)))
    assert (answer.imported_count, answer.rejected_count) == (99_995, 5)
    assert [(row.row, row.reason) for row in answer.rejected] == [(n + 1, why) for n, (_, why) in bad.items()]
    assert await shop.left(card) == 99_996
    redemption = await shop.redeem(card, await shop.member(100))
    assert (await use(shop, redemption.code)).till == MAIN_STREET
