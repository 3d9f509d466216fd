"""Filling code pools, and who may see the codes that were issued."""

from __future__ import annotations

import pytest

from guerdon import InvalidRequestError, RefusedError, was_replayed
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from tests.contract.rewards_catalog.world import Shop, World, code_chunks, stream

DUPLICATE, MALFORMED = pb.CODE_REJECTION_DUPLICATE, pb.CODE_REJECTION_MALFORMED


async def test_each_row_that_is_not_added_is_told_with_its_number_in_the_stream(shop: Shop) -> None:
    card = await shop.reward("card", codes=["KNOWN-1"])
    answer = await shop.import_codes(card, [["NEW-1", "KNOWN-1", "a b"], ["NEW-2", "NEW-1", "NEW-2"]])
    assert answer.imported_count == 2
    assert answer.rejected_count == 4
    assert [(row.row, row.reason) for row in answer.rejected] == [
        (2, DUPLICATE),
        (3, MALFORMED),
        (5, DUPLICATE),
        (6, DUPLICATE),
    ]
    assert await shop.left(card) == 3


async def test_a_code_is_known_in_all_pools_of_a_program_and_in_no_other_program(shop: Shop, world: World) -> None:
    await shop.reward("card", codes=["CODE-1"])
    other_pool = await shop.reward("voucher", codes=["CODE-2"])
    assert (await shop.import_codes(other_pool, [["CODE-1"]])).rejected_count == 1
    elsewhere = await world.shop()
    assert await elsewhere.left(await elsewhere.reward("card", codes=["CODE-1"])) == 1


async def test_an_import_sent_again_after_a_broken_stream_adds_nothing_twice(shop: Shop) -> None:
    card = await shop.reward("card", codes=["FIRST-0"])
    chunks = code_chunks(card, [["CODE-1", "CODE-2"], ["CODE-3", "CODE-3"]])
    await shop.catalog.rewards.ImportCodes(stream(chunks[:1]))
    whole = await shop.catalog.rewards.ImportCodes(stream(chunks))
    call = shop.catalog.rewards.ImportCodes(stream(chunks))
    assert await call == whole
    assert await was_replayed(call)
    assert (whole.imported_count, [row.row for row in whole.rejected]) == (3, [4])
    assert await shop.left(card) == 4


async def test_a_chunk_with_an_id_that_was_used_for_other_codes_is_refused(shop: Shop) -> None:
    card = await shop.reward("card", codes=["FIRST-0"])
    chunk = pb.ImportCodesRequest(reward=card, codes=["CODE-1"], request_id="chunk")
    await shop.catalog.rewards.ImportCodes(stream([chunk]))
    other = pb.ImportCodesRequest(reward=card, codes=["CODE-2"], request_id="chunk")
    with pytest.raises(InvalidRequestError) as refused:
        await shop.catalog.rewards.ImportCodes(stream([other]))
    assert (refused.value.reason, refused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "codes")


async def test_an_import_goes_to_one_pool_in_chunks_of_at_most_a_thousand(shop: Shop) -> None:
    card, mug = await shop.reward("card", codes=["FIRST-0"]), await shop.reward("mug", stock=1)
    other = await shop.reward("voucher", codes=["FIRST-1"])
    two_pools = [*code_chunks(card, [["CODE-1"]]), *code_chunks(other, [["CODE-2"]])]
    with pytest.raises(InvalidRequestError):
        await shop.catalog.rewards.ImportCodes(stream(two_pools))
    with pytest.raises(InvalidRequestError):
        await shop.import_codes(card, [[f"CODE-{number}" for number in range(1001)]])
    with pytest.raises(InvalidRequestError):
        await shop.catalog.rewards.ImportCodes(stream([]))
    with pytest.raises(RefusedError) as refused:
        await shop.import_codes(mug, [["CODE-3"]])
    assert refused.value.reason == "WRONG_FULFILMENT"


async def test_a_code_is_shown_to_those_with_the_scope_and_to_nobody_else(shop: Shop, world: World) -> None:
    card = await shop.reward("card", codes=["GIFT-1234"])
    member = await shop.member(100)
    blind = world.client(world.catalog, world.identity.token(scopes=["rewards.redemptions.*"]))
    request = pb.RedeemRequest(reward=card, account=member, request_id="gift")
    unseen = (await blind.rewards.Redeem(request)).redemption
    assert (unseen.state, unseen.code) == (res.REDEMPTION_STATE_FULFILLED, "")
    read = pb.GetRedemptionRequest(name=unseen.name)
    assert (await blind.rewards.GetRedemption(read)).redemption.code == ""
    assert (await shop.catalog.rewards.GetRedemption(read)).redemption.code == "GIFT-1234"
    assert [redemption.code for redemption in await shop.redemptions()] == [""]
