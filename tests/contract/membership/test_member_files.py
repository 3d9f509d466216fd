"""Members as files: imported in chunks, exported, and imported again."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2

from guerdon import InvalidRequestError, NotFoundError
from guerdon.membership.v1 import member_file_pb2 as pb
from guerdon.membership.v1 import member_pb2, profile_pb2, times_pb2
from tests.contract.membership.people import ADA, close, enroll, erase, export, file, find, get, import_, profile_of
from tests.contract.membership.world import Shop, World, when


def row(member_id: str, profile: profile_pb2.Profile | None = None) -> pb.MemberRow:
    return pb.MemberRow(member_id=member_id, enroll_time=when(2020, 5, 1), profile=profile)


def person(number: int) -> profile_pb2.Profile:
    return profile_pb2.Profile(
        cards=[f"C {number}"] * (number % 3 > 0), phone=f"+1415555{number:04}", email=f"M{number}@Example.com"
    )


def reasons(answer: pb.ImportMembersResponse) -> dict[int, str]:
    found = {}
    for error in answer.errors:
        info = error_details_pb2.ErrorInfo()
        assert error.error.details[0].Unpack(info)
        found[error.row] = info.reason
    return found


async def test_an_export_imported_into_another_program_exports_as_itself(world: World, shop: Shop) -> None:
    rows = [row(f"m{number:05}", person(number) if number % 2 else None) for number in range(2_300)]
    answers = await import_(shop, [file(shop, rows[at : at + 1000], at + 1) for at in range(0, 2_300, 1000)])
    assert [answer.enrolled_count for answer in answers] == [1000, 1000, 300]
    assert not any(answer.errors or answer.pending_count for answer in answers)
    await enroll(shop, "zoe", ADA)
    await enroll(shop, "erased", profile_pb2.Profile(email="gone@example.com"))
    await erase(shop, "erased")
    pages = await export(shop)
    assert [(len(page.rows), page.exported_count, page.member_count) for page in pages] == [
        (1000, 1000, 2_301),
        (1000, 2000, 2_301),
        (301, 2_301, 2_301),
    ]
    exported = [one for page in pages for one in page.rows]
    assert exported[1] == row("m00001", person(1))
    resumed = await export(shop, pages[0].next_page_token)
    assert [one for page in resumed for one in page.rows] == exported[1000:]

    other = await world.shop()
    await import_(other, [file(other, page.rows) for page in pages])
    copied = [one for page in await export(other) for one in page.rows]
    assert copied == exported
    again = await import_(other, [file(other, page.rows) for page in pages])
    assert [answer.unchanged_count for answer in again] == [1000, 1000, 301]
    assert [one for page in await export(other) for one in page.rows] == exported


async def test_the_welcome_bonus_is_given_by_setting_once_and_expires_from_now_on(world: World) -> None:
    shop = await world.shop(expiry_policy=times_pb2.ExpiryPolicy(months=12))
    await import_(shop, [file(shop, [row("ada")])])
    assert (await get(shop, "ada")).welcome_points == 0
    assert (await get(shop, "ada")).state == member_pb2.Member.STATE_ACTIVE
    for _ in range(2):
        await import_(shop, [file(shop, [row("ada"), row("ben")], give_welcome_points=True)])
    assert await shop.statement("ada") == []
    assert await shop.statement("ben") == [(50, "Welcome")]
    assert (await get(shop, "ben")).enroll_time == when(2020, 5, 1)
    assert (await shop.enroll("ada")).already_enrolled


async def test_what_is_wrong_with_a_row_is_told_by_its_number_and_the_others_are_recorded(world: World) -> None:
    shop = await world.shop(welcome_points=0)
    await enroll(shop, "ada", ADA)
    await shop.enroll("closed")
    await close(shop, "closed")
    await shop.enroll("erased")
    await erase(shop, "erased")
    await shop.take_account("taken")
    rows = [
        row("ben", person(1)),
        row("b en"),
        row("ben", person(2)),
        row("cleo", profile_pb2.Profile(phone=ADA.phone)),
        row("dora", profile_pb2.Profile(email="m1+x@EXAMPLE.com")),
        row("eve", profile_pb2.Profile(phone="12")),
        row("closed"),
        row("erased", person(3)),
        row("taken", person(4)),
        pb.MemberRow(member_id="late", enroll_time=when(2100, 1, 1)),
        row("ada", person(5)),
        row("finn", person(6)),
    ]
    [answer] = await import_(shop, [file(shop, rows, 101)])
    assert reasons(answer) == {
        102: "INVALID_FIELD",
        103: "INVALID_FIELD",
        104: "CONTACT_TAKEN",
        105: "CONTACT_TAKEN",
        106: "INVALID_FIELD",
        107: "MEMBER_CLOSED",
        108: "MEMBER_ERASED",
        109: "ACCOUNT_TAKEN",
        110: "INVALID_FIELD",
    }
    fields = error_details_pb2.BadRequest()
    assert answer.errors[4].error.details[1].Unpack(fields)
    assert [one.field for one in fields.field_violations] == ["profile.phone"]
    assert (answer.enrolled_count, answer.updated_count, answer.unchanged_count) == (3, 1, 0)
    assert await find(shop, phone="+14155550005") == "ada"
    with pytest.raises(NotFoundError):
        await find(shop, phone=ADA.phone)
    with pytest.raises(NotFoundError):
        await get(shop, "cleo")


async def test_a_chunk_again_is_answered_as_it_was_until_somebody_of_it_is_erased(shop: Shop) -> None:
    chunk = file(shop, [row("ada", person(1)), row("ben", person(2))], request_id="chunk-1")
    [first] = await import_(shop, [chunk])
    [again] = await import_(shop, [chunk])
    assert (first.enrolled_count, again.enrolled_count, again.replayed) == (2, 2, True)
    await erase(shop, "ada")
    [third] = await import_(shop, [chunk])
    assert (third.replayed, third.unchanged_count, reasons(third)) == (False, 1, {1: "MEMBER_ERASED"})
    assert await profile_of(shop, "ada") == profile_pb2.Profile()


@pytest.mark.parametrize(
    ("chunk", "field"), [({"first_row": -1}, "first_row"), ({"rows": [row(f"m{n}") for n in range(1001)]}, "rows")]
)
async def test_a_chunk_has_bounds(shop: Shop, chunk: dict[str, object], field: str) -> None:
    request = file(shop, **({"rows": [row("ada")]} | chunk))  # type: ignore[arg-type]  # by name
    with pytest.raises(InvalidRequestError) as refused:
        await import_(shop, [request])
    assert [violation.field for violation in refused.value.violations] == [field]


async def test_nobody_of_another_program_imports_or_exports(world: World, shop: Shop) -> None:
    token = world.identity.token(tenants=["programs/x"])
    stranger = Shop(shop.program, shop.books, world.client(world.membership, token))
    with pytest.raises(NotFoundError):
        await export(stranger)
    with pytest.raises(NotFoundError):
        await import_(stranger, [file(stranger, [row("ada")])])
