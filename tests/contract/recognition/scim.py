"""An identity provider that keeps an employer's people up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from guerdon import new_request_id
from guerdon.recognition.v1 import scim_pb2 as scim
from tests.contract.recognition.world import Employer

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Provider:
    """A client of the SCIM server, with a token of one employer."""

    employer: Employer
    token: scim.ScimToken
    secret: str
    http: httpx.AsyncClient

    async def post(self, path: str, **body: Any) -> httpx.Response:
        """Makes a resource."""
        return await self.http.post(path, json=body)

    async def user(self, user_name: str, **attributes: Any) -> dict[str, Any]:
        """Makes a user."""
        answer = await self.post("/Users", schemas=[USER], userName=user_name, **attributes)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def group(self, display_name: str, *members: str) -> dict[str, Any]:
        """Makes a group of these users."""
        answer = await self.post(
            "/Groups", schemas=[GROUP], displayName=display_name, members=[{"value": member} for member in members]
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def patch(self, path: str, *operations: dict[str, Any]) -> httpx.Response:
        """Changes a resource."""
        return await self.http.patch(path, json={"schemas": [PATCH], "Operations": list(operations)})

    async def read(self, path: str, **query: str) -> dict[str, Any]:
        """Reads a resource or a list."""
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def scim_url(employer: Employer) -> str:
    """Where the SCIM server is."""
    return f"http://{employer.world.recognition.process.plan.environment['GUERDON_SCIM_LISTEN']}/scim/v2"


async def connect(employer: Employer, *, issuer: str = "") -> Provider:
    """A provider with a token of its own."""
    made = await employer.admin.scim_tokens.CreateScimToken(
        scim.CreateScimTokenRequest(
            parent=employer.name,
            scim_token=scim.ScimToken(display_name="Directory", issuer=issuer),
            request_id=new_request_id(),
        )
    )
    http = httpx.AsyncClient(
        base_url=scim_url(employer), headers={"Authorization": f"Bearer {made.secret}"}, timeout=30.0
    )
    return Provider(employer, made.scim_token, made.secret, http)
