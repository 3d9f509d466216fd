"""Who may call what, what strangers learn, and what is written down of a call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from guerdon import GuerdonError, new_request_id
from guerdon.ledger.v1 import adjustments_pb2, books_pb2, explain_pb2, journal_pb2, limits_pb2, policies_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon.options.v1 import options_pb2
from guerdon_kit.testing import RunningService, wait_until
from tests.contract.ledger.world import (
    ADJUSTMENT,
    DENIED,
    EARN,
    INVALID,
    MEMBER,
    NOT_FOUND,
    SPEND,
    UNAUTHENTICATED,
    Shop,
    World,
    refused,
    stamp,
)

SERVICE = pb.DESCRIPTOR.services_by_name["LedgerService"]
METHODS = [method.name for method in SERVICE.methods]


def sample(method: str, program: str) -> Any:
    """A well-formed request of each method about a program."""
    ada = f"{program}/accounts/ada"
    issuance = f"{program}/accounts/issuance.points"
    unit = f"{program}/units/points"
    account = res.Account(name=ada, unit=unit, kind=MEMBER)
    transaction = res.Transaction(kind=EARN, postings=[res.Posting(source=issuance, destination=ada, amount=1)])
    hold = res.Hold(account=ada, amount=1, expire_time=stamp(datetime.now(UTC) + timedelta(days=1)))
    correction = res.Transaction(
        kind=ADJUSTMENT,
        postings=[res.Posting(source=f"{program}/accounts/adjustment.points", destination=ada, amount=1)],
    )
    adjustment = f"{program}/adjustments/1"
    id_ = new_request_id()
    requests: dict[str, Message] = {
        "CreateProgram": pb.CreateProgramRequest(program=res.Program(name=program, time_zone="UTC"), request_id=id_),
        "GetProgram": pb.GetProgramRequest(name=program),
        "UpdateProgram": pb.UpdateProgramRequest(
            program=res.Program(name=program), update_mask=FieldMask(paths=["display_name"]), request_id=id_
        ),
        "ListPolicyChanges": policies_pb2.ListPolicyChangesRequest(parent=program),
        "CreateUnit": pb.CreateUnitRequest(unit=res.Unit(name=unit), request_id=id_),
        "GetUnit": pb.GetUnitRequest(name=unit),
        "CreateAccount": pb.CreateAccountRequest(account=account, request_id=id_),
        "BatchCreateAccounts": pb.BatchCreateAccountsRequest(parent=program, accounts=[account], request_id=id_),
        "GetAccount": pb.GetAccountRequest(name=ada),
        "ListAccounts": pb.ListAccountsRequest(parent=program),
        "UpdateAccountLabels": pb.UpdateAccountLabelsRequest(name=ada, labels={"segment": "SECRET"}, request_id=id_),
        "FreezeAccount": pb.FreezeAccountRequest(name=ada, request_id=id_),
        "UnfreezeAccount": pb.UnfreezeAccountRequest(name=ada, request_id=id_),
        "CloseAccount": pb.CloseAccountRequest(name=ada, request_id=id_),
        "SetCreditLimit": limits_pb2.SetCreditLimitRequest(
            name=f"{program}/accounts/budget.points", credit_limit=1, reason="A new year", request_id=id_
        ),
        "ListCreditLimitChanges": limits_pb2.ListCreditLimitChangesRequest(parent=ada),
        "PostTransaction": pb.PostTransactionRequest(parent=program, transaction=transaction, request_id=id_),
        "BatchPostTransactions": pb.BatchPostTransactionsRequest(
            parent=program, items=[pb.PostTransactionItem(transaction=transaction, request_id=id_)]
        ),
        "ProposeAdjustment": adjustments_pb2.ProposeAdjustmentRequest(
            parent=program, transaction=correction, request_id=id_
        ),
        "ApproveAdjustment": adjustments_pb2.ApproveAdjustmentRequest(name=adjustment, request_id=id_),
        "RejectAdjustment": adjustments_pb2.RejectAdjustmentRequest(name=adjustment, request_id=id_),
        "GetAdjustment": adjustments_pb2.GetAdjustmentRequest(name=adjustment),
        "ListAdjustments": adjustments_pb2.ListAdjustmentsRequest(parent=program),
        "ReverseTransaction": pb.ReverseTransactionRequest(name=f"{program}/transactions/1", request_id=id_),
        "UpdateLots": pb.UpdateLotsRequest(account=ada, activate=pb.ActivateLots(), request_id=id_),
        "GetTransaction": pb.GetTransactionRequest(name=f"{program}/transactions/1"),
        "ListTransactions": pb.ListTransactionsRequest(parent=program),
        "PlaceHold": pb.PlaceHoldRequest(parent=program, hold=hold, request_id=id_),
        "CaptureHold": pb.CaptureHoldRequest(name=f"{program}/holds/1", request_id=id_),
        "ReleaseHold": pb.ReleaseHoldRequest(name=f"{program}/holds/1", request_id=id_),
        "GetHold": pb.GetHoldRequest(name=f"{program}/holds/1"),
        "ListHolds": pb.ListHoldsRequest(parent=ada),
        "GetBalance": pb.GetBalanceRequest(name=ada),
        "BatchGetBalances": pb.BatchGetBalancesRequest(parent=program, names=[ada]),
        "WatchBalances": pb.WatchBalancesRequest(parent=program, accounts=[pb.WatchedAccount(name=ada)]),
        "ListEntries": pb.ListEntriesRequest(parent=ada),
        "CloseBooks": books_pb2.CloseBooksRequest(
            parent=program, close_time=stamp(datetime.now(UTC) - timedelta(days=1)), reason="Year's end", request_id=id_
        ),
        "ReopenBooks": books_pb2.ReopenBooksRequest(parent=program, reason="A late invoice", request_id=id_),
        "ListBooksChanges": books_pb2.ListBooksChangesRequest(parent=program),
        "ExplainBalance": explain_pb2.ExplainBalanceRequest(name=ada),
        "GetTrialBalance": books_pb2.GetTrialBalanceRequest(parent=program),
        "ExportJournal": journal_pb2.ExportJournalRequest(parent=program),
        "EraseTexts": journal_pb2.EraseTextsRequest(name=ada, request_id=id_),
        "Verify": pb.VerifyRequest(),
    }
    return requests[method]


async def call(client: Any, method: str, request: Message) -> None:
    """Calls a method, whether or not it streams its answers."""
    if SERVICE.methods_by_name[method].server_streaming:
        stream = getattr(client.ledger, method)(request)
        await anext(aiter(stream))
        stream.cancel()
    else:
        await getattr(client.ledger, method)(request)


def access(method: str) -> options_pb2.Access:
    return SERVICE.methods_by_name[method].GetOptions().Extensions[options_pb2.access]


@pytest.mark.parametrize("method", METHODS)
async def test_no_method_answers_without_a_valid_token(world: World, shop: Shop, method: str) -> None:
    request = sample(method, shop.name)
    short = world.identity.token(lifetime_s=-120)
    elsewhere = world.identity.token(audiences=["guerdon.membership"])
    for token in ("", "nonsense", world.identity.token()[:-4] + "AAAA", short, elsewhere):
        async with refused(UNAUTHENTICATED, "UNAUTHENTICATED"):
            await call(world.client(token), method, request)


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_wants_its_own_scope(world: World, shop: Shop, method: str) -> None:
    wanted = access(method).scope
    others = sorted({access(other).scope for other in METHODS} - {wanted})
    client = world.client(world.identity.token(scopes=[*others, "membership.*", f"{wanted}.more"]))
    async with refused(DENIED, "SCOPE_REQUIRED", scope=wanted):
        await call(client, method, sample(method, shop.name))


@pytest.mark.parametrize("method", [method for method in METHODS if method != "Verify"])
async def test_a_foreign_program_answers_as_one_that_does_not_exist(world: World, shop: Shop, method: str) -> None:
    await shop.add("ada")
    stranger = world.client(world.identity.token(tenants=["programs/elsewhere"]))
    told = []
    for program in (shop.name, "programs/no-such-program"):
        with pytest.raises(GuerdonError) as refusal:
            await call(stranger, method, sample(method, program))
        error = refusal.value
        assert (error.code, error.reason) == (NOT_FOUND, "NOT_FOUND")
        told.append((error.message.replace(program, "P"), error.metadata["resource"].replace(program, "P")))
    assert told[0] == told[1]


async def test_a_foreign_account_cannot_be_named_in_a_request_about_ones_own_program(world: World, shop: Shop) -> None:
    other = await world.shop()
    await other.add("eve")
    await shop.add("ada")
    mine = Shop(shop.name, world.client(world.identity.token(tenants=[shop.name])))
    posting = res.Posting(source=shop.account("ada"), destination=other.account("eve"), amount=1)
    async with refused(NOT_FOUND, "NOT_FOUND", resource=other.account("eve")):
        await mine.post(SPEND, posting)
    async with refused(NOT_FOUND, "NOT_FOUND", resource=other.account("eve")):
        await mine.ledger.BatchGetBalances(
            pb.BatchGetBalancesRequest(parent=shop.name, names=[shop.account("ada"), other.account("eve")])
        )
    await mine.earn("ada", 1)


@pytest.mark.parametrize("method", METHODS)
async def test_bytes_that_are_no_message_are_refused_without_a_word_of_the_inside(world: World, method: str) -> None:
    metadata = (("authorization", f"Bearer {world.identity.token()}"),)
    descriptor = SERVICE.methods_by_name[method]
    async with grpc.aio.insecure_channel(world.target) as channel:
        make: Any = channel.unary_stream if descriptor.server_streaming else channel.unary_unary
        raw = make(f"/{SERVICE.full_name}/{method}", request_serializer=None, response_deserializer=None)

        async def send(garbage: bytes) -> None:
            answer = raw(garbage, metadata=metadata)
            if descriptor.server_streaming:
                [_ async for _ in answer]
            else:
                await answer

        for garbage in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xc3\x28"):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await send(garbage)
            assert refusal.value.code() is INVALID
            assert refusal.value.details() == "The request does not decode as the method's message."


@pytest.mark.parametrize("method", [m for m in METHODS if m != "Verify"])
async def test_an_empty_request_names_every_required_field(world: World, method: str) -> None:
    request = GetMessageClass(SERVICE.methods_by_name[method].input_type)()
    with pytest.raises(GuerdonError) as refusal:
        await call(world.client(), method, request)
    error = refusal.value
    assert (error.code, error.reason) == (INVALID, "INVALID_FIELD")
    named = {violation.field for violation in error.violations}
    wanted = {f.name for f in SERVICE.methods_by_name[method].input_type.fields if f.name in {"request_id", "parent"}}
    assert wanted <= named
    assert named


async def test_a_call_leaves_one_line_in_the_log_without_anything_sensitive(
    world: World, shop: Shop, running: RunningService
) -> None:
    await shop.add("ada")
    posting = shop.posting("issuance.points", "ada", 7)
    request = shop.request(EARN, posting, memo="SECRET-MEMO", request_id="line-1")
    await shop.ledger.PostTransaction(request)
    request = shop.request(SPEND, shop.posting("ada", "redemption.points", 8), memo="SECRET-MEMO", request_id="line-2")
    with pytest.raises(GuerdonError):
        await shop.ledger.PostTransaction(request)
    hold = res.Hold(account=shop.account("ada"), amount=1, purpose="SECRET-PURPOSE", expire_time=posting.expire_time)
    with pytest.raises(GuerdonError):
        await shop.ledger.PlaceHold(pb.PlaceHoldRequest(parent=shop.name, hold=hold, request_id="line-3"))

    def lines() -> dict[str, Any]:
        found = [json.loads(line) for line in running.process.said().splitlines() if line.startswith("{")]
        return {line["request_id"]: line for line in found if line.get("request_id", "").startswith("line-")}

    await wait_until(lambda: len(lines()) == 3)
    one, two, three = (lines()[f"line-{n}"] for n in (1, 2, 3))
    assert one["method"] == "guerdon.ledger.v1.LedgerService/PostTransaction"
    assert one["caller"] == "https://development.guerdon.dev|developer"
    assert (one["status"], one["reason"]) == ("OK", "")
    assert one["ms"] > 0
    assert (two["status"], two["reason"]) == ("FAILED_PRECONDITION", "INSUFFICIENT_POINTS")
    assert three["status"] in {"FAILED_PRECONDITION", "INVALID_ARGUMENT"}
    said = running.process.said()
    assert "SECRET" not in said
    assert "eyJ" not in said
    assert "postgres://" not in said
