"""What SCIM clients are told when something fails: an error body (RFC 7644, 3.12), and nothing internal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from pydantic import ValidationError
from scim2_models import Context, Error, SCIMException

from guerdon_kit.errors import DomainError, InvalidField, NotFound, Unavailable
from guerdon_kit.grpc import OutcomeUnknown, RemoteError
from guerdon_kit.ids import new_id
from recognition.domain.errors import IdentityTaken, ManagerCycle, TeamNameTaken, UserNameTaken

MEDIA_TYPE = "application/scim+json"
RETRY_AFTER_S = 5

_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def tell_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers every failure as SCIM does."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _answer(Error(status=error.status, detail=error.reason))
    except ValidationError as error:
        return _answer(Error.from_validation_errors(error)[0])
    except SCIMException as error:
        told = error.to_error()
        if isinstance(error.__cause__, ValidationError):  # whose words are for who has our code
            told = Error(status=told.status, scim_type=told.scim_type, detail="A value does not fit its attribute")
        return _answer(told)
    except (OutcomeUnknown, RemoteError) as error:
        _log.warning("scim_waits", error=repr(error))
        return _answer(_unavailable())
    except DomainError as error:
        return _answer(_refusal(request, error))
    except Exception as error:  # noqa: BLE001 - whatever nobody foresaw: all of it to the log, only its id to the caller
        error_id = new_id("er")
        _log.error("unexpected", method=request.method, error_id=error_id, exc_info=error)
        return _answer(Error(status=500, detail=f"Something went wrong: {error_id}"))


def _refusal(request: web.Request, error: DomainError) -> Error:
    if isinstance(error, UserNameTaken | IdentityTaken | TeamNameTaken):
        return Error(status=409, scim_type="uniqueness", detail=error.public_message)
    if isinstance(error, NotFound):
        # What the path names is not there, or what the body does.
        named = error.metadata["resource"].rpartition("/")[2] == request.match_info.get("id")
        if named:
            return Error(status=404, detail="There is no such resource")
        return Error(status=400, scim_type="invalidValue", detail=f"There is no {error.metadata['resource']}")
    if isinstance(error, InvalidField):
        described = "; ".join(f"{one.field} {one.description}" for one in error.violations)
        return Error(status=400, scim_type="invalidValue", detail=described)
    if isinstance(error, ManagerCycle):
        return Error(status=400, scim_type="invalidValue", detail=error.public_message)
    if isinstance(error, Unavailable):
        return _unavailable()
    return Error(status=409, detail=error.public_message)


def _unavailable() -> Error:
    return Error(status=503, detail="Not now; the same request may be sent again")


def _answer(error: Error) -> web.Response:
    status = error.status or 500
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="scim"'
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    # As text, for aiohttp would add its own charset to a media type that is UTF-8 by its definition.
    body = error.model_dump_json(scim_ctx=Context.DEFAULT).encode()
    return web.Response(body=body, status=status, content_type=MEDIA_TYPE, headers=headers)
