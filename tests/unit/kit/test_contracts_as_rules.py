"""What descriptors demand: which names a request carries, and what it may not lack."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from google.api.resource_pb2 import resource, resource_reference
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

import guerdon
from guerdon.options.v1 import options_pb2
from guerdon_kit.grpc import requests
from tests.kit_protos import ECHO, compiled, message, service

PLACE = message("Place", town="x")
INNER = {"label": "l", "amounts": [1], "place": PLACE}


def names(**values: Any) -> set[str]:
    return requests.compile_demands(message("Ask").DESCRIPTOR).look(message("Ask", **values))[0]


def violated(**values: Any) -> list[str]:
    return _violated(message("Ask", **values))


def _violated(asked: Any) -> list[str]:
    _, violations = requests.compile_demands(asked.DESCRIPTOR).look(asked)
    return [violation.field for violation in violations]


@pytest.mark.parametrize(
    "values",
    [
        {"name": "programs/a"},
        {"others": ["programs/a"]},
        {"inner": {"account": "programs/a"}},
        {"inners": [{}, {"account": "programs/a"}]},
        {"inner_by_key": {"k": {"account": "programs/a"}}},
        {"left": {"account": "programs/a"}},
        {"right": {"account": "programs/a"}},
        {"account": {"name": "programs/a"}},
    ],
    ids=str,
)
def test_a_name_is_found_wherever_it_lies(values: dict[str, Any]) -> None:
    if "inner_by_key" in values:
        asked = message("Ask")
        asked.inner_by_key["k"].account = "programs/a"
        values = {"inner_by_key": asked.inner_by_key}
    assert names(**values) == {"programs/a"}


def test_a_name_is_told_by_its_path() -> None:
    asked = message("Ask", notes=["n-0"], others=["n-1", "n-2"], inners=[{}, {"account": "n-3"}], made="n-5")
    asked.inner_by_key["k"].account = "n-4"
    asked.inner.made.account = "n-5"
    asked.account.name = "n-6"
    found = {name: requests.path_of(asked, name) for name in (f"n-{number}" for number in range(7))}
    assert found == {
        "n-0": "",
        "n-1": "others[0]",
        "n-2": "others[1]",
        "n-3": "inners[1].account",
        "n-4": "inner_by_key[k].account",
        "n-5": "",
        "n-6": "account.name",
    }


def test_what_only_the_service_writes_is_no_name_and_lacks_nothing() -> None:
    made = {"made": "programs/a", "inner": INNER | {"made": {"account": "programs/b"}}}
    assert names(**made) == set()
    assert violated(name="programs/a", request_id="r", **made) == []


def test_a_request_without_any_name_field_has_nothing_to_collect() -> None:
    demands = requests.compile_demands(message("Plain").DESCRIPTOR)
    assert not demands.names_resources
    assert demands.look(message("Plain")) == (set(), [])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("message Tree { string text = 1; Tree below = 2; }", "contains itself"),
        (
            'import "google/protobuf/struct.proto"; message Tree { google.protobuf.Struct any = 1; }',
            "contains itself",
        ),
        (
            'message Tree { map<string, string> by = 1 [(google.api.resource_reference).type = "kit/A"]; }',
            "map of resource names",
        ),
    ],
)
def test_a_request_in_which_names_could_hide_stops_the_start(body: str, why: str) -> None:
    pool = compiled(f"package kittest.v1; {body}")
    with pytest.raises(ValueError, match=why):
        requests.compile_demands(pool.FindMessageTypeByName("kittest.v1.Tree"))


def test_required_fields_are_named_by_their_paths() -> None:
    asked = message("Ask", inner={}, inners=[INNER, {"label": "x"}], right={"place": PLACE, "amounts": [0]})
    asked.inner_by_key["k"].label = "x"
    assert set(_violated(asked)) == {
        "name",
        "request_id",
        "inner.label",
        "inner.amounts",
        "inner.place",
        "inners[1].amounts",
        "inners[1].place",
        "inner_by_key[k].amounts",
        "inner_by_key[k].place",
        "right.label",
    }


def test_what_is_there_is_not_violated() -> None:
    assert violated(name="programs/a", request_id="r", inners=[INNER] * 3) == []


@pytest.mark.parametrize("request_id", ["a", "a" * 64, "!~", "0c8b7a5e-1f9b-4f9e-9b67-1f0f5c0c2a11"])
def test_a_request_id_of_1_to_64_printable_ascii_characters_is_taken(request_id: str) -> None:
    assert violated(name="programs/a", request_id=request_id) == []


@pytest.mark.parametrize("request_id", ["", "a" * 65, "a b", "é", "a\n", "\t", "a\0", "🎁", "\x7f"])
def test_any_other_request_id_is_refused(request_id: str) -> None:
    assert violated(name="programs/a", request_id=request_id) == ["request_id"]


@given(st.integers(0, 300))
def test_no_more_violations_are_named_than_anyone_reads(count: int) -> None:
    found = violated(name="programs/a", request_id="r", inners=[{}] * count)
    assert len(found) == min(count * 3, requests.VIOLATIONS_MAX)


def test_a_long_batch_of_nothing_is_refused_without_looking_at_all_of_it() -> None:
    last = {"account": "programs/last"}
    found, violations = requests.compile_demands(message("Ask").DESCRIPTOR).look(
        message("Ask", name="programs/a", request_id="r", inners=[{}] * 5000 + [last])
    )
    assert len(violations) == requests.VIOLATIONS_MAX
    assert violations[-1].field.startswith("inners[")
    assert found == {"programs/a"}


@pytest.mark.parametrize(
    "option",
    [
        "",
        'option (guerdon.options.v1.access) = {scope: "x"};',
        "option (guerdon.options.v1.access) = {tenant: TENANT_NONE};",
        'option (guerdon.options.v1.access) = {scope: "x" tenant: TENANT_UNSPECIFIED};',
    ],
)
def test_a_method_without_a_whole_declaration_of_access_is_refused(option: str) -> None:
    source = f"package kittest.v1; message P {{}} service S {{ rpc R(P) returns (P) {{ {option} }} }}"
    method = service(source, "kittest.v1.S").methods_by_name["R"]
    with pytest.raises(ValueError, match="declares no access"):
        requests.access_of(method)


def test_access_is_read_from_the_contract() -> None:
    access = requests.access_of(service(ECHO).methods_by_name["Free"])
    assert (access.scope, access.tenant) == ("echo.free", options_pb2.TENANT_NONE)


def _methods() -> Iterator[Any]:
    for module in pkgutil.walk_packages(guerdon.__path__, "guerdon."):
        if module.name.endswith("_pb2"):
            for found in importlib.import_module(module.name).DESCRIPTOR.services_by_name.values():
                yield from found.methods


METHODS = sorted(_methods(), key=lambda method: str(method.full_name))


def _text_fields(descriptor: Descriptor) -> Iterator[tuple[Descriptor, FieldDescriptor]]:
    for field in descriptor.fields:
        if requests._is_output(field):
            continue
        if field.message_type is not None:
            yield from _text_fields(field.message_type)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield descriptor, field


@pytest.mark.parametrize("method", METHODS, ids=lambda method: str(method.full_name))
def test_every_field_of_our_contracts_that_sounds_like_a_name_is_declared_as_one(method: Any) -> None:
    requests.access_of(method)
    for owner, field in _text_fields(method.input_type):
        if field.name in {"name", "names", "parent"}:
            own = field.name == "name" and owner.GetOptions().HasExtension(resource)
            assert own or field.GetOptions().HasExtension(resource_reference), field.full_name
