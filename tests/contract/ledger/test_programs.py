"""Programs, units and accounts: made once, by their bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import policies_pb2
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    BUDGET,
    EXCHANGE_ACCOUNT,
    EXISTS,
    INVALID,
    MEMBER,
    NOT_FOUND,
    Shop,
    World,
    refused,
)


def program(**changes: Any) -> pb.CreateProgramRequest:
    values = {"name": "programs/unmade", "display_name": "Acme", "time_zone": "Europe/London"} | changes
    return pb.CreateProgramRequest(program=res.Program(**values), request_id=new_request_id())


def unit(shop: Shop, **changes: Any) -> pb.CreateUnitRequest:
    return pb.CreateUnitRequest(
        unit=res.Unit(**({"name": f"{shop.name}/units/stamps"} | changes)), request_id=new_request_id()
    )


def account(shop: Shop, id_: str = "ada", kind: int = MEMBER, **changes: Any) -> pb.CreateAccountRequest:
    values: dict[str, Any] = {"name": shop.account(id_), "unit": f"{shop.name}/units/points", "kind": kind} | changes
    return pb.CreateAccountRequest(account=res.Account(**values), request_id=new_request_id())


async def test_a_program_is_read_back_as_it_was_made(world: World) -> None:
    ledger = world.client().ledger
    request = program(name="programs/A.b_c~d-9", display_name="Café ☕")
    made = await ledger.CreateProgram(request)
    assert made.program == request.program
    assert (await ledger.GetProgram(pb.GetProgramRequest(name=request.program.name))).program == request.program
    again = ledger.CreateProgram(request)
    assert await again == made
    assert await was_replayed(again)
    async with refused(EXISTS, "ALREADY_EXISTS", resource=request.program.name):
        await ledger.CreateProgram(program(name=request.program.name))
    request.program.display_name = "Another"
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="program"):
        await ledger.CreateProgram(request)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "program.name"),
        ({"time_zone": ""}, "program.time_zone"),
        ({"time_zone": "Mars/Olympus"}, "program.time_zone"),
        ({"time_zone": "../../etc/passwd"}, "program.time_zone"),
        ({"time_zone": "localtime"}, "program.time_zone"),
        ({"name": "programs/"}, "program.name"),
        ({"name": "programs/a/b"}, "program.name"),
        ({"name": "programs/" + "a" * 64}, "program.name"),
        ({"name": "programs/-a"}, "program.name"),
        ({"name": "programs/a b"}, "program.name"),
        ({"name": "programs/a\n"}, "program.name"),
        ({"name": "shops/a"}, "program.name"),
        ({"display_name": "x" * 201}, "program.display_name"),
        ({"display_name": "a\0b"}, "program.display_name"),
    ],
)
async def test_a_program_outside_its_bounds_is_refused_by_field(
    world: World, changes: dict[str, str], field: str
) -> None:
    async with refused(INVALID, "INVALID_FIELD", violated=[field]):
        await world.client().ledger.CreateProgram(program(**changes))


async def test_a_program_is_called_something_else_once_and_by_its_mask(world: World) -> None:
    ledger = world.client().ledger
    made = program(name="programs/renamed")
    await ledger.CreateProgram(made)

    def update(display_name: str, *paths: str, name: str = "programs/renamed") -> pb.UpdateProgramRequest:
        changed = res.Program(name=name, display_name=display_name, time_zone="Asia/Tokyo")
        return pb.UpdateProgramRequest(program=changed, update_mask=FieldMask(paths=paths), request_id=new_request_id())

    request = update("Apex ☕", "display_name")
    answer = await ledger.UpdateProgram(request)
    expected = res.Program(name="programs/renamed", display_name="Apex ☕", time_zone="Europe/London")
    read = pb.GetProgramRequest(name="programs/renamed")
    assert answer.program == expected == (await ledger.GetProgram(read)).program
    await ledger.UpdateProgram(update("", "display_name"))
    again = ledger.UpdateProgram(request)
    assert await again == answer
    assert await was_replayed(again)
    assert (await ledger.GetProgram(read)).program.display_name == ""
    assert await ledger.CreateProgram(made) == pb.CreateProgramResponse(program=made.program)
    for paths in ((), ("name",), ("time_zone",), ("display_name", "time_zone"), ("*",)):
        async with refused(INVALID, "INVALID_FIELD", violated=["update_mask"]):
            await ledger.UpdateProgram(update("x", *paths))
    for name in ("x" * 201, "a\0b"):
        async with refused(INVALID, "INVALID_FIELD", violated=["program.display_name"]):
            await ledger.UpdateProgram(update(name, "display_name"))
    async with refused(NOT_FOUND, "NOT_FOUND", resource="programs/nowhere"):
        await ledger.UpdateProgram(update("x", "display_name", name="programs/nowhere"))
    request.program.display_name = "y"
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="program"):
        await ledger.UpdateProgram(request)


async def test_programs_made_at_once_each_get_their_own(world: World) -> None:
    ledger = world.client().ledger
    requests = [program(name=f"programs/at-once-{n}") for n in range(20)]
    made = await asyncio.gather(*(ledger.CreateProgram(request) for request in requests))
    assert [answer.program for answer in made] == [request.program for request in requests]


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a b", "ä", "a\0"])
async def test_a_write_needs_a_request_id_of_1_to_64_printable_characters(world: World, request_id: str) -> None:
    request = program()
    request.request_id = request_id
    async with refused(INVALID, "INVALID_FIELD", violated=["request_id"]):
        await world.client().ledger.CreateProgram(request)


async def test_a_unit_comes_with_its_system_accounts(shop: Shop) -> None:
    request = unit(shop, display_name="Stamps", scale=2)
    made = await shop.ledger.CreateUnit(request)
    assert made.unit == request.unit
    assert await shop.ledger.CreateUnit(request) == made
    assert (await shop.ledger.GetUnit(pb.GetUnitRequest(name=made.unit.name))).unit == made.unit
    async with refused(NOT_FOUND, "NOT_FOUND", resource=f"{shop.name}/units/none"):
        await shop.ledger.GetUnit(pb.GetUnitRequest(name=f"{shop.name}/units/none"))
    for kind in ("issuance", "redemption", "breakage", "adjustment"):
        found = (await shop.ledger.GetAccount(pb.GetAccountRequest(name=shop.account(f"{kind}.stamps")))).account
        assert (found.unit, res.AccountKind.Name(found.kind)) == (made.unit.name, f"ACCOUNT_KIND_{kind.upper()}")
    async with refused(EXISTS, "ALREADY_EXISTS"):
        await shop.ledger.CreateUnit(unit(shop))
    async with refused(NOT_FOUND, "NOT_FOUND", resource="programs/nowhere"):
        await shop.ledger.CreateUnit(unit(shop, name="programs/nowhere/units/points"))


async def test_a_programs_policies_are_those_it_was_made_with_until_they_are_changed_by_its_mask(world: World) -> None:
    ledger = world.client().ledger
    made = program(name="programs/strict", adjustment_limits=[res.AdjustmentLimit(amount=500)])
    assert (await ledger.CreateProgram(made)).program == made.program
    read = pb.GetProgramRequest(name="programs/strict")
    assert (await ledger.GetProgram(read)).program == made.program
    points = res.Unit(name="programs/strict/units/points")
    await ledger.CreateUnit(pb.CreateUnitRequest(unit=points, request_id=new_request_id()))
    limits = [res.AdjustmentLimit(amount=0), res.AdjustmentLimit(unit=points.name, amount=1000)]

    def update(*paths: str, **values: Any) -> pb.UpdateProgramRequest:
        return pb.UpdateProgramRequest(
            program=res.Program(name="programs/strict", **values),
            update_mask=FieldMask(paths=paths),
            request_id=new_request_id(),
        )

    request = update("adjustment_limits", adjustment_limits=limits, restored_lot_grace=Duration(seconds=1))
    changed = await ledger.UpdateProgram(request)
    assert list(changed.program.adjustment_limits) == limits
    assert (changed.program.display_name, changed.program.HasField("restored_lot_grace")) == ("Acme", False)
    both = update("display_name", "restored_lot_grace", restored_lot_grace=Duration(seconds=60), display_name="B")
    later = (await ledger.UpdateProgram(both)).program
    assert list(later.adjustment_limits) == limits
    assert (later.display_name, later.restored_lot_grace.seconds) == ("B", 60)
    assert (await ledger.GetProgram(read)).program == later
    await ledger.UpdateProgram(update("display_name", display_name="Acme"))
    again = ledger.UpdateProgram(request)
    assert await again == changed
    assert await was_replayed(again)
    none = (await ledger.UpdateProgram(update("adjustment_limits", "restored_lot_grace"))).program
    assert none == res.Program(name="programs/strict", display_name="Acme", time_zone="Europe/London")
    assert await ledger.CreateProgram(made) == pb.CreateProgramResponse(program=made.program)


async def test_who_changed_a_programs_policies_when_and_to_what_is_kept(shop: Shop, world: World) -> None:
    another = world.client(world.identity.token("controller")).ledger
    listing = policies_pb2.ListPolicyChangesRequest(parent=shop.name)
    assert not (await shop.ledger.ListPolicyChanges(listing)).changes
    limits = [res.AdjustmentLimit(unit=f"{shop.name}/units/points", amount=5), res.AdjustmentLimit(amount=0)]
    for ledger, changed in (
        (shop.ledger, res.Program(adjustment_limits=limits)),
        (another, res.Program(restored_lot_grace=Duration(seconds=60))),
        (shop.ledger, res.Program(display_name="No policy")),
        (shop.ledger, res.Program(adjustment_limits=[])),
    ):
        paths = [one.name for one, _ in changed.ListFields()] or ["adjustment_limits"]
        changed.name = shop.name
        mask = FieldMask(paths=paths)
        await ledger.UpdateProgram(
            pb.UpdateProgramRequest(program=changed, update_mask=mask, request_id=new_request_id())
        )
    found = list((await shop.ledger.ListPolicyChanges(listing)).changes)
    told = [(list(one.adjustment_limits), one.restored_lot_grace.seconds, one.actor.split("|")[1]) for one in found]
    assert told == [([], 60, "developer"), (limits, 60, "controller"), (limits, 0, "developer")]
    assert found[0].record_time.ToDatetime() >= found[1].record_time.ToDatetime()
    paged, token = [], ""
    for size in (2, 1):
        page = policies_pb2.ListPolicyChangesRequest(parent=shop.name, page_size=2, page_token=token)
        answer = await shop.ledger.ListPolicyChanges(page)
        assert len(answer.changes) == size
        paged += answer.changes
        token = answer.next_page_token
    assert (paged, token) == (found, "")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"adjustment_limits": [res.AdjustmentLimit(amount=-1)]}, "adjustment_limits[0].amount"),
        ({"adjustment_limits": [res.AdjustmentLimit(amount=2**53 + 1)]}, "adjustment_limits[0].amount"),
        ({"adjustment_limits": [res.AdjustmentLimit(), res.AdjustmentLimit()]}, "adjustment_limits[1].unit"),
        ({"adjustment_limits": [res.AdjustmentLimit()] * 101}, "adjustment_limits"),
        ({"restored_lot_grace": Duration(seconds=-1)}, "restored_lot_grace"),
        ({"restored_lot_grace": Duration(nanos=1)}, "restored_lot_grace"),
        ({"restored_lot_grace": Duration(seconds=366 * 86_400 + 1)}, "restored_lot_grace"),
    ],
)
async def test_a_policy_outside_its_bounds_is_refused_by_field(shop: Shop, values: dict[str, Any], field: str) -> None:
    async with refused(INVALID, "INVALID_FIELD", violated=[f"program.{field}"]):
        await shop.ledger.CreateProgram(program(**values))
    mask = FieldMask(paths=list(values))
    async with refused(INVALID, "INVALID_FIELD", violated=[f"program.{field}"]):
        await shop.ledger.UpdateProgram(
            pb.UpdateProgramRequest(
                program=res.Program(name=shop.name, **values), update_mask=mask, request_id=new_request_id()
            )
        )


async def test_a_limit_is_for_a_unit_of_its_own_program(shop: Shop, world: World) -> None:
    other = await world.shop(shop.client)

    def limit(unit: str) -> pb.UpdateProgramRequest:
        limited = res.Program(name=shop.name, adjustment_limits=[res.AdjustmentLimit(unit=unit, amount=1)])
        mask = FieldMask(paths=["adjustment_limits"])
        return pb.UpdateProgramRequest(program=limited, update_mask=mask, request_id=new_request_id())

    for unit_ in (f"{other.name}/units/points", "units/points"):
        async with refused(INVALID, "INVALID_FIELD", violated=["program.adjustment_limits[0].unit"]):
            await shop.ledger.UpdateProgram(limit(unit_))
    async with refused(NOT_FOUND, "NOT_FOUND", resource=f"{shop.name}/units/none"):
        await shop.ledger.UpdateProgram(limit(f"{shop.name}/units/none"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "Points"}, "unit.name"),
        ({"id": "a" * 31}, "unit.name"),
        ({"id": "a.b"}, "unit.name"),
        ({"scale": 10}, "unit.scale"),
        ({"scale": -1}, "unit.scale"),
        ({"display_name": "x" * 201}, "unit.display_name"),
    ],
)
async def test_a_unit_outside_its_bounds_is_refused_by_field(shop: Shop, changes: dict[str, Any], field: str) -> None:
    id_ = changes.pop("id", "stamps")
    async with refused(INVALID, "INVALID_FIELD", violated=[field]):
        await shop.ledger.CreateUnit(unit(shop, name=f"{shop.name}/units/{id_}", **changes))


async def test_an_account_is_made_once_and_read_back(shop: Shop) -> None:
    request = account(shop)
    made = (await shop.ledger.CreateAccount(request)).account
    assert (made.name, made.kind, made.unit) == (request.account.name, MEMBER, request.account.unit)
    assert made.HasField("create_time")
    assert (await shop.ledger.GetAccount(pb.GetAccountRequest(name=made.name))).account == made
    again = shop.ledger.CreateAccount(request)
    assert (await again).account == made
    assert await was_replayed(again)
    async with refused(EXISTS, "ALREADY_EXISTS", resource=made.name):
        await shop.ledger.CreateAccount(account(shop))
    empty = await shop.balance("ada")
    assert (empty.posted, empty.available, empty.version) == (0, 0, 0)
    assert not empty.HasField("valid_until")


@pytest.mark.parametrize(
    ("id_", "kind", "field"),
    [
        ("issuance.points", res.ACCOUNT_KIND_ISSUANCE, "account.kind"),
        ("ada", res.ACCOUNT_KIND_UNSPECIFIED, "account.kind"),
        ("ada", 99, "account.kind"),
        ("a.b", MEMBER, "account.name"),
        ("a" * 64, MEMBER, "account.name"),
        ("budget.stamps", BUDGET, "account.name"),
        ("exchange.pointsx", EXCHANGE_ACCOUNT, "account.name"),
        ("ada", BUDGET, "account.name"),
    ],
)
async def test_an_account_outside_its_bounds_is_refused_by_field(shop: Shop, id_: str, kind: int, field: str) -> None:
    async with refused(INVALID, "INVALID_FIELD", violated=[field]):
        await shop.ledger.CreateAccount(account(shop, id_, kind))


async def test_an_account_needs_a_unit_of_its_own_program(shop: Shop, world: World) -> None:
    other = await world.shop(shop.client)
    async with refused(INVALID, "INVALID_FIELD", violated=["account.unit"]):
        await shop.ledger.CreateAccount(account(shop, unit=f"{other.name}/units/points"))
    async with refused(NOT_FOUND, "NOT_FOUND", resource=f"{shop.name}/units/none"):
        await shop.ledger.CreateAccount(account(shop, unit=f"{shop.name}/units/none"))


async def test_many_accounts_are_made_and_those_that_exist_left_as_they_are(shop: Shop) -> None:
    def batch(*ids: str, **changes: Any) -> pb.BatchCreateAccountsRequest:
        accounts = [account(shop, id_, **changes).account for id_ in ids]
        return pb.BatchCreateAccountsRequest(parent=shop.name, accounts=accounts, request_id=new_request_id())

    await shop.add("m1")
    request = batch("m1", "m2", "m3")
    assert (await shop.ledger.BatchCreateAccounts(request)).created_count == 2
    again = shop.ledger.BatchCreateAccounts(request)
    assert (await again).created_count == 2
    assert await was_replayed(again)
    assert (await shop.ledger.BatchCreateAccounts(batch("m1", "m2"))).created_count == 0
    await shop.ledger.CreateUnit(unit(shop))
    async with refused(EXISTS, "ALREADY_EXISTS", resource=shop.account("m2")):
        await shop.ledger.BatchCreateAccounts(batch("n1", "m2", unit=f"{shop.name}/units/stamps"))
    async with refused(NOT_FOUND, "NOT_FOUND", resource=shop.account("n1")):
        await shop.ledger.GetAccount(pb.GetAccountRequest(name=shop.account("n1")))
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts[1].name"]):
        await shop.ledger.BatchCreateAccounts(batch("x", "x"))
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts[0].name"]):
        await shop.ledger.BatchCreateAccounts(batch("a.b"))
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts"]):
        await shop.ledger.BatchCreateAccounts(batch())
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts"]):
        await shop.ledger.BatchCreateAccounts(batch(*(f"x{n}" for n in range(5_001))))
