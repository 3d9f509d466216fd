"""What makes two requests the same request, and what tells two bodies apart."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.ledger.v1 import ledger_pb2, resources_pb2
from guerdon_kit.idempotency import Fingerprint


@dataclass(frozen=True)
class Who:
    issuer: str = "https://issuer.example"
    subject: str = "till-7"
    service: str | None = None


@dataclass(frozen=True)
class Call:
    caller: Who = Who()
    method: str = "guerdon.ledger.v1.LedgerService/PostTransaction"


def body(request_id: str = "r-1", parent: str = "programs/acme", memo: str = "") -> ledger_pb2.PostTransactionRequest:
    return ledger_pb2.PostTransactionRequest(
        parent=parent, request_id=request_id, transaction=resources_pb2.Transaction(memo=memo) if memo else None
    )


def fingerprint(request: ledger_pb2.PostTransactionRequest, call: Call | None = None) -> Fingerprint:
    return Fingerprint.of(call or Call(), request, "programs/acme")


def test_the_same_request_has_the_same_fingerprint() -> None:
    assert fingerprint(body(memo="tea")) == fingerprint(body(memo="tea"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Call(Who(issuer="a", subject="bc")), Call(Who(issuer="ab", subject="c"))),
        (Call(Who(issuer="a|b", subject="c")), Call(Who(issuer="a", subject="b|c"))),
        (Call(Who(service="membership")), Call(Who(issuer="service", subject="membership"))),
        (Call(method="x/A"), Call(method="x/B")),
    ],
)
def test_no_caller_or_method_can_take_anothers_id(one: Call, other: Call) -> None:
    assert fingerprint(body(), one).key != fingerprint(body(), other).key


def test_tenant_and_request_id_are_part_of_the_key() -> None:
    keys = {
        Fingerprint.of(Call(), body("r-1"), "programs/acme").key,
        Fingerprint.of(Call(), body("r-1"), "programs/acm").key,
        Fingerprint.of(Call(), body("r-2"), "programs/acme").key,
    }
    assert len(keys) == 3


def test_a_service_is_the_same_caller_whoever_issued_its_token() -> None:
    one = Call(Who(issuer="a", subject="b", service="membership"))
    other = Call(Who(issuer="c", subject="d", service="membership"))
    assert fingerprint(body(), one).key == fingerprint(body(), other).key


def test_the_id_is_not_part_of_the_body() -> None:
    assert fingerprint(body("r-1", memo="tea")).digest == fingerprint(body("r-2", memo="tea")).digest


def test_the_same_item_alone_and_in_a_batch_is_one_request_where_the_method_is_named() -> None:
    alone = fingerprint(body())
    batch = Fingerprint.of(
        Call(method="guerdon.ledger.v1.LedgerService/BatchPostTransactions"),
        body(),
        "programs/acme",
        method="guerdon.ledger.v1.LedgerService/PostTransaction",
    )
    assert alone == batch


def differing(new: ledger_pb2.PostTransactionRequest, old: ledger_pb2.PostTransactionRequest) -> str | None:
    recorded = fingerprint(old)
    return fingerprint(new).differing(recorded.digest, recorded.fields)


def test_differences_are_named_also_where_a_field_was_added_or_removed() -> None:
    bare = ledger_pb2.PostTransactionRequest(parent="programs/acme", request_id="r-1")
    assert differing(body(memo="tea"), body(memo="tea")) is None
    assert differing(body(memo="tea"), body(memo="coffee")) == "transaction"
    assert differing(body(parent="programs/b", memo="tea"), body(memo="coffee")) == "parent,transaction"
    assert differing(bare, body(memo="tea")) == "transaction"
    assert differing(body(memo="tea"), bare) == "transaction"


def test_a_field_of_a_later_release_counts_and_is_named_by_number() -> None:
    later = ledger_pb2.PostTransactionRequest.FromString(body().SerializeToString() + b"\xa2\x06\x02hi")
    assert differing(later, body()) == "100"


def test_bytes_that_no_contract_has_do_no_harm() -> None:
    group = b"\xa3\x06\xa4\x06"  # field 100 as a group, empty
    odd = ledger_pb2.PostTransactionRequest.FromString(body().SerializeToString() + group)
    assert fingerprint(odd) == fingerprint(odd)
    assert fingerprint(odd).digest != fingerprint(body()).digest


@given(st.text(max_size=300), st.text(max_size=300))
def test_bodies_are_the_same_exactly_when_their_fields_are(one: str, other: str) -> None:
    assert (differing(body(memo=one), body(memo=other)) is None) == (one == other)
