"""What a method's descriptors demand of its requests, compiled once: presence, request id, tenants."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from google.api.field_behavior_pb2 import FieldBehavior, field_behavior
from google.api.resource_pb2 import resource, resource_reference
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from guerdon.options.v1 import options_pb2
from guerdon_kit.errors import FieldViolation, InvalidField
from guerdon_kit.names import tenant_of

Collect = Callable[[Any, set[str]], None]
Check = Callable[[Any, str, list[FieldViolation]], None]

REQUEST_ID_MAX = 64
VIOLATIONS_MAX = 50
"""How many violations one answer names: nobody reads more, and no batch may make us count them."""

_KEY_SHOWN_MAX = 64
_REQUEST_ID = re.compile(rf"[!-~]{{1,{REQUEST_ID_MAX}}}")


def access_of(method: Any) -> options_pb2.Access:
    """The method's declaration of who may call it.

    Raises:
        ValueError: it has none, or an incomplete one.
    """
    access: options_pb2.Access = method.GetOptions().Extensions[options_pb2.access]
    if not access.scope or access.tenant == options_pb2.TENANT_UNSPECIFIED:
        raise ValueError(f"{method.full_name} declares no access {{scope, tenant}}")
    return access


def compile_names(descriptor: Descriptor) -> Collect | None:
    """A function that adds to a set every resource name that a message carries; None where it can carry none.

    Raises:
        ValueError: names could hide from it: the message contains itself, or has a map of names.
    """
    return _compile_names(descriptor, frozenset())


def _compile_names(descriptor: Descriptor, above: frozenset[str]) -> Collect | None:
    if descriptor.full_name in above:
        raise ValueError(f"{descriptor.full_name} contains itself: its resource names cannot be collected")
    above |= {descriptor.full_name}
    found = [_compile_field(descriptor, field, above) for field in descriptor.fields if not _is_output(field)]
    steps = [step for step in found if step is not None]
    if not steps:
        return None

    def collect(message: Any, found: set[str]) -> None:
        for step in steps:
            step(message, found)

    return collect


def _compile_field(descriptor: Descriptor, field: FieldDescriptor, above: frozenset[str]) -> Collect | None:
    if _is_map(field):
        inner = _compile_map(field, above)
        return None if inner is None else _each_value(field.name, inner)
    if field.message_type is not None:
        inner = _compile_names(field.message_type, above)
        if inner is None:
            return None
        return _each(field.name, inner) if field.is_repeated else _one(field.name, inner)
    if _names_resource(descriptor, field):
        return _strings(field.name) if field.is_repeated else _string(field.name)
    return None


def _compile_map(field: FieldDescriptor, above: frozenset[str]) -> Collect | None:
    if field.GetOptions().HasExtension(resource_reference):
        raise ValueError(f"{field.full_name} is a map of resource names: whether keys or values are, it cannot say")
    value = _map_value(field)
    return None if value is None else _compile_names(value, above)


def _string(name: str) -> Collect:
    def collect(message: Any, found: set[str]) -> None:
        value = getattr(message, name)
        if value:
            found.add(value)

    return collect


def _strings(name: str) -> Collect:
    def collect(message: Any, found: set[str]) -> None:
        found.update(getattr(message, name))

    return collect


def _one(name: str, inner: Collect) -> Collect:
    def collect(message: Any, found: set[str]) -> None:
        if message.HasField(name):
            inner(getattr(message, name), found)

    return collect


def _each(name: str, inner: Collect) -> Collect:
    def collect(message: Any, found: set[str]) -> None:
        for item in getattr(message, name):
            inner(item, found)

    return collect


def _each_value(name: str, inner: Collect) -> Collect:
    def collect(message: Any, found: set[str]) -> None:
        for item in getattr(message, name).values():
            inner(item, found)

    return collect


def _names_resource(descriptor: Descriptor, field: FieldDescriptor) -> bool:
    options = field.GetOptions()
    if options.HasExtension(resource_reference):
        return True
    own = descriptor.GetOptions()
    return field.name == "name" and own.HasExtension(resource)


def _is_output(field: FieldDescriptor) -> bool:
    """Whether only the service writes it: what a caller puts there is ignored."""
    return FieldBehavior.OUTPUT_ONLY in field.GetOptions().Extensions[field_behavior]


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _map_value(field: FieldDescriptor) -> Descriptor | None:
    assert field.message_type is not None, "a map is a repeated message"
    value: Descriptor | None = field.message_type.fields_by_name["value"].message_type
    return value


def path_of(message: Message, name: str) -> str:
    """Where a message has a resource name, such as `postings[1].account`. For a refusal only: it looks everywhere."""
    descriptor: Any = message.DESCRIPTOR
    for field, value in message.ListFields():
        if _is_output(field):
            continue
        names_resource = _names_resource(descriptor, field)
        for place, item in _items(field, value):
            if names_resource and item == name:
                return place
            inner = path_of(item, name) if isinstance(item, Message) else ""
            if inner:
                return f"{place}.{inner}"
    return ""


def _items(field: FieldDescriptor, value: Any) -> Iterator[tuple[str, Any]]:
    if _is_map(field):
        yield from ((f"{field.name}[{str(key)[:_KEY_SHOWN_MAX]}]", item) for key, item in value.items())
    elif field.is_repeated:
        yield from ((f"{field.name}[{index}]", item) for index, item in enumerate(value))
    else:
        yield field.name, value


def tenants_of(names: set[str]) -> frozenset[str]:
    """The tenants that resource names begin with."""
    return frozenset(map(tenant_of, names))


def compile_check(descriptor: Descriptor) -> Check | None:
    """A function that reports the REQUIRED fields that a message lacks, nested ones included, and a bad request id."""
    steps = list(_checks(descriptor))
    if not steps:
        return None

    def check(message: Any, path: str, violations: list[FieldViolation]) -> None:
        for step in steps:
            step(message, path, violations)

    return check


def _checks(descriptor: Descriptor) -> Iterator[Check]:
    for field in descriptor.fields:
        if _is_output(field):
            continue
        required = FieldBehavior.REQUIRED in field.GetOptions().Extensions[field_behavior]
        if field.name == "request_id":
            yield _check_request_id
        elif required:
            yield _check_present(field)
        if _is_map(field):
            value = _map_value(field)
            inner = None if value is None else compile_check(value)
            if inner is not None:
                yield _check_values(field.name, inner)
        elif field.message_type is not None:
            inner = compile_check(field.message_type)
            if inner is not None:
                yield _check_each(field.name, inner) if field.is_repeated else _check_one(field.name, inner)


def _check_request_id(message: Any, path: str, violations: list[FieldViolation]) -> None:
    if _REQUEST_ID.fullmatch(message.request_id) is None:
        violations.append(FieldViolation(f"{path}request_id", "is required: 1 to 64 printable ASCII characters"))


def _check_present(field: FieldDescriptor) -> Check:
    name = field.name
    message_field = field.message_type is not None and not field.is_repeated

    def check(message: Any, path: str, violations: list[FieldViolation]) -> None:
        if not (message.HasField(name) if message_field else getattr(message, name)):
            violations.append(FieldViolation(path + name, "is required"))

    return check


def _check_one(name: str, inner: Check) -> Check:
    def check(message: Any, path: str, violations: list[FieldViolation]) -> None:
        if message.HasField(name):
            inner(getattr(message, name), f"{path}{name}.", violations)

    return check


def _check_each(name: str, inner: Check) -> Check:
    def check(message: Any, path: str, violations: list[FieldViolation]) -> None:
        for index, item in enumerate(getattr(message, name)):
            _check_item(item, inner, path, f"{name}[{index}]", violations)
            if len(violations) >= VIOLATIONS_MAX:
                return

    return check


def _check_values(name: str, inner: Check) -> Check:
    def check(message: Any, path: str, violations: list[FieldViolation]) -> None:
        for key, item in getattr(message, name).items():
            _check_item(item, inner, path, f"{name}[{str(key)[:_KEY_SHOWN_MAX]}]", violations)
            if len(violations) >= VIOLATIONS_MAX:
                return

    return check


def _check_item(item: Any, inner: Check, path: str, place: str, violations: list[FieldViolation]) -> None:
    known = len(violations)
    inner(item, "", violations)
    if len(violations) > known:  # the whole path is only built for what is wrong: batches are long
        violations[known:] = [FieldViolation(f"{path}{place}.{v.field}", v.description) for v in violations[known:]]


def require_valid(check: Check | None, request: Message) -> None:
    """Refuses a request whose REQUIRED fields are not all there.

    Raises:
        InvalidField: with at most `VIOLATIONS_MAX` violations.
    """
    if check is None:
        return
    violations: list[FieldViolation] = []
    check(request, "", violations)
    if violations:
        raise InvalidField(violations[:VIOLATIONS_MAX])
