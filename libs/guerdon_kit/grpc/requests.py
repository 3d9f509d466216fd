"""What a method's descriptors demand of its requests, compiled once: presence, request id, tenants."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.api.field_behavior_pb2 import FieldBehavior, field_behavior
from google.api.resource_pb2 import resource, resource_reference
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from guerdon.options.v1 import options_pb2
from guerdon_kit.errors import FieldViolation
from guerdon_kit.names import tenant_of

Look = Callable[[Any, Callable[[str], None], Callable[[str, str], None]], None]
"""Goes through a request once: adds its resource names, and reports the paths of what is wrong with it."""

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


@dataclass(frozen=True, slots=True)
class Demands:
    """What a contract demands of the requests of a method."""

    names_resources: bool
    """Whether a request can carry resource names."""
    _look: Look | None

    def look(self, request: Message) -> tuple[set[str], list[FieldViolation]]:
        """The resource names that a request carries, and what is wrong with it: REQUIRED fields that are not there, or
        a bad request id. At most `VIOLATIONS_MAX` violations are named, and nothing more is looked for then.
        """
        names: set[str] = set()
        violations: list[FieldViolation] = []

        def report(path: str, description: str) -> None:
            violations.append(FieldViolation(path, description))
            if len(violations) == VIOLATIONS_MAX:
                raise _Enough

        if self._look is not None:
            with suppress(_Enough):
                self._look(request, names.add, report)
        return names, violations


class _Enough(Exception):
    pass


def compile_demands(descriptor: Descriptor) -> Demands:
    """What the descriptor of a request's message demands: its REQUIRED fields, nested ones included, a well-formed
    request id; and where it carries resource names.

    Raises:
        ValueError: names could hide from it: the message contains itself, or has a map of names.
    """
    steps = list(_steps(descriptor, "message", "", ()))
    look = _function("look(message, add, report)", steps) if steps else None
    return Demands(any("add(" in step for step in steps), look)


def _steps(descriptor: Descriptor, value: str, path: str, above: tuple[str, ...]) -> Iterator[str]:
    """The lines that look at the message `value`, which lies at `path` and in those `above`.

    Names and violations are found on one way through: making a message's part known to Python costs more than looking
    at it.
    """
    if descriptor.full_name in above:
        raise ValueError(f"{descriptor.full_name} contains itself: its resource names cannot be collected")
    above += (descriptor.full_name,)
    for field in descriptor.fields:
        if _is_output(field):
            continue
        if _is_map(field) and field.GetOptions().HasExtension(resource_reference):
            raise ValueError(f"{field.full_name} is a map of resource names: whether keys or values are, it cannot say")
        yield from _look_at(field, f"{value}.{field.name}", value, path, is_name=_names_resource(descriptor, field))
        if field.message_type is not None:
            item = f"item{len(above)}"
            held = _map_value(field) if _is_map(field) else field.message_type
            place = f"{path}{field.name}{_place(field, item)}."
            yield from _for_each(field, value, item, [] if held is None else list(_steps(held, item, place, above)))


def _look_at(field: FieldDescriptor, at: str, value: str, path: str, *, is_name: bool) -> Iterator[str]:
    """The lines that look at the field `at` of the message `value` itself, and not into it."""
    is_name = is_name and field.message_type is None
    required = FieldBehavior.REQUIRED in field.GetOptions().Extensions[field_behavior]
    lacking = f"report(f'{path}{field.name}', 'is required')"
    if field.name == "request_id":
        yield f"if has_form({at}) is None: report(f'{path}request_id', '{_REQUEST_ID_RULE}')"
    elif is_name and field.is_repeated:
        yield f"for name in {at}: add(name)"
        if required:
            yield f"if not {at}: {lacking}"
    elif is_name:
        yield f"if name := {at}: add(name)"
        if required:
            yield f"else: {lacking}"
    elif required:
        there = f"{value}.HasField('{field.name}')" if _is_one_message(field) else at
        yield f"if not {there}: {lacking}"


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


def _place(field: FieldDescriptor, item: str) -> str:
    """Which of a field's messages `item` is, as a part of a path that is yet to be formatted."""
    if not field.is_repeated:
        return ""
    return f"[{{str(key_of_{item})[:{_KEY_SHOWN_MAX}]}}]" if _is_map(field) else f"[{{index_of_{item}}}]"


def _is_one_message(field: FieldDescriptor) -> bool:
    return field.message_type is not None and not field.is_repeated
