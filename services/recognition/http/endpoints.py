"""The endpoints of users and of groups, which are alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from aiohttp import web
from scim2_models import Context, InvalidSyntaxException, PatchOp, Resource, ScimFilter, SearchRequest

from guerdon_kit.clock import Clock
from recognition.domain.provisioning import PAGE_MAX, ProvisionedGroup, ProvisionedUser, Sought
from recognition.domain.scim_tokens import ScimToken
from recognition.http.filtering import simple, sought
from recognition.http.leniency import as_scim
from recognition.http.resources import POLICY, PROVIDER, Group, PersonUser
from recognition.http.server import (
    ROOT,
    TOKEN,
    Site,
    check_version,
    list_answer,
    parameters_of,
    read_body,
)
from recognition.http.translating import (
    blank_group,
    blank_user,
    read_group,
    read_user,
    said_by,
    write_group,
    write_user,
)

OPERATIONS_MAX = 1000
"""So many operations in one PATCH."""
INDEX_MAX = 10**9

Ours = TypeVar("Ours", ProvisionedUser, ProvisionedGroup)


class Keeper(Protocol[Ours]):
    """The operations behind an endpoint."""

    async def search(self, token: ScimToken, sought: Sought) -> tuple[list[Ours], int]: ...
    async def get(self, token: ScimToken, id_: str, /) -> Ours: ...
    async def create(self, token: ScimToken, wanted: Ours) -> Ours: ...
    async def change(self, token: ScimToken, id_: str, edit: Any, /) -> Ours: ...
    async def delete(self, token: ScimToken, id_: str, check: Any, /) -> None: ...


class Endpoint(Generic[Ours]):
    """One kind of resource under its path: POST, GET, PUT, PATCH, DELETE, lists and searches."""

    path: str
    model: Any
    patch_op: Any
    search_request: Any

    def __init__(self, site: Site, keeper: Keeper[Ours], clock: Clock) -> None:
        self._site = site
        self._keeper: Keeper[Ours] = keeper
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """The paths."""
        all_of_them = f"{ROOT}/{self.path}"
        one = f"{all_of_them}/{{id}}"
        return [
            web.post(f"{all_of_them}/.search", self._search),
            web.get(all_of_them, self._list),
            web.post(all_of_them, self._create),
            web.get(one, self._get),
            web.put(one, self._replace),
            web.patch(one, self._patch),
            web.delete(one, self._delete),
        ]

    def _write(self, ours: Ours, request: web.Request) -> Resource[Any]:
        raise NotImplementedError

    def _whole(self, ours: Ours, request: web.Request) -> Resource[Any]:
        """With what the client has left unsaid, for filters."""
        return self._write(ours, request)

    def _read(self, message: Any, before: Ours, *, whole: bool) -> Ours:
        """What a message makes of `before`: it is `whole`, or what was read with some changes."""
        raise NotImplementedError

    def _blank(self) -> Ours:
        raise NotImplementedError

    async def _create(self, request: web.Request) -> web.StreamResponse:
        context = Context.RESOURCE_CREATION_REQUEST
        message = self.model.model_validate(await read_body(request), scim_ctx=context, scim_provider=PROVIDER)
        made = await self._keeper.create(request[TOKEN], self._read(message, self._blank(), whole=True))
        return self._answer(request, made, Context.RESOURCE_CREATION_RESPONSE, 201)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        found = await self._keeper.get(request[TOKEN], _id(request))
        return self._answer(request, found, Context.RESOURCE_QUERY_RESPONSE)

    async def _replace(self, request: web.Request) -> web.StreamResponse:
        body = await read_body(request)
        context = Context.RESOURCE_REPLACEMENT_REQUEST

        def edit(before: Ours) -> Ours:
            original = self._write(before, request)
            check_version(request, original)
            message = self.model.model_validate(body, scim_ctx=context, scim_provider=PROVIDER)
            message.replace(original)
            return self._read(message, before, whole=True)

        changed = await self._keeper.change(request[TOKEN], _id(request), edit)
        return self._answer(request, changed, Context.RESOURCE_REPLACEMENT_RESPONSE)

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        body = as_scim(await read_body(request))
        operations = body.get("Operations")
        if isinstance(operations, list) and len(operations) > OPERATIONS_MAX:
            raise InvalidSyntaxException(detail=f"At most {OPERATIONS_MAX} operations in one request")
        patch = self.patch_op.model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_provider=PROVIDER)

        def edit(before: Ours) -> Ours:
            resource = self._write(before, request)
            check_version(request, resource)
            patch.patch(resource, scim_policy=POLICY)
            return self._read(resource, before, whole=False)

        changed = await self._keeper.change(request[TOKEN], _id(request), edit)
        return self._answer(request, changed, Context.RESOURCE_PATCH_RESPONSE)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        await self._keeper.delete(
            request[TOKEN], _id(request), lambda found: check_version(request, self._write(found, request))
        )
        return web.Response(status=204)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        asked = {name: value for name, value in request.query.items() if name in _QUERY}
        return await self._page(request, self.search_request.model_validate(asked, scim_policy=POLICY))

    async def _search(self, request: web.Request) -> web.StreamResponse:
        asked = self.search_request.model_validate(
            await read_body(request), scim_ctx=Context.SEARCH_REQUEST, scim_policy=POLICY
        )
        return await self._page(request, asked)

    async def _page(self, request: web.Request, asked: Any) -> web.StreamResponse:
        start, count = page_bounds(asked)
        page, total = await self.page(request, asked.filter, start - 1, count)
        return list_answer(self.model, page, total, start, asked)

    async def page(
        self, request: web.Request, filter_: ScimFilter[Any] | None, offset: int, most: int
    ) -> tuple[list[Resource[Any]], int]:
        """At most so many of the resources that a filter lets pass, from behind `offset` on, and how many there are.

        Raises:
            InvalidFilterException: everybody would have to be looked at.
        """
        wanted = sought(filter_)
        if filter_ is None or simple(filter_):
            found, total = await self._keeper.search(request[TOKEN], replace(wanted, offset=offset, most=most))
            return [self._write(one, request) for one in found], total
        # What the indexed part finds is little: ids and names are one's only, or nearly so.
        found, _ = await self._keeper.search(request[TOKEN], wanted)
        matching = [self._write(one, request) for one in found if filter_.match(self._whole(one, request))]
        return matching[offset : offset + most], len(matching)

    def _answer(self, request: web.Request, ours: Ours, context: Context, status: int = 200) -> web.Response:
        parameters = parameters_of(request, self.model)
        return self._site.answer(request, self._write(ours, request), context, parameters, status)


_QUERY = frozenset({"filter", "attributes", "excludedAttributes", "startIndex", "count"})


class UserEndpoint(Endpoint[ProvisionedUser]):
    """`/Users`."""

    path = "Users"
    model = PersonUser
    patch_op = PatchOp[PersonUser]
    search_request = SearchRequest[PersonUser]

    def _write(self, ours: ProvisionedUser, request: web.Request) -> Resource[Any]:
        return write_user(ours, self._site.base(request))

    def _whole(self, ours: ProvisionedUser, request: web.Request) -> Resource[Any]:
        return write_user(ours, self._site.base(request), whole=True)

    def _read(self, message: Any, before: ProvisionedUser, *, whole: bool) -> ProvisionedUser:
        return read_user(message, before, said_by(message) if whole else None)

    def _blank(self) -> ProvisionedUser:
        return blank_user(self._clock.now())


class GroupEndpoint(Endpoint[ProvisionedGroup]):
    """`/Groups`."""

    path = "Groups"
    model = Group
    patch_op = PatchOp[Group]
    search_request = SearchRequest[Group]

    def _write(self, ours: ProvisionedGroup, request: web.Request) -> Resource[Any]:
        return write_group(ours, self._site.base(request))

    def _read(self, message: Any, before: ProvisionedGroup, *, whole: bool) -> ProvisionedGroup:
        return read_group(message, before)

    def _blank(self) -> ProvisionedGroup:
        return blank_group(self._clock.now())


class RootSearch:
    """`/.search`: users, and after them groups."""

    def __init__(self, users: UserEndpoint, groups: GroupEndpoint) -> None:
        self._users = users
        self._groups = groups

    def routes(self) -> list[web.RouteDef]:
        """The path."""
        return [web.post(f"{ROOT}/.search", self._search)]

    async def _search(self, request: web.Request) -> web.StreamResponse:
        asked = SearchRequest[PersonUser | Group].model_validate(
            await read_body(request), scim_ctx=Context.SEARCH_REQUEST, scim_policy=POLICY
        )
        start, count = page_bounds(asked)
        users, of_users = await self._users.page(request, asked.filter, start - 1, count)
        groups, of_groups = await self._groups.page(
            request, asked.filter, max(start - 1 - of_users, 0), count - len(users)
        )
        return list_answer(PersonUser | Group, [*users, *groups], of_users + of_groups, start, asked)


def page_bounds(asked: Any) -> tuple[int, int]:
    """The first index that is asked for, from 1, and how many resources."""
    count = PAGE_MAX if asked.count is None else min(max(asked.count, 0), PAGE_MAX)
    return min(max(asked.start_index or 1, 1), INDEX_MAX), count


def _id(request: web.Request) -> str:
    return request.match_info["id"].replace("\0", "\ufffd")
