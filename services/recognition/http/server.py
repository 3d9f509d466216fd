"""The SCIM server: its paths, who may use them, and how answers go out."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from aiohttp import web
from pydantic_core import from_json
from scim2_models import (
    Context,
    InvalidSyntaxException,
    ListResponse,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    Schema,
    UnauthorizedException,
)

from recognition.domain.scim_tokens import ScimToken
from recognition.http.failures import MEDIA_TYPE, tell_failures
from recognition.http.resources import CONFIG, POLICY, PROVIDER
from recognition.operations.scim_tokens import ScimTokens

ROOT = "/scim/v2"
BODY_BYTES_MAX = 4 * 1024 * 1024

TOKEN = web.RequestKey("token", ScimToken)


class Site:
    """What all endpoints share: how they answer, and what the server calls itself."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def base(self, request: web.Request) -> str:
        """The server's own URL, without a slash at its end."""
        return self._url or f"{request.url.origin()}{ROOT}"

    def answer(
        self,
        request: web.Request,
        resource: Resource[Any],
        context: Context,
        parameters: ResponseParameters[Any] | None = None,
        status: int = 200,
    ) -> web.Response:
        """A resource, with its version; nothing but that where the client has it."""
        tag = version(resource)
        if request.method == "GET" and tag in request.headers.get("If-None-Match", "").split(", "):
            return web.Response(status=304, headers={"ETag": tag})
        assert resource.meta is not None, "every resource has its location"
        resource.meta.version = tag
        body = resource.model_dump_json(scim_ctx=context, scim_provider=PROVIDER, response_parameters=parameters)
        headers = {"ETag": tag, "Location": str(resource.meta.location)}
        return web.Response(body=body.encode(), status=status, content_type=MEDIA_TYPE, headers=headers)


def version(resource: Resource[Any]) -> str:
    """What tells two states of a resource apart."""
    content = resource.model_dump_json(scim_ctx=Context.DEFAULT)
    return f'W/"{blake2b(content.encode(), digest_size=12).hexdigest()}"'


def check_version(request: web.Request, resource: Resource[Any]) -> None:
    """Whether the resource is as the client believes.

    Raises:
        PreconditionFailedException: it is not.
    """
    wanted = request.headers.get("If-Match")
    if wanted is not None and wanted != "*" and version(resource) not in wanted.split(", "):
        raise PreconditionFailedException(detail="The resource has changed meanwhile")


async def read_body(request: web.Request) -> dict[str, Any]:
    """The JSON object that a request carries.

    Raises:
        InvalidSyntaxException: it carries none.
        web.HTTPRequestEntityTooLarge: it is too large.
    """
    try:
        # Unlike the standard library's, this takes neither half of a character nor a number that is none.
        body = from_json(await request.read(), allow_inf_nan=False)
    except ValueError:
        raise InvalidSyntaxException(detail="The body is no JSON") from None
    if not isinstance(body, dict):
        raise InvalidSyntaxException(detail="The body is no JSON object")
    return body


def parameters_of(request: web.Request, model: Any) -> ResponseParameters[Any]:
    """Which attributes are asked for."""
    query = request.query
    return ResponseParameters[model].model_validate(
        {name: query[name] for name in ("attributes", "excludedAttributes") if name in query}, scim_policy=POLICY
    )


def application(site: Site, tokens: ScimTokens, routes: list[web.RouteDef]) -> web.Application:
    """The paths under `/scim/v2`: these routes, and what the server says of itself."""

    @web.middleware
    async def authenticate(request: web.Request, handler: Any) -> web.StreamResponse:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        token = await tokens.known(secret.strip()) if scheme.lower() == "bearer" and secret else None
        if token is None:
            raise UnauthorizedException(detail="A SCIM token of the organisation is needed")
        request[TOKEN] = token
        answer: web.StreamResponse = await handler(request)
        return answer

    app = web.Application(middlewares=[tell_failures, authenticate], client_max_size=BODY_BYTES_MAX)
    app.add_routes([*routes, *_Discovery(site).routes()])
    return app


class _Discovery:
    """What the server says of itself (RFC 7644, 4)."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{ROOT}/ServiceProviderConfig", self._config),
            web.get(f"{ROOT}/Schemas", self._schemas),
            web.get(f"{ROOT}/Schemas/{{id}}", self._schema),
            web.get(f"{ROOT}/ResourceTypes", self._resource_types),
            web.get(f"{ROOT}/ResourceTypes/{{id}}", self._resource_type),
        ]

    async def _config(self, request: web.Request) -> web.Response:
        return self._one(request, CONFIG, "ServiceProviderConfig")

    async def _schemas(self, request: web.Request) -> web.Response:
        return self._all(request, Schema, PROVIDER.schemas)

    async def _schema(self, request: web.Request) -> web.Response:
        return self._named(request, PROVIDER.schemas, "Schemas")

    async def _resource_types(self, request: web.Request) -> web.Response:
        return self._all(request, ResourceType, PROVIDER.resource_types)

    async def _resource_type(self, request: web.Request) -> web.Response:
        return self._named(request, PROVIDER.resource_types, "ResourceTypes")

    def _named(self, request: web.Request, resources: Any, path: str) -> web.Response:
        wanted = request.match_info["id"]
        found = next((one for one in resources if str(one.id) == wanted), None)
        if found is None:
            raise NotFoundException(detail="There is no such resource")
        return self._one(request, found, f"{path}/{wanted}")

    def _one(self, request: web.Request, resource: Any, path: str) -> web.Response:
        described = self._located(request, resource, path)
        return self._site.answer(request, described, Context.RESOURCE_QUERY_RESPONSE)

    def _all(self, request: web.Request, kind: Any, resources: Any) -> web.Response:
        if "filter" in request.query:
            raise web.HTTPForbidden(reason="These are not filtered")
        path = "Schemas" if kind is Schema else "ResourceTypes"
        located = [self._located(request, one, f"{path}/{one.id}") for one in resources]
        return list_answer(kind, located, len(located), 1, None)

    def _located(self, request: web.Request, resource: Any, path: str) -> Any:
        from scim2_models import Meta

        located = resource.model_copy()
        located.meta = Meta(resource_type=type(resource).__name__, location=f"{self._site.base(request)}/{path}")
        return located


def list_answer(
    kind: Any, resources: list[Any], total: int, start_index: int, parameters: ResponseParameters[Any] | None
) -> web.Response:
    """A page of resources."""
    listed = ListResponse[kind](
        total_results=total, start_index=start_index, items_per_page=len(resources), resources=resources
    )
    body = listed.model_dump_json(
        scim_ctx=Context.RESOURCE_QUERY_RESPONSE, scim_provider=PROVIDER, response_parameters=parameters
    )
    return web.Response(body=body.encode(), content_type=MEDIA_TYPE)
