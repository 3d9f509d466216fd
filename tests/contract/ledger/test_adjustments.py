"""Adjustments: what one person posts alone, and what takes another to approve."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import GuerdonError, new_request_id, was_replayed
from guerdon.ledger.v1 import adjustments_pb2 as adj
from guerdon.ledger.v1 import books_pb2, journal_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.auth.service_tokens import ServiceTokens
from tests.contract.ledger.world import (
    ADJUSTMENT,
    DENIED,
    EARN,
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    Shop,
    World,
    findings,
    refused,
    stamp,
)

PROPOSED, APPROVED = adj.ADJUSTMENT_STATE_PROPOSED, adj.ADJUSTMENT_STATE_APPROVED
REJECTED = adj.ADJUSTMENT_STATE_REJECTED
DEVELOPER = "https://development.guerdon.dev|developer"
CONTROLLER = "https://development.guerdon.dev|controller"


@pytest.fixture
def another(shop: Shop, world: World) -> Shop:
    """The same program as another person reaches it."""
    return Shop(shop.name, world.client(world.identity.token("controller")))


async def limit(shop: Shop, *limits: tuple[str, int]) -> None:
    """One person may adjust so much of a unit, or of every other one."""
    messages = [
        res.AdjustmentLimit(unit=f"{shop.name}/units/{unit}" if unit else "", amount=amount) for unit, amount in limits
    ]
    await shop.ledger.UpdateProgram(
        pb.UpdateProgramRequest(
            program=res.Program(name=shop.name, adjustment_limits=messages),
            update_mask=FieldMask(paths=["adjustment_limits"]),
            request_id=new_request_id(),
        )
    )


def give(shop: Shop, amount: int, to: str = "ada", **times: datetime) -> res.Posting:
    return shop.posting("adjustment.points", to, amount, **times)


def take(shop: Shop, amount: int, of: str = "ada") -> res.Posting:
    return shop.posting(of, "adjustment.points", amount)


def proposal(shop: Shop, *postings: res.Posting, request_id: str = "", **fields: Any) -> adj.ProposeAdjustmentRequest:
    return adj.ProposeAdjustmentRequest(
        parent=shop.name,
        transaction=shop.transaction(fields.pop("kind", ADJUSTMENT), *postings, **fields),
        request_id=request_id or new_request_id(),
    )


async def propose(shop: Shop, *postings: res.Posting, **fields: Any) -> adj.Adjustment:
    answer = await shop.ledger.ProposeAdjustment(proposal(shop, *postings, **fields))
    return answer.adjustment  # type: ignore[no-any-return]  # the stub is Any here


def approval(adjustment: adj.Adjustment, request_id: str = "") -> adj.ApproveAdjustmentRequest:
    return adj.ApproveAdjustmentRequest(name=adjustment.name, request_id=request_id or new_request_id())


def rejection(adjustment: adj.Adjustment, reason: str = "", request_id: str = "") -> adj.RejectAdjustmentRequest:
    return adj.RejectAdjustmentRequest(name=adjustment.name, reason=reason, request_id=request_id or new_request_id())


async def read(shop: Shop, adjustment: adj.Adjustment) -> adj.Adjustment:
    answer = await shop.ledger.GetAdjustment(adj.GetAdjustmentRequest(name=adjustment.name))
    return answer.adjustment  # type: ignore[no-any-return]  # the stub is Any here


async def test_one_person_adjusts_up_to_the_limit_and_no_further(shop: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.post(ADJUSTMENT, give(shop, 10_000))
    await limit(shop, ("points", 100))
    await shop.post(ADJUSTMENT, give(shop, 100))
    await shop.post(ADJUSTMENT, give(shop, 50), take(shop, 50))
    await shop.earn("ada", 10_000)
    before = await shop.balance("ada")
    for postings in ([give(shop, 101)], [take(shop, 101)], [give(shop, 60), take(shop, 60, "ben")]):
        amount = sum(posting.amount for posting in postings)
        async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED", program=shop.name, limit=100, amount=amount):
            await shop.post(ADJUSTMENT, *postings)
    assert await shop.balance("ada") == before


async def test_each_item_of_a_batch_is_held_to_the_limit(shop: Shop) -> None:
    await shop.add("ada")
    await limit(shop, ("", 100))
    items = [
        pb.PostTransactionItem(transaction=shop.transaction(kind, posting), request_id=new_request_id())
        for kind, posting in (
            (ADJUSTMENT, give(shop, 101)),
            (EARN, shop.posting("issuance.points", "ada", 101)),
            (ADJUSTMENT, give(shop, 100)),
        )
    ]
    answer = await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=items))
    assert [result.HasField("posted") for result in answer.results] == [False, True, True]
    assert "SECOND_PERSON_REQUIRED" in str(answer.results[0].error)
    assert (await shop.balance("ada")).posted == 201


async def test_each_unit_has_its_own_limit_and_the_others_share_one(shop: Shop) -> None:
    await shop.ledger.CreateUnit(
        pb.CreateUnitRequest(unit=res.Unit(name=f"{shop.name}/units/cents"), request_id=new_request_id())
    )
    await shop.add("ada")
    await shop.add("wallet", unit="cents")
    await limit(shop, ("points", 100), ("", 0))
    await shop.post(ADJUSTMENT, give(shop, 100))
    async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED", limit=0, amount=1):
        await shop.post(ADJUSTMENT, give(shop, 99), shop.posting("adjustment.cents", "wallet", 1))
    await limit(shop, ("points", 100))
    await shop.post(ADJUSTMENT, shop.posting("adjustment.cents", "wallet", 1_000_000))


async def test_a_limit_holds_for_whatever_is_posted_after_it_was_set_and_what_was_posted_is_answered_again(
    shop: Shop,
) -> None:
    await shop.add("ada")
    request = shop.request(ADJUSTMENT, give(shop, 500))
    posted = await shop.ledger.PostTransaction(request)
    await limit(shop, ("points", 100))
    assert await shop.ledger.PostTransaction(request) == posted
    above = shop.request(ADJUSTMENT, give(shop, 500))
    async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED"):
        await shop.ledger.PostTransaction(above)
    await limit(shop, ("points", 500))
    await shop.ledger.PostTransaction(above)  # the refusal was not kept with the request
    assert (await shop.balance("ada")).posted == 1000


async def test_guerdons_own_services_are_held_to_the_limit_too(shop: Shop, world: World) -> None:
    await shop.add("ada")
    await limit(shop, ("points", 100))
    membership = Shop(shop.name, world.service("membership"))
    await membership.post(ADJUSTMENT, give(shop, 100))
    async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED"):
        await membership.post(ADJUSTMENT, give(shop, 101))


async def test_what_one_proposes_another_approves_and_it_is_posted(shop: Shop, another: Shop, world: World) -> None:
    await shop.add("ada")
    await limit(shop, ("points", 100))
    expires = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    posting = give(shop, 1_000, expire_time=expires)
    proposed = await propose(shop, posting, memo="Goodwill")
    assert (proposed.state, proposed.proposer, proposed.transaction.name) == (PROPOSED, DEVELOPER, "")
    assert (list(proposed.transaction.postings), proposed.transaction.memo) == ([posting], "Goodwill")
    assert await read(shop, proposed) == proposed
    assert (await shop.balance("ada")).version == 0
    request = approval(proposed)
    answer = await another.ledger.ApproveAdjustment(request)
    approved = answer.adjustment
    assert (approved.state, approved.resolver) == (APPROVED, CONTROLLER)
    assert approved.resolve_time == answer.record_time
    assert [balance.posted for balance in answer.balances] == [1_000]
    found = (await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=approved.transaction.name))).transaction
    assert (found.kind, found.memo, found.record_time) == (ADJUSTMENT, "Goodwill", answer.record_time)
    assert [(p.source, p.destination, p.amount) for p in found.postings] == [
        (posting.source, posting.destination, posting.amount)
    ]
    assert found.actor == f"{DEVELOPER} approved by {CONTROLLER}"
    [bucket] = (await shop.balance("ada", full=True)).expiries
    assert (bucket.expire_time, bucket.amount) == (stamp(expires), 1_000)
    assert await read(shop, proposed) == approved
    again = another.ledger.ApproveAdjustment(request)
    assert await again == answer
    assert await was_replayed(again)
    for fresh in (approval(proposed), rejection(proposed)):
        method = type(fresh).__name__.removesuffix("Request")
        async with refused(
            PRECONDITION,
            "ADJUSTMENT_ALREADY_APPROVED",
            adjustment=proposed.name,
            transaction=approved.transaction.name,
        ):
            await getattr(another.ledger, method)(fresh)
    assert (await shop.balance("ada")).posted == 1_000
    assert await findings(world.client()) == []


async def test_who_proposed_an_adjustment_cannot_approve_it_under_any_name(shop: Shop, world: World) -> None:
    await shop.add("ada")
    proposed = await propose(shop, give(shop, 1))
    async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED", adjustment=proposed.name):
        await shop.ledger.ApproveAdjustment(approval(proposed))
    signed = ServiceTokens("membership", world.identity.signing_key_file("membership"))
    through = world.client(signed.token("ledger", "ledger.*", ("programs/*",), DEVELOPER))
    async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED", adjustment=proposed.name):
        await through.ledger.ApproveAdjustment(approval(proposed))
    for service in ("rewards_catalog", "partner_exchange", "recognition"):
        async with refused(DENIED, "KIND_NOT_ALLOWED", kind="ADJUSTMENT"):
            await world.service(service).ledger.ApproveAdjustment(approval(proposed))
    assert (await read(shop, proposed)).state == PROPOSED
    assert (await shop.balance("ada")).posted == 0


async def test_what_the_ledger_refuses_stays_proposed_and_can_be_approved_later(shop: Shop, another: Shop) -> None:
    await shop.add("ada")
    proposed = await propose(shop, take(shop, 30), take(shop, 20))
    first = approval(proposed)
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", required=50, available=0):
        await another.ledger.ApproveAdjustment(first)
    assert (await read(shop, proposed)).state == PROPOSED
    await shop.earn("ada", 50)
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS"):  # as that request was answered
        await another.ledger.ApproveAdjustment(first)
    answer = await another.ledger.ApproveAdjustment(approval(proposed))
    assert (answer.adjustment.state, answer.balances[0].posted) == (APPROVED, 0)


async def test_an_adjustment_of_closed_books_is_refused_when_it_is_approved(shop: Shop, another: Shop) -> None:
    await shop.add("ada")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    late = await propose(shop, give(shop, 5), effective_time=stamp(yesterday))
    carried = await propose(shop, give(shop, 5), effective_time=stamp(yesterday), if_closed=res.IF_CLOSED_CARRY_FORWARD)
    closed = stamp(datetime.now(UTC) - timedelta(minutes=1))
    await shop.ledger.CloseBooks(
        books_pb2.CloseBooksRequest(parent=shop.name, close_time=closed, reason="x", request_id=new_request_id())
    )
    async with refused(PRECONDITION, "BOOKS_CLOSED"):
        await another.ledger.ApproveAdjustment(approval(late))
    posted = (await another.ledger.ApproveAdjustment(approval(carried))).adjustment.transaction.name
    found = await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=posted))
    assert found.transaction.effective_time == closed


async def test_a_rejected_or_withdrawn_adjustment_moves_nothing_for_ever(shop: Shop, another: Shop) -> None:
    await shop.add("ada")
    rejected, withdrawn = await propose(shop, give(shop, 5)), await propose(shop, give(shop, 6))
    request = rejection(rejected, "Not ours")
    answer = await another.ledger.RejectAdjustment(request)
    assert (answer.adjustment.state, answer.adjustment.resolver, answer.adjustment.reason) == (
        REJECTED,
        CONTROLLER,
        "Not ours",
    )
    assert await read(shop, rejected) == answer.adjustment
    again = another.ledger.RejectAdjustment(request)
    assert await again == answer
    assert await was_replayed(again)
    own = (await shop.ledger.RejectAdjustment(rejection(withdrawn))).adjustment
    assert (own.state, own.resolver) == (REJECTED, DEVELOPER)
    for adjustment in (rejected, withdrawn):
        for fresh in (approval(adjustment), rejection(adjustment)):
            method = type(fresh).__name__.removesuffix("Request")
            async with refused(PRECONDITION, "ADJUSTMENT_ALREADY_REJECTED", adjustment=adjustment.name):
                await getattr(another.ledger, method)(fresh)
    assert (await shop.balance("ada")).version == 0


async def test_a_proposal_that_could_never_be_posted_is_refused_by_field(shop: Shop, world: World) -> None:
    await shop.add("ada")
    other = await world.shop(shop.client)
    await other.add("eve")
    tomorrow = stamp(datetime.now(UTC) + timedelta(days=1))
    for request, field in (
        (proposal(shop, give(shop, 0)), "transaction.postings[0].amount"),
        (proposal(shop, give(shop, 2**53 + 1)), "transaction.postings[0].amount"),
        (proposal(shop, shop.posting("issuance.points", "ada", 1)), "transaction.postings[0]"),
        (proposal(shop, shop.posting("issuance.points", "ada", 1), kind=EARN), "transaction.kind"),
        (proposal(shop), "transaction.postings"),
        (proposal(shop, give(shop, 1), memo="x" * 201), "transaction.memo"),
        (proposal(shop, give(shop, 1), effective_time=tomorrow), "transaction.effective_time"),
    ):
        async with refused(INVALID, "INVALID_FIELD", violated=[field]):
            await shop.ledger.ProposeAdjustment(request)
    async with refused(NOT_FOUND, "NOT_FOUND", resource=shop.account("zoe")):
        await propose(shop, give(shop, 1, "zoe"))
    async with refused(DENIED, "SPANS_PROGRAMS"):
        await propose(shop, other.posting("adjustment.points", "eve", 1))
    async with refused(DENIED, "KIND_NOT_ALLOWED"):
        await propose(Shop(shop.name, world.service("recognition")), give(shop, 1))
    for name in ("1", "9223372036854775808", "x"):
        async with refused(NOT_FOUND, "NOT_FOUND", resource=f"{shop.name}/adjustments/{name}"):
            await shop.ledger.GetAdjustment(adj.GetAdjustmentRequest(name=f"{shop.name}/adjustments/{name}"))
    elsewhere = (await propose(other, give(other, 1, "eve"))).name.split("/")[-1]
    async with refused(NOT_FOUND, "NOT_FOUND", resource=f"{shop.name}/adjustments/{elsewhere}"):
        await shop.ledger.ApproveAdjustment(
            adj.ApproveAdjustmentRequest(name=f"{shop.name}/adjustments/{elsewhere}", request_id=new_request_id())
        )
    async with refused(INVALID, "INVALID_FIELD", violated=["reason"]):
        await shop.ledger.RejectAdjustment(
            adj.RejectAdjustmentRequest(
                name=f"{shop.name}/adjustments/1", reason="x" * 201, request_id=new_request_id()
            )
        )


async def test_the_same_proposal_again_is_answered_as_it_was_made(shop: Shop, another: Shop) -> None:
    await shop.add("ada")
    request = proposal(shop, give(shop, 5), request_id="p-1")
    made = await shop.ledger.ProposeAdjustment(request)
    await another.ledger.ApproveAdjustment(approval(made.adjustment))
    again = shop.ledger.ProposeAdjustment(request)
    assert await again == made
    assert await was_replayed(again)
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="transaction"):
        await shop.ledger.ProposeAdjustment(proposal(shop, give(shop, 6), request_id="p-1"))


async def test_adjustments_are_listed_by_state_newest_first(shop: Shop, another: Shop) -> None:
    await shop.add("ada")
    made = [await propose(shop, give(shop, n)) for n in range(1, 6)]
    await another.ledger.ApproveAdjustment(approval(made[1]))
    await another.ledger.RejectAdjustment(rejection(made[3]))

    async def pages(state: int = 0) -> list[str]:
        found, token = [], ""
        while True:
            answer = await shop.ledger.ListAdjustments(
                adj.ListAdjustmentsRequest(
                    parent=shop.name,
                    state=state,  # type: ignore[arg-type]  # an enum's number
                    page_size=2,
                    page_token=token,
                )
            )
            found += [one.name for one in answer.adjustments]
            token = answer.next_page_token
            if not token:
                return found

    names = [one.name for one in made]
    assert await pages() == names[::-1]
    assert await pages(PROPOSED) == [names[4], names[2], names[0]]
    assert await pages(APPROVED) == [names[1]]
    assert await pages(REJECTED) == [names[3]]
    async with refused(INVALID, "INVALID_FIELD", violated=["state"]):
        await pages(9)


async def test_of_many_approvals_and_rejections_at_once_one_comes_first(shop: Shop, world: World) -> None:
    await shop.add("ada")
    people = [Shop(shop.name, world.client(world.identity.token(f"person-{n}"))) for n in range(6)]
    for proposed in [await propose(shop, give(shop, 10)) for _ in range(4)]:
        before = (await shop.balance("ada")).posted
        answers = await asyncio.gather(
            *(person.ledger.ApproveAdjustment(approval(proposed)) for person in people),
            *(person.ledger.RejectAdjustment(rejection(proposed)) for person in people),
            return_exceptions=True,
        )
        [first] = [answer for answer in answers if not isinstance(answer, BaseException)]
        reasons = {answer.reason for answer in answers if isinstance(answer, GuerdonError)}
        state = first.adjustment.state
        told = {APPROVED: "ADJUSTMENT_ALREADY_APPROVED", REJECTED: "ADJUSTMENT_ALREADY_REJECTED"}
        assert reasons == {told[state]}
        assert (await shop.balance("ada")).posted - before == (10 if state == APPROVED else 0)
        assert (await read(shop, proposed)) == first.adjustment
    assert await findings(world.client()) == []


async def test_what_was_written_on_adjustments_is_erased_with_an_accounts_words(shop: Shop, another: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    approved, rejected, waiting = [await propose(shop, give(shop, n), memo="About Ada") for n in (1, 2, 3)]
    bens = await propose(shop, give(shop, 4, "ben"), memo="About Ben")
    posted = (await another.ledger.ApproveAdjustment(approval(approved))).adjustment.transaction.name
    await another.ledger.RejectAdjustment(rejection(rejected, "Ada said so"))
    erased = await shop.ledger.EraseTexts(
        journal_pb2.EraseTextsRequest(name=shop.account("ada"), request_id=new_request_id())
    )
    assert (erased.transaction_count, erased.adjustment_count) == (1, 3)
    for adjustment in (approved, rejected, waiting):
        found = await read(shop, adjustment)
        assert (found.transaction.memo, found.reason) == ("", "")
    assert (await read(shop, bens)).transaction.memo == "About Ben"
    found = await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=posted))
    assert found.transaction.memo == ""
    later = (await another.ledger.ApproveAdjustment(approval(waiting))).adjustment.transaction.name
    assert (await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=later))).transaction.memo == ""
