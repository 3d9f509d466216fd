"""What a method's descriptors demand of its requests, compiled once: presence, request id, tenants."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from google.api.field_behavior_pb2 import FieldBehavior, field_behavior
from google.api.resource_pb2 import resource, resource_reference
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from guerdon.options.v1 import options_pb2
from guerdon_kit.errors import FieldViolation, InvalidField
from guerdon_kit.names import tenant_of

Collect = Callable[[Any, set[str]], None]
Check = Callable[[Any, Callable[[str, str], None]], None]

REQUEST_ID_MAX = 64
VIOLATIONS_MAX = 50
"""How many violations one answer names: nobody reads more, and no batch may make us count them."""

_KEY_SHOWN_MAX = 64
_REQUEST_ID = re.compile(rf"[!-~]{{1,{REQUEST_ID_MAX}}}")
_REQUEST_ID_RULE = f"is required: 1 to {REQUEST_ID_MAX} printable ASCII characters"


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
    steps = list(_names(descriptor, "message", ()))
    return _function("collect(message, found)", ["add = found.add", *steps]) if steps else None


def _names(descriptor: Descriptor, value: str, above: tuple[str, ...]) -> Iterator[str]:
    """The lines that collect the names of the message `value`, which lies in those `above`."""
    if descriptor.full_name in above:
        raise ValueError(f"{descriptor.full_name} contains itself: its resource names cannot be collected")
    above += (descriptor.full_name,)
    for field in descriptor.fields:
        if _is_output(field):
            continue
        at = f"{value}.{field.name}"
        if _is_map(field) and field.GetOptions().HasExtension(resource_reference):
            raise ValueError(f"{field.full_name} is a map of resource names: whether keys or values are, it cannot say")
        if field.message_type is not None:
            item = f"item{len(above)}"
            held = _map_value(field) if _is_map(field) else field.message_type
            yield from _for_each(field, value, item, [] if held is None else list(_names(held, item, above)))
        elif _names_resource(descriptor, field):
            yield f"found.update({at})" if field.is_repeated else f"if {at}: add({at})"


def _for_each(field: FieldDescriptor, value: str, item: str, body: Sequence[str]) -> Iterator[str]:
    """`body` for each message `item` that the field of `value` has."""
    if not body:
        return
    at = f"{value}.{field.name}"
    if not field.is_repeated:
        yield f"if {value}.HasField('{field.name}'):"
        yield f"    {item} = {at}"
    elif _is_map(field):
        yield f"for key_of_{item}, {item} in {at}.items():"
    else:
        yield f"for index_of_{item}, {item} in enumerate({at}):"
    yield from (f"    {line}" for line in body)


def _function(signature: str, body: Iterable[str]) -> Any:
    """The function of these lines. Batches have thousands of messages, and a call for each of their fields would cost
    more than looking at it.
    """
    name = signature.partition("(")[0]
    scope: dict[str, Any] = {"has_form": _REQUEST_ID.fullmatch}
    exec("\n".join([f"def {signature}:", *(f"    {line}" for line in body)]), scope)  # noqa: S102 - made of the contract
    return scope[name]


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
    steps = list(_checks(descriptor, "message", "", 0))
    return _function("check(message, report)", steps) if steps else None


def _checks(descriptor: Descriptor, value: str, path: str, depth: int) -> Iterator[str]:
    """The lines that check the message `value`, which lies at `path`."""
    for field in descriptor.fields:
        if _is_output(field):
            continue
        at = f"{value}.{field.name}"
        if field.name == "request_id":
            yield f"if has_form({at}) is None: report(f'{path}request_id', '{_REQUEST_ID_RULE}')"
        elif FieldBehavior.REQUIRED in field.GetOptions().Extensions[field_behavior]:
            there = f"{value}.HasField('{field.name}')" if _is_one_message(field) else at
            yield f"if not {there}: report(f'{path}{field.name}', 'is required')"
        if field.message_type is not None:
            item = f"item{depth}"
            held = _map_value(field) if _is_map(field) else field.message_type
            place = f"{path}{field.name}{_place(field, item)}."
            body = [] if held is None else list(_checks(held, item, place, depth + 1))
            yield from _for_each(field, value, item, body)


def _place(field: FieldDescriptor, item: str) -> str:
    """Which of a field's messages `item` is, as a part of a path that is yet to be formatted."""
    if not field.is_repeated:
        return ""
    return f"[{{str(key_of_{item})[:{_KEY_SHOWN_MAX}]}}]" if _is_map(field) else f"[{{index_of_{item}}}]"


def _is_one_message(field: FieldDescriptor) -> bool:
    return field.message_type is not None and not field.is_repeated


class _Enough(Exception):
    pass


def require_valid(check: Check | None, request: Message) -> None:
    """Refuses a request whose REQUIRED fields are not all there.

    Raises:
        InvalidField: with at most `VIOLATIONS_MAX` violations.
    """
    if check is None:
        return
    violations: list[FieldViolation] = []

    def report(path: str, description: str) -> None:
        violations.append(FieldViolation(path, description))
        if len(violations) == VIOLATIONS_MAX:
            raise _Enough

    with suppress(_Enough):
        check(request, report)
    if violations:
        raise InvalidField(violations)
