"""What identity providers do to people and teams, and what becomes of points meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import new_request_id, was_replayed
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import scim_pb2 as scim
from guerdon_kit.auth.development import ISSUER
from tests.contract.recognition.scim import ENTERPRISE, GROUP, PATCH, USER, Provider, connect
from tests.contract.recognition.world import Employer, World


@pytest.fixture
async def provider(employer: Employer) -> AsyncIterator[Provider]:
    connected = await connect(employer, issuer=ISSUER)
    yield connected
    await connected.http.aclose()


async def test_a_user_is_a_person_who_gives_and_receives(provider: Provider) -> None:
    employer = provider.employer
    boss = await provider.user("boss@example.com")
    made = await provider.user(
        "eve@example.com",
        externalId=employer.subject("eve"),
        name={"givenName": "Eve", "familyName": "Stone"},
        emails=[{"value": "eve@example.com", "type": "work", "primary": True}],
        addresses=[{"country": "gb", "type": "work"}],
        nickName="Evie",
        **{ENTERPRISE: {"manager": {"value": boss["id"]}, "department": "Sales"}},
    )
    assert made["name"] == {"givenName": "Eve", "familyName": "Stone"}
    assert "nickName" not in made
    person = await employer.read_person(made["id"])
    assert (person.display_name, person.user_name, person.country) == ("Eve Stone", "eve@example.com", "GB")
    assert (person.role, person.state) == (orgs.ROLE_GIVER, orgs.PERSON_STATE_ACTIVE)
    assert person.manager == employer.person(boss["id"])
    await employer.grant()
    await employer.give(made["id"], ["ann"], 5)
    own = employer.own_client("eve")
    request = employer.thanks("", ["ann"], 5)
    assert (await own.recognition.CreateRecognition(request)).recognition.giver == person.name


async def test_who_is_deactivated_and_comes_back_has_the_same_accounts_and_points(provider: Provider) -> None:
    employer = provider.employer
    eve = await provider.user("eve@example.com")
    await employer.give("ann", [eve["id"]], 30)
    before = await employer.read_person(eve["id"])
    for active in (False, True):
        answer = await provider.patch(f"/Users/{eve['id']}", {"op": "replace", "value": {"active": active}})
        assert answer.json()["active"] is active
    gone = await provider.http.delete(f"/Users/{eve['id']}")
    assert gone.status_code == 204
    assert (await provider.http.get(f"/Users/{eve['id']}")).status_code == 404
    assert (await employer.read_person(eve["id"])).state == orgs.PERSON_STATE_DEACTIVATED
    back = await provider.user("EVE@example.com", displayName="Eve")
    assert back["id"] == eve["id"]
    after = await employer.read_person(eve["id"])
    assert (after.state, after.rewards_account) == (orgs.PERSON_STATE_ACTIVE, before.rewards_account)
    assert [span.HasField("end_time") for span in after.active_spans] == [True, True, False]
    assert await employer.earned(eve["id"]) == 30


async def test_what_the_provider_never_said_stays_as_it_was_set_here(provider: Provider) -> None:
    employer = provider.employer
    made = await provider.user("eve")
    body, path = {"schemas": [USER], "userName": "eve"}, f"/Users/{made['id']}"
    here = {"role": orgs.ROLE_MANAGER, "country": "GB", "manager": employer.person("ann")}
    await employer.admin.organisations.UpdatePerson(
        orgs.UpdatePersonRequest(
            person=orgs.Person(name=employer.person(made["id"]), **here),  # type: ignore[arg-type]  # its own fields
            update_mask=FieldMask(paths=list(here)),
            request_id=new_request_id(),
        )
    )

    async def known() -> dict[str, Any]:
        person = await employer.read_person(made["id"])
        return {field: getattr(person, field) for field in here}

    renamed = await provider.http.put(path, json=body | {"displayName": "Eve", "addresses": [{"type": "work"}]})
    assert renamed.status_code == 200, renamed.text
    assert renamed.json()["roles"][0]["value"] == "manager"
    await provider.patch(path, {"op": "replace", "value": {"displayName": "Evelyn"}})
    await provider.http.put(path, json=body)
    assert await known() == here, "a PATCH of something else says nothing of them either"

    said = {"roles": [{"value": "admin"}], ENTERPRISE: {"manager": {"value": "ben"}}}
    await provider.http.put(path, json=body | said)
    assert await known() == {"role": orgs.ROLE_ADMIN, "country": "GB", "manager": employer.person("ben")}
    await provider.http.put(path, json=body)
    assert await known() == {"role": orgs.ROLE_GIVER, "country": "GB", "manager": ""}, "what it has said it takes away"
    await provider.http.put(path, json=body | {"addresses": []})
    assert (await known())["country"] == ""


async def test_who_was_deactivated_here_does_not_come_back_by_what_says_nothing_of_it(provider: Provider) -> None:
    employer = provider.employer
    made = await provider.user("eve")
    body, path = {"schemas": [USER], "userName": "eve"}, f"/Users/{made['id']}"

    async def active_after(said: dict[str, Any]) -> bool:
        answer = await provider.http.put(path, json=body | said)
        assert answer.status_code == 200, answer.text
        return (await employer.read_person(made["id"])).state == orgs.PERSON_STATE_ACTIVE

    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=employer.person(made["id"]), request_id=new_request_id())
    )
    assert not await active_after({"displayName": "Eve"})
    assert await active_after({"active": True})
    assert not await active_after({"active": False})
    assert await active_after({}), "what it has said it takes back"


@pytest.mark.parametrize(
    ("change", "role"),
    [
        ({"op": "remove", "path": "roles"}, orgs.ROLE_GIVER),
        ({"op": "replace", "path": "roles", "value": [{"value": "observer"}]}, orgs.ROLE_OBSERVER),
    ],
)
async def test_what_a_patch_changes_the_provider_has_said(
    provider: Provider, change: dict[str, Any], role: orgs.Role.ValueType
) -> None:
    employer = provider.employer
    path = f"/Users/{(await provider.user('eve'))['id']}"
    person = orgs.Person(name=employer.person(path.removeprefix("/Users/")), role=orgs.ROLE_ADMIN)

    async def appoint() -> None:
        await employer.admin.organisations.UpdatePerson(
            orgs.UpdatePersonRequest(person=person, update_mask=FieldMask(paths=["role"]), request_id=new_request_id())
        )

    await appoint()
    assert (await provider.patch(path, change)).status_code == 200
    assert (await employer.read_person(path.removeprefix("/Users/"))).role == role
    await appoint()
    await provider.http.put(path, json={"schemas": [USER], "userName": "eve"})
    assert (await employer.read_person(path.removeprefix("/Users/"))).role == orgs.ROLE_GIVER


async def test_a_group_is_a_team(provider: Provider) -> None:
    employer = provider.employer
    eve, fay = [await provider.user(name) for name in ("eve", "fay")]
    sales = await provider.group("Sales", eve["id"], "ann")
    assert [member["value"] for member in sales["members"]] == ["ann", eve["id"]]
    assert list((await employer.read_person("ann")).teams) == [f"{employer.name}/teams/{sales['id']}"]
    assert (await provider.read(f"/Users/{eve['id']}"))["groups"] == [{"value": sales["id"], "display": "Sales"}]
    replaced = await provider.http.put(
        f"/Groups/{sales['id']}",
        json={"schemas": sales["schemas"], "displayName": "Selling", "members": [{"value": fay["id"]}]},
    )
    assert [member["value"] for member in replaced.json()["members"]] == [fay["id"]]
    again = await provider.post("/Groups", schemas=sales["schemas"], displayName="selling")
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
    assert (await provider.http.delete(f"/Groups/{sales['id']}")).status_code == 204
    assert list((await employer.read_person(fay["id"])).teams) == []
    lost = await provider.post("/Groups", schemas=sales["schemas"], displayName="X", members=[{"value": "nobody"}])
    assert (lost.status_code, lost.json()["scimType"]) == (400, "invalidValue")


async def test_users_and_groups_are_found_and_paged(provider: Provider) -> None:
    users = [await provider.user(f"user-{number}", externalId=f"x{number}") for number in range(5)]
    await provider.group("Sales", users[3]["id"])
    ids = []
    for start in (1, 3, 5, 7):
        page = await provider.read("/Users", startIndex=str(start), count="2")
        assert (page["totalResults"], page["startIndex"]) == (5, start)
        ids += [user["id"] for user in page.get("Resources", [])]
    assert sorted(ids) == sorted(user["id"] for user in users)
    for filter_, found in [
        ('userName eq "USER-3"', 1),
        ('externalId eq "x3"', 1),
        ('externalId eq "X3"', 0),
        ('externalId eq "x3" and active eq true', 1),
        (f'id eq "{users[3]["id"]}" and (active eq false or userName sw "user")', 1),
        (f'id eq "{users[3]["id"]}" and active eq false', 0),
        ('userName eq "it\'s \\"quoted\\""', 0),
    ]:
        assert (await provider.read("/Users", filter=filter_))["totalResults"] == found, filter_
    for refused in ("active eq true", 'userName sw "user"', 'userName eq "x" or id eq "y"', "userName eq", "((("):
        answer = await provider.http.get("/Users", params={"filter": refused})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter"), refused
    named = await provider.read("/Groups", filter='displayName eq "sales"', excludedAttributes="members")
    assert [set(group) & {"members", "displayName"} for group in named["Resources"]] == [{"displayName"}]


async def test_an_answers_version_keeps_two_writers_apart(provider: Provider) -> None:
    eve = await provider.user("eve")
    path, tag = f"/Users/{eve['id']}", eve["meta"]["version"]
    assert (await provider.http.get(path, headers={"If-None-Match": tag})).status_code == 304
    body = {"schemas": [USER], "userName": "eve", "displayName": "Eve"}
    assert (await provider.http.put(path, json=body, headers={"If-Match": tag})).status_code == 200
    assert (await provider.http.put(path, json=body, headers={"If-Match": tag})).status_code == 412
    assert (await provider.http.delete(path, headers={"If-Match": tag})).status_code == 412


async def test_the_same_user_sent_twice_at_once_is_one(provider: Provider) -> None:
    answers = await asyncio.gather(*(provider.post("/Users", schemas=[USER], userName="eve") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    found = await provider.read("/Users", filter='userName eq "eve"')
    assert found["totalResults"] == 1


IMPOSSIBLE: list[tuple[Any, int, str | None]] = [
    (b"{", 400, "invalidSyntax"),
    (b"[]", 400, "invalidSyntax"),
    (b"[" * 100_000, 400, "invalidSyntax"),
    (b'{"userName": "\\ud800"}', 400, "invalidSyntax"),
    ({"schemas": [USER]}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": " "}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x", "externalId": "x\0"}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x", ENTERPRISE: {"manager": {"value": "\0"}}}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x" * 255}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x\0"}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x", "roles": [{"value": "king"}]}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x", "addresses": [{"country": "Atlantis"}]}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x", ENTERPRISE: {"manager": {"value": "nobody"}}}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x", "emails": [{"value": "y"}] * 21}, 400, "invalidValue"),
    ({"schemas": [USER], "userName": "x", "name": {"formatted": "y" * (5 * 1024 * 1024)}}, 413, None),
]


async def test_what_cannot_be_is_refused_as_scim_does(provider: Provider) -> None:
    for body, status, scim_type in IMPOSSIBLE:
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = await provider.http.post("/Users", **sent)
        assert (answer.status_code, answer.json().get("scimType")) == (status, scim_type), body
        assert answer.headers["content-type"].startswith("application/scim+json")
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert answer.json()["status"] == str(status)


async def test_nobody_goes_out_of_sight_by_an_empty_user_name(provider: Provider) -> None:
    path = f"/Users/{(await provider.user('eve'))['id']}"
    refused = await provider.patch(path, {"op": "replace", "path": "userName", "value": ""})
    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")
    assert (await provider.read(path))["userName"] == "eve"


async def test_a_group_that_cannot_be_is_refused(provider: Provider) -> None:
    wrong: list[dict[str, Any]] = [{"externalId": "\0"}, {"externalId": "x" * 401}, {"members": [{"value": "\0"}]}]
    for each in wrong:
        answer = await provider.post("/Groups", schemas=[GROUP], displayName="Sales", **each)
        assert (answer.status_code, answer.json().get("scimType")) == (400, "invalidValue"), each


async def test_what_is_no_text_finds_nobody_and_opens_nothing(provider: Provider) -> None:
    found = await provider.post("/Users/.search", filter='userName eq "\\ud800"')
    assert (found.status_code, found.json()["totalResults"]) == (200, 0)
    closed = await provider.http.get("/Users", headers=[(b"Authorization", b"Bearer \xff")])
    assert closed.status_code == 401


async def test_a_token_opens_its_own_organisation_and_no_other(world: World, provider: Provider) -> None:
    eve = await provider.user("eve")
    other = await connect(await world.employer(granted=False))
    assert (await other.http.get(f"/Users/{eve['id']}")).status_code == 404
    assert (await other.read("/Users", filter='userName eq "eve"'))["totalResults"] == 0
    assert (await other.patch(f"/Users/{eve['id']}", {"op": "replace", "value": {"active": False}})).status_code == 404
    assert (await other.http.delete(f"/Users/{eve['id']}")).status_code == 404
    await other.user("eve")  # each organisation's names are its own
    for headers in ({"Authorization": "Bearer nonsense"}, {"Authorization": ""}):
        answer = await provider.http.get("/Users", headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (401, "401")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    await other.http.aclose()


async def test_a_tokens_secret_is_told_once_and_ends_when_revoked(provider: Provider) -> None:
    tokens, employer = provider.employer.admin.scim_tokens, provider.employer
    request = scim.CreateScimTokenRequest(
        parent=employer.name, scim_token=scim.ScimToken(display_name="New"), request_id="token"
    )
    made = await tokens.CreateScimToken(request)
    repeated = tokens.CreateScimToken(request)
    assert await repeated == scim.CreateScimTokenResponse(scim_token=made.scim_token)
    assert await was_replayed(repeated)
    revoked = await tokens.RevokeScimToken(
        scim.RevokeScimTokenRequest(name=provider.token.name, request_id=new_request_id())
    )
    assert revoked.scim_token.HasField("revoke_time")
    assert (await provider.http.get("/Users")).status_code == 401
    answer = await provider.http.get("/Users", headers={"Authorization": f"Bearer {made.secret}"})
    assert answer.status_code == 200
    listed = await tokens.ListScimTokens(scim.ListScimTokensRequest(parent=employer.name))
    assert {token.name for token in listed.scim_tokens} == {provider.token.name, made.scim_token.name}


def _operations(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


# Microsoft: learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups, and its page of
# known issues with SCIM 2.0 (application-provisioning-config-problem-scim-compatibility). Okta:
# developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20.
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            _operations({"op": "Replace", "path": "active", "value": "False"}), {"active": False}, id="entra-disable"
        ),
        pytest.param(
            _operations({"op": "Replace", "path": "active", "value": False}), {"active": False}, id="entra-disable-flag"
        ),
        pytest.param(
            _operations(
                {"op": "Replace", "path": "displayName", "value": "Evelyn"},
                {"op": "Add", "path": "name.familyName", "value": "Stone"},
            ),
            {"displayName": "Evelyn", "name": {"givenName": "Eve", "familyName": "Stone"}},
            id="entra-single-values",
        ),
        pytest.param(
            _operations({"op": "replace", "value": {"displayName": "Evelyn", "name.familyName": "Stone"}}),
            {"displayName": "Evelyn", "name": {"givenName": "Eve", "familyName": "Stone"}},
            id="entra-dotted-keys",
        ),
        pytest.param(
            _operations({"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@example.com"}),
            {"emails": [{"value": "new@example.com", "type": "work", "primary": True}]},
            id="entra-filtered-value",
        ),
        pytest.param(
            _operations({"op": "Add", "path": 'emails[type eq "home"].value', "value": "home@example.com"}),
            {
                "emails": [
                    {"value": "eve@example.com", "type": "work", "primary": True},
                    {"value": "home@example.com", "type": "home"},
                ]
            },
            id="entra-filter-without-match",
        ),
        pytest.param(
            _operations({"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"}),
            {"active": True},
            id="entra-attribute-not-kept",
        ),
        pytest.param(
            _operations({"op": "replace", "value": {"active": False}}), {"active": False}, id="okta-deactivate"
        ),
    ],
)
async def test_users_are_patched_as_entra_and_okta_do(
    provider: Provider, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    eve = await provider.user(
        "eve",
        active=True,
        name={"givenName": "Eve"},
        emails=[{"value": "eve@example.com", "type": "work", "primary": True}],
    )
    answer = await provider.http.patch(f"/Users/{eve['id']}", json=body)
    assert answer.status_code == 200, answer.text
    read = await provider.read(f"/Users/{eve['id']}")
    assert {name: read.get(name) for name in expected} == expected


async def test_managers_are_set_and_unset_as_entra_does(provider: Provider) -> None:
    boss, eve = [await provider.user(name) for name in ("boss", "eve")]
    path = f"{ENTERPRISE}:manager"
    set_ = await provider.patch(f"/Users/{eve['id']}", {"op": "Add", "path": path, "value": boss["id"]})
    assert set_.status_code == 200, set_.text
    assert set_.json()[ENTERPRISE]["manager"]["value"] == boss["id"]
    circle = await provider.patch(f"/Users/{boss['id']}", {"op": "Add", "path": path, "value": {"value": eve["id"]}})
    assert (circle.status_code, circle.json()["scimType"]) == (400, "invalidValue")
    referring = f'id eq "{eve["id"]}" and {ENTERPRISE}:manager.value eq "{boss["id"]}"'
    assert (await provider.read("/Users", filter=referring))["totalResults"] == 1
    unset = await provider.patch(f"/Users/{eve['id']}", {"op": "Remove", "path": path})
    assert ENTERPRISE not in unset.json()


@pytest.mark.parametrize(
    ("make", "left"),
    [
        pytest.param(
            lambda eve, fay, _: _operations({"op": "Add", "path": "members", "value": [{"$ref": None, "value": fay}]}),
            {"eve", "fay"},
            id="entra-add",
        ),
        pytest.param(
            lambda eve, *_: _operations({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": eve}]}),
            set(),
            id="entra-remove-by-value",
        ),
        pytest.param(
            lambda eve, *_: _operations({"op": "remove", "path": f'members[value eq "{eve}"]'}),
            set(),
            id="entra-and-okta-remove-by-filter",
        ),
        pytest.param(
            lambda eve, fay, _: _operations(
                {"op": "remove", "path": f'members[value eq "{eve}"]'},
                {"op": "add", "path": "members", "value": [{"value": fay, "display": "fay@example.com"}]},
            ),
            {"fay"},
            id="okta-remove-and-add",
        ),
        pytest.param(
            lambda _, fay, __: _operations({"op": "replace", "path": "members", "value": [{"value": fay}]}),
            {"fay"},
            id="okta-replace-members",
        ),
        pytest.param(
            lambda *ids: _operations({"op": "replace", "value": {"id": ids[2], "displayName": "Selling"}}),
            {"eve"},
            id="okta-rename",
        ),
    ],
)
async def test_groups_are_patched_as_entra_and_okta_do(provider: Provider, make: Any, left: set[str]) -> None:
    ids = {name: (await provider.user(name))["id"] for name in ("eve", "fay")}
    sales = await provider.group("Sales", ids["eve"])
    answer = await provider.http.patch(f"/Groups/{sales['id']}", json=make(ids["eve"], ids["fay"], sales["id"]))
    assert answer.status_code == 200, answer.text
    members = (await provider.read(f"/Groups/{sales['id']}")).get("members", [])
    assert {member["value"] for member in members} == {ids[name] for name in left}


async def test_a_stopped_ledger_keeps_no_user_from_being_asked_for_again(provider: Provider) -> None:
    # The accounts come first: what the ledger does not answer leaves no person behind.
    ledger = provider.employer.world.ledger.process
    ledger.kill()
    try:
        waits: httpx.Response = await provider.post("/Users", schemas=[USER], userName="eve")
        assert (waits.status_code, "retry-after" in waits.headers) == (503, True)
    finally:
        ledger.start()
    assert (await provider.read("/Users", filter='userName eq "eve"'))["totalResults"] == 0
    await provider.user("eve")
