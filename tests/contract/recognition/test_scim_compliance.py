"""The published checks of SCIM servers (scim2-tester), over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from scim2_client.client import BaseSyncSCIMClient, RawResponse
from scim2_tester import CheckResult, Status, check_server

from tests.contract.recognition.scim import connect, scim_url
from tests.contract.recognition.world import Employer


class _Client(BaseSyncSCIMClient):
    """Their client, over the HTTP library that we have."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self._http = http

    def _stays_under_base_url(self, endpoint: str) -> bool:
        return str(self._http.build_request("GET", endpoint).url).startswith(str(self._http.base_url))

    def _parse_json(self, response: RawResponse) -> Any:
        assert isinstance(response, httpx.Response)
        return response.json()

    def request(self, method: str, url: str, **kwargs: Any) -> httpx.Response:
        return self._http.request(method, url, **kwargs)


async def test_the_server_passes_the_published_checks(employer: Employer) -> None:
    provider = await connect(employer)

    def check() -> list[CheckResult]:
        headers = {"Authorization": f"Bearer {provider.secret}"}
        with httpx.Client(base_url=scim_url(employer), headers=headers, timeout=30.0) as http:
            return check_server(_Client(http))

    results = await asyncio.to_thread(check)
    failed = [f"{one.title}: {one.reason}" for one in results if one.status in {Status.ERROR, Status.CRITICAL}]
    assert failed == []
    assert {one.title for one in results if one.status is Status.SUCCESS} >= {
        "object_creation",
        "object_replacement",
        "object_deletion",
        "check_add_attribute",
        "check_remove_attribute",
        "check_replace_attribute",
    }
