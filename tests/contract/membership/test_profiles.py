"""Personal data: kept, found by, changed, one member's at most, and in nobody's log."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, PermissionDeniedError, RefusedError, was_replayed
from guerdon.membership.v1 import profile_pb2
from guerdon_kit.testing import RunningService
from tests.contract.membership.people import ADA, SECRETS, enroll, find, get, name, profile_of, update
from tests.contract.membership.world import Shop, World


async def test_a_member_is_found_by_each_contact_however_it_is_spelled(shop: Shop) -> None:
    await enroll(shop, "ada", ADA)
    assert await profile_of(shop, "ada") == ADA
    for contact in (
        {"card": "card 0001"},
        {"card": "00-02"},
        {"phone": "+1 415 555 0132"},
        {"phone": "(415) 555-0132", "region_code": "US"},
        {"email": "ada.lovelace+till@SECRETMAIL.example"},
        {"external_id": "crm-secret-7731"},
    ):
        assert await find(shop, **contact) == "ada"
    with pytest.raises(NotFoundError) as unknown:
        await find(shop, email="nobody@secretmail.example")
    assert unknown.value.reason == "CONTACT_UNKNOWN"
    assert unknown.value.metadata == {"program": shop.program, "field": "email"}
    for wrong, field in (({}, "contact"), ({"phone": "555"}, "phone"), ({"card": ""}, "card")):
        with pytest.raises(InvalidRequestError) as refused:
            await find(shop, **wrong)
        assert [violation.field for violation in refused.value.violations] == [field]


async def test_a_contact_belongs_to_one_member_whom_nobody_else_is_told_of(world: World, shop: Shop) -> None:
    await enroll(shop, "ada", ADA)
    twin = profile_pb2.Profile(email="ada.lovelace+2@secretmail.example", cards=["0002"], phone="+14155550133")
    with pytest.raises(RefusedError) as refused:
        await enroll(shop, "eve", twin, "till-2")
    assert (refused.value.reason, refused.value.metadata) == ("CONTACT_TAKEN", {"fields": "cards,email"})
    assert "ada" not in refused.value.message
    with pytest.raises(NotFoundError):
        await get(shop, "eve")
    await update(shop, "ada", email=None, cards=["CARD-0001"])
    assert not (await enroll(shop, "eve", twin, "till-2")).already_enrolled, "what may pass later is not kept"
    assert await find(shop, card="0002") == "eve"
    other = await world.shop()
    assert not (await enroll(other, "ada", ADA)).already_enrolled, "programs do not know each other's people"


async def test_two_tills_that_enrol_or_change_to_one_contact_at_once_give_it_to_one(shop: Shop) -> None:
    same = profile_pb2.Profile(phone="+14155550199", email="same@example.com")
    outcomes = await asyncio.gather(*(enroll(shop, f"m{n}", same) for n in range(8)), return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, RefusedError)]
    assert len(refused) == 7
    assert {one.reason for one in refused} == {"CONTACT_TAKEN"}
    members = [f"u{n}" for n in range(6)]
    await asyncio.gather(*(shop.enroll(member) for member in members))
    changes = [update(shop, one, external_id="crm-1", cards=["A1", "B2"]) for one in members]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(one, RefusedError) for one in outcomes) == 5
    winner = await find(shop, external_id="crm-1")
    assert [await find(shop, card=card) for card in ("a1", "b2")] == [winner, winner]


async def test_a_change_touches_the_masks_fields_alone_and_counts_once(shop: Shop) -> None:
    await enroll(shop, "ada", ADA)
    changed = await update(shop, "ada", "change-1", phone="020 7946 0958", region_code="GB", birth_date=None)
    wanted = profile_pb2.Profile()
    wanted.CopyFrom(ADA)
    wanted.ClearField("birth_date")
    wanted.phone, wanted.region_code = "+442079460958", "GB"
    assert changed.profile == wanted
    with pytest.raises(NotFoundError):
        await find(shop, phone="+14155550132")
    await update(shop, "ada", phone="+442079460959")
    again = update(shop, "ada", "change-1", phone="020 7946 0958", region_code="GB", birth_date=None)
    assert (await again).profile.phone == "+442079460959", "done once"
    assert await was_replayed(again)
    with pytest.raises(InvalidRequestError) as reused:
        await update(shop, "ada", "change-1", phone="020 7946 0959", region_code="GB", birth_date=None)
    assert (reused.value.reason, reused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "profile")


async def test_a_bad_profile_is_refused_by_field_and_changes_nothing(shop: Shop) -> None:
    await enroll(shop, "ada", ADA)
    with pytest.raises(InvalidRequestError) as refused:
        await update(shop, "ada", phone="12", email="no address", display_name="Ada")
    assert {violation.field for violation in refused.value.violations} == {"profile.phone", "profile.email"}
    with pytest.raises(InvalidRequestError) as refused:
        await shop.membership.membership.UpdateMember(
            profile_pb2.UpdateMemberRequest(
                name=name(shop, "ada"), update_mask=FieldMask(paths=["name"]), request_id="m"
            )
        )
    assert [violation.field for violation in refused.value.violations] == ["update_mask"]
    bad = profile_pb2.Profile(birth_date={"year": 2023, "month": 2, "day": 29})
    with pytest.raises(InvalidRequestError) as refused:
        await enroll(shop, "ben", bad)
    assert [violation.field for violation in refused.value.violations] == ["profile.birth_date"]
    assert await profile_of(shop, "ada") == ADA
    with pytest.raises(NotFoundError):
        await get(shop, "ben")


async def test_who_is_enrolled_already_keeps_the_profile_of_the_first_time(shop: Shop) -> None:
    await enroll(shop, "ada", ADA)
    other = profile_pb2.Profile(phone="+14155550177")
    assert (await enroll(shop, "ada", other)).already_enrolled
    assert await profile_of(shop, "ada") == ADA


async def test_personal_data_have_a_scope_of_their_own_and_stay_within_the_program(world: World, shop: Shop) -> None:
    await enroll(shop, "ada", ADA)
    till = world.client(world.membership, world.identity.token(scopes=["membership.members.*"])).membership
    with pytest.raises(PermissionDeniedError) as refused:
        await till.GetProfile(profile_pb2.GetProfileRequest(name=name(shop, "ada")))
    assert refused.value.metadata == {"scope": "membership.profiles.read"}
    stranger = Shop(
        shop.program, shop.books, world.client(world.membership, world.identity.token(tenants=["programs/x"]))
    )
    for call in (find(stranger, phone=ADA.phone), profile_of(stranger, "ada"), update(stranger, "ada", phone=None)):
        with pytest.raises(NotFoundError):
            await call


async def test_nothing_personal_is_in_a_log_or_an_event(
    shop: Shop, running: tuple[RunningService, RunningService]
) -> None:
    await enroll(shop, "ada", ADA)
    await find(shop, email=ADA.email)
    await update(shop, "ada", display_name="Ada Secretname II")
    with pytest.raises(GuerdonError):
        await enroll(shop, "eve", ADA)
    with pytest.raises(GuerdonError):
        await update(shop, "ada", phone="4155550132 secretmail crm-secret", email="secretname secretassociate")
    said = "".join(service.process.said() for service in running).lower()
    assert "member" in said
    assert [secret for secret in SECRETS if secret in said] == []
    database = await asyncpg.connect(running[1].database.owner_url)
    written = "select type, data::text as data from outbox where key = $1 order by id"
    events = await database.fetch(written, name(shop, "ada"))
    await database.close()
    assert [event["type"].rpartition(".")[2] for event in events] == ["member_enrolled", "member_updated"]
    assert events[1]["data"] == '{"fields": ["display_name"]}'
