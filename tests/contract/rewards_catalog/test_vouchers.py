"""At the till: what a code is worth, using it once, and taking that back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import (
    GuerdonError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    new_request_id,
    was_replayed,
)
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as rewards
from guerdon.rewards.v1 import vouchers_pb2 as pb
from guerdon.type.v1.cash_pb2 import Cash
from tests.contract.rewards_catalog.counter import (
    MAIN_STREET,
    STATION,
    euros,
    generate,
    issued,
    set_terms,
    undo,
    use,
    use_request,
    uses,
    validate,
    voucher,
    voucher_of,
)
from tests.contract.rewards_catalog.world import Shop, World

USABLE, USED, VOID = pb.VOUCHER_STATE_ISSUED, pb.VOUCHER_STATE_REDEEMED, pb.VOUCHER_STATE_VOID


async def refusal_of(shop: Shop, code: str, amount: int = 0) -> GuerdonError:
    """Why a till cannot use a code."""
    with pytest.raises(GuerdonError) as refused:
        await use(shop, code, euros(amount) if amount else None, till=STATION)
    return refused.value


async def test_a_voucher_is_used_once_and_another_till_learns_when_and_where(shop: Shop) -> None:
    [redemption] = await issued(shop)
    before = await validate(shop, redemption.code)
    assert not before.HasField("refusal")
    assert (before.voucher.name, before.voucher.title) == (voucher_of(redemption), "Card")
    assert (before.voucher.state, before.voucher.reward) == (USABLE, redemption.reward)

    done = await use(shop, redemption.code)
    assert done.till == MAIN_STREET
    assert not done.HasField("amount")
    when = done.create_time.ToDatetime(UTC).isoformat()
    refused = await refusal_of(shop, redemption.code)
    assert (refused.reason, dict(refused.metadata)) == (
        "ALREADY_REDEEMED",
        {"voucher": voucher_of(redemption), "redeem_time": when, "store": "main street", "terminal": "3"},
    )
    after = await validate(shop, redemption.code)
    assert after.voucher.state == USED
    assert (after.refusal.reason, dict(after.refusal.metadata)) == (refused.reason, dict(refused.metadata))
    assert await uses(shop, redemption) == [done]


async def test_of_tills_that_come_at_once_one_wins_and_all_others_learn_where(shop: Shop) -> None:
    [redemption] = await issued(shop)
    tills = [pb.Till(store="store", terminal=str(number)) for number in range(8)]
    answers = await asyncio.gather(*[use(shop, redemption.code, till=till) for till in tills], return_exceptions=True)
    [won] = [answer for answer in answers if isinstance(answer, pb.VoucherUse)]
    refusals = [answer for answer in answers if isinstance(answer, GuerdonError)]
    assert {(refusal.reason, refusal.metadata["terminal"]) for refusal in refusals} == {
        ("ALREADY_REDEEMED", won.till.terminal)
    }
    assert len(refusals) == 7
    assert await uses(shop, redemption) == [won]


async def test_a_till_that_lost_its_answer_gets_it_again_however_often_it_asks(shop: Shop) -> None:
    [redemption] = await issued(shop)
    request = use_request(shop, redemption.code, request_id="sale-1")
    answers = await asyncio.gather(*[shop.catalog.vouchers.RedeemVoucher(request) for _ in range(6)])
    call = shop.catalog.vouchers.RedeemVoucher(request)
    assert {answer.use.name for answer in [*answers, await call]} == {answers[0].use.name}
    assert await was_replayed(call)
    assert len(await uses(shop, redemption)) == 1
    with pytest.raises(InvalidRequestError) as refused:
        await use(shop, redemption.code, till=STATION, request_id="sale-1")
    assert (refused.value.reason, refused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "till")


async def test_a_refusal_stays_for_its_request_and_an_undone_voucher_is_used_by_a_new_one(shop: Shop) -> None:
    [redemption] = await issued(shop)
    done = await use(shop, redemption.code, request_id="sale-1")
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await use(shop, redemption.code, till=STATION, request_id="sale-2")
        assert refused.value.reason == "ALREADY_REDEEMED"
        undone = await undo(shop, done.name, till=STATION, request_id="undo-1")
    assert undone.undo_till == STATION
    assert undone.undo_time.ToDatetime() >= undone.create_time.ToDatetime()
    assert (await use(shop, redemption.code, request_id="sale-1")) == undone
    assert (await voucher(shop, redemption)).state == USABLE
    again = await use(shop, redemption.code, till=STATION, request_id="sale-3")
    assert await uses(shop, redemption) == [again, undone]
    with pytest.raises(RefusedError) as refused:
        await undo(shop, done.name)
    assert refused.value.reason == "ALREADY_UNDONE"


async def test_a_gift_card_is_used_in_parts_and_a_till_that_wants_too_much_learns_what_is_left(shop: Shop) -> None:
    [card] = await issued(shop, value=5000)
    assert (await validate(shop, card.code)).voucher.balance == euros(5000)
    first = await use(shop, card.code, euros(1999))
    assert (first.amount, first.balance) == (euros(1999), euros(3001))
    assert (await validate(shop, card.code, euros(3002))).refusal.reason == "INSUFFICIENT_BALANCE"
    refused = await refusal_of(shop, card.code, 3002)
    assert (refused.reason, dict(refused.metadata)) == (
        "INSUFFICIENT_BALANCE",
        {"required": "3002", "available": "3001", "missing": "1", "currency_code": "EUR"},
    )
    last = await use(shop, card.code, euros(3001), till=STATION)
    assert (await voucher(shop, card)).state == USED
    refused = await refusal_of(shop, card.code, 1)
    assert (refused.reason, refused.metadata["store"]) == ("ALREADY_REDEEMED", "station")
    undone = await undo(shop, first.name)
    after = await voucher(shop, card)
    assert (after.state, after.value, after.balance) == (USABLE, euros(5000), euros(1999))
    assert await uses(shop, card) == [last, undone]


async def test_tills_that_draw_on_one_gift_card_at_once_take_no_more_than_it_has(shop: Shop) -> None:
    [card] = await issued(shop, value=1000)
    answers = await asyncio.gather(*[use(shop, card.code, euros(300)) for _ in range(8)], return_exceptions=True)
    done = [answer for answer in answers if isinstance(answer, pb.VoucherUse)]
    reasons = [(a.reason, a.metadata["available"]) for a in answers if isinstance(a, GuerdonError)]
    assert sorted(answer.balance.minor_units for answer in done) == [100, 400, 700]
    assert reasons == [("INSUFFICIENT_BALANCE", "100")] * 5
    assert (await voucher(shop, card)).balance == euros(100)


async def test_an_amount_that_does_not_fit_the_voucher_is_a_wrong_field_and_takes_nothing(shop: Shop) -> None:
    [card] = await issued(shop, value=5000)
    other = await a_coupon(shop)
    for code, amount, field in [
        (card.code, None, "amount"),
        (card.code, Cash(minor_units=1, currency_code="USD"), "amount.currency_code"),
        (card.code, euros(0), "amount.minor_units"),
        (other.code, euros(1), "amount"),
    ]:
        with pytest.raises(InvalidRequestError) as refused:
            await use(shop, code, amount)
        assert [violation.field for violation in refused.value.violations] == [field]
    for till, field in [
        (pb.Till(terminal="1"), "till.store"),
        (pb.Till(store="s", terminal="t" * 64), "till.terminal"),
    ]:
        with pytest.raises(InvalidRequestError) as refused:
            await use(shop, card.code, euros(1), till=till)
        assert [violation.field for violation in refused.value.violations] == [field]
    assert (await voucher(shop, card)).balance == euros(5000)
    assert await uses(shop, other) == []


async def a_coupon(shop: Shop) -> res.Redemption:
    """A voucher without a balance, of another reward than `issued` makes."""
    coupon = await shop.reward("coupon", price=1, codes=["COUPON-1"])
    return await shop.redeem(coupon, await shop.member(1))


async def test_only_a_code_that_was_issued_in_the_program_is_a_voucher(shop: Shop, world: World) -> None:
    [redemption] = await issued(shop)
    await shop.reward("voucher", codes=["FREE-1"])
    elsewhere = await world.shop()
    for where, code in [(shop, "FREE-1"), (shop, "NEVER-1"), (elsewhere, redemption.code), (shop, "x" * 200)]:
        with pytest.raises(NotFoundError) as refused:
            await validate(where, code)
        assert (refused.value.reason, refused.value.metadata["program"]) == ("VOUCHER_UNKNOWN", where.program)
        with pytest.raises(NotFoundError) as refused:
            await use(where, code)
        assert refused.value.reason == "VOUCHER_UNKNOWN"
    with pytest.raises(InvalidRequestError):
        await validate(shop, "x" * 201)


async def test_a_generated_code_is_read_as_it_is_typed_and_told_when_it_is_mistyped(shop: Shop) -> None:
    card = await shop.reward("card", price=1, codes=["CODE-1"])
    assert (await generate(shop, card, 7, "more")).available == 8
    assert (await generate(shop, card, 7, "more")).available == 8
    member = await shop.member(8)
    codes = {(await shop.redeem(card, member)).code for _ in range(8)} - {"CODE-1"}
    assert len(codes) == 7
    code = codes.pop()
    typed = f"{code[:6]}-{code[6:12]} {code[12:]}".lower()
    assert (await validate(shop, typed)).voucher.state == USABLE
    wrong = code[:-1] + ("X" if code[-1] != "X" else "Y")
    for call in (validate(shop, wrong), use(shop, wrong)):
        with pytest.raises(InvalidRequestError) as refused:
            await call
        assert refused.value.reason == "VOUCHER_MISTYPED"
    done = await use(shop, typed, request_id="sale-1")
    assert await use(shop, code, request_id="sale-1") == done
    answer = await shop.import_codes(card, [[wrong, code]])
    assert [(row.row, row.reason) for row in answer.rejected] == [
        (1, rewards.CODE_REJECTION_MISTYPED),
        (2, rewards.CODE_REJECTION_DUPLICATE),
    ]


async def test_codes_are_made_for_pools_only_and_at_most_ten_thousand_at_once(shop: Shop) -> None:
    card, mug = await shop.reward("card", codes=["CODE-1"]), await shop.reward("mug", stock=1)
    for count in (-1, 10_001):
        with pytest.raises(InvalidRequestError) as refused:
            await generate(shop, card, count)
        assert [violation.field for violation in refused.value.violations] == ["count"]
    with pytest.raises(RefusedError) as conflict:
        await generate(shop, mug, 1)
    assert conflict.value.reason == "WRONG_FULFILMENT"
    with pytest.raises(RefusedError) as conflict:
        await set_terms(shop, mug, cancellable=True)
    assert conflict.value.reason == "WRONG_FULFILMENT"
    assert (await generate(shop, card, 10_000)).available == 10_001


async def test_a_voucher_keeps_the_terms_of_when_it_was_redeemed(shop: Shop) -> None:
    card = await shop.reward("card", price=1, codes=[f"CODE-{number}" for number in range(3)])
    member = await shop.member(3)
    plain = await shop.redeem(card, member)
    terms = await set_terms(shop, card, valid_for=timedelta(days=1), cancellable=True)
    read = await shop.catalog.vouchers.GetVoucherTerms(pb.GetVoucherTermsRequest(reward=card))
    assert read.terms == terms
    for_a_day = await shop.redeem(card, member)
    await set_terms(shop, card, start_in=timedelta(hours=1))
    later = await shop.redeem(card, member)

    assert not (await voucher(shop, plain)).HasField("end_time")
    kept = await voucher(shop, for_a_day)
    assert kept.end_time.ToDatetime() - kept.create_time.ToDatetime() == timedelta(days=1)
    assert (await validate(shop, later.code)).refusal.reason == "VOUCHER_NOT_YET_VALID"
    refused = await refusal_of(shop, later.code)
    assert refused.reason == "VOUCHER_NOT_YET_VALID"
    assert datetime.fromisoformat(refused.metadata["start_time"]) > datetime.now(UTC)


async def test_terms_out_of_bounds_are_named(shop: Shop) -> None:
    card = await shop.reward("card", codes=["CODE-1"])
    for terms, field in [
        (pb.VoucherTerms(valid_for=Duration(seconds=10**11)), "terms.valid_for"),
        (pb.VoucherTerms(valid_for=Duration(seconds=1, nanos=1)), "terms.valid_for"),
        (pb.VoucherTerms(start_time=Timestamp(seconds=2), end_time=Timestamp(seconds=1)), "terms.end_time"),
        (pb.VoucherTerms(end_time=Timestamp(seconds=-(10**14))), "terms.end_time"),
    ]:
        request = pb.SetVoucherTermsRequest(reward=card, terms=terms, request_id=new_request_id())
        with pytest.raises(InvalidRequestError) as refused:
            await shop.catalog.vouchers.SetVoucherTerms(request)
        assert [violation.field for violation in refused.value.violations] == [field]


async def test_calling_a_redemption_off_makes_its_voucher_void_and_gives_the_points_back(shop: Shop) -> None:
    card = await shop.reward("card", price=100, codes=["CODE-1", "CODE-2"], limit=1)
    await set_terms(shop, card, cancellable=True)
    member = await shop.member(100)
    redemption = await shop.redeem(card, member)
    cancelled = await shop.cancel(redemption.name)
    assert (cancelled.state, cancelled.code) == (res.REDEMPTION_STATE_REFUNDED, "")
    assert (await shop.balance(member)).available == 100
    assert (await voucher(shop, redemption)).state == VOID
    assert (await validate(shop, redemption.code)).refusal.reason == "VOUCHER_VOID"
    assert (await refusal_of(shop, redemption.code)).reason == "VOUCHER_VOID"
    # A code that somebody has seen is not sold again; the account may have another one.
    assert await shop.left(card) == 1
    assert (await shop.redeem(card, member)).code != redemption.code


async def test_a_redemption_whose_voucher_was_used_is_called_off_only_after_that_is_undone(shop: Shop) -> None:
    [card] = await issued(shop, value=5000, cancellable=True)
    done = await use(shop, card.code, euros(1))
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await shop.cancel(card.name, "changed-my-mind")
        assert (refused.value.reason, refused.value.metadata["redemption"]) == ("VOUCHER_REDEEMED", card.name)
    await undo(shop, done.name)
    assert (await shop.cancel(card.name, "changed-my-mind")).state == res.REDEMPTION_STATE_REFUNDED


async def test_a_voucher_is_used_or_called_off_but_never_both(shop: Shop) -> None:
    redemptions = await issued(shop, [f"CODE-{number}" for number in range(6)], cancellable=True)

    async def outcome(redemption: res.Redemption) -> tuple[str, str]:
        answers = await asyncio.gather(use(shop, redemption.code), shop.cancel(redemption.name), return_exceptions=True)
        first, second = [answer.reason if isinstance(answer, GuerdonError) else "" for answer in answers]
        return first, second

    outcomes = await asyncio.gather(*[outcome(redemption) for redemption in redemptions])
    assert set(outcomes) <= {("", "VOUCHER_REDEEMED"), ("VOUCHER_VOID", "")}


async def test_uses_are_listed_page_by_page(shop: Shop) -> None:
    [card] = await issued(shop, value=100)
    made = [await use(shop, card.code, euros(1)) for _ in range(5)]
    seen: list[pb.VoucherUse] = []
    token = ""
    while True:
        request = pb.ListVoucherUsesRequest(parent=voucher_of(card), page_size=2, page_token=token)
        page = await shop.catalog.vouchers.ListVoucherUses(request)
        seen += page.uses
        token = page.next_page_token
        if not token:
            break
    assert seen == made[::-1]


async def test_another_programs_vouchers_do_not_exist_for_a_caller_and_scopes_are_required(
    shop: Shop, world: World
) -> None:
    [card] = await issued(shop, value=100)
    done = await use(shop, card.code, euros(1))
    foreign = world.client(world.catalog, world.identity.token(tenants=["programs/elsewhere"])).vouchers
    blind = world.client(world.catalog, world.identity.token(scopes=["rewards.redemptions.*"])).vouchers
    name, reward, id_ = voucher_of(card), card.reward, new_request_id()
    for client, error in ((foreign, NotFoundError), (blind, PermissionDeniedError)):
        for call in (
            client.GetVoucher(pb.GetVoucherRequest(name=name)),
            client.ListVoucherUses(pb.ListVoucherUsesRequest(parent=name)),
            client.ValidateVoucher(pb.ValidateVoucherRequest(parent=shop.program, code=card.code)),
            client.RedeemVoucher(use_request(shop, card.code, euros(1))),
            client.UndoVoucherRedemption(
                pb.UndoVoucherRedemptionRequest(name=done.name, till=MAIN_STREET, request_id=id_)
            ),
            client.GetVoucherTerms(pb.GetVoucherTermsRequest(reward=reward)),
            client.SetVoucherTerms(
                pb.SetVoucherTermsRequest(reward=reward, terms=pb.VoucherTerms(cancellable=True), request_id=id_)
            ),
            client.GenerateCodes(pb.GenerateCodesRequest(reward=reward, count=1, request_id=id_)),
        ):
            with pytest.raises(error):
                await call
    absent = f"{shop.program}/vouchers/rd-0"
    with pytest.raises(NotFoundError):
        await shop.catalog.vouchers.GetVoucher(pb.GetVoucherRequest(name=absent))
    for use_name in (f"{absent}/uses/vu-0", f"{name}/uses/vu-0"):
        with pytest.raises(NotFoundError):
            await undo(shop, use_name)
