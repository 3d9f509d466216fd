"""What the catalog's refusals mean for a reward that a rule gives."""

from __future__ import annotations

import pytest

from guerdon_kit.errors import Status
from guerdon_kit.grpc.client import OutcomeUnknown, RemoteError
from membership.clients.catalog import Refused, refused


def refusal(status: Status, reason: str) -> RemoteError:
    return RemoteError(status, reason, {}, "")


@pytest.mark.parametrize(
    ("status", "reason"), [(Status.FAILED_PRECONDITION, "OUT_OF_STOCK"), (Status.NOT_FOUND, "NOT_FOUND")]
)
def test_what_the_catalog_decided_is_not_asked_again(status: Status, reason: str) -> None:
    assert refused(refusal(status, reason)) == Refused(reason)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.UNIMPLEMENTED, ""),  # an older one, while another is deployed
        (Status.NOT_FOUND, ""),  # a proxy's
        (Status.PERMISSION_DENIED, "SCOPE_REQUIRED"),
        (Status.FAILED_PRECONDITION, "NOT_CANCELLABLE_YET"),
    ],
)
def test_what_may_be_answered_otherwise_later_decides_nothing(status: Status, reason: str) -> None:
    with pytest.raises(OutcomeUnknown):
        refused(refusal(status, reason))
