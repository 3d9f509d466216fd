"""Whoever has no right to an organisation learns nothing of it and changes nothing in it, by whatever method."""

from __future__ import annotations

import importlib
import pkgutil

import grpc
from google.api.field_behavior_pb2 import FieldBehavior, field_behavior
from google.api.resource_pb2 import resource, resource_reference
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import guerdon.recognition.v1
from guerdon import new_request_id
from guerdon.options.v1 import options_pb2
from tests.contract.recognition.world import Employer

FILES = [
    importlib.import_module(found.name).DESCRIPTOR
    for found in pkgutil.iter_modules(guerdon.recognition.v1.__path__, "guerdon.recognition.v1.")
    if found.name.endswith("_pb2")
]
METHODS = [method for file in FILES for service in file.services_by_name.values() for method in service.methods]
PATTERNS = {
    options.type: options.pattern[0]
    for file in FILES
    for message in file.message_types_by_name.values()
    if (options := message.GetOptions().Extensions[resource]).type
}


def filled(descriptor: Descriptor, organisation: str) -> Message:
    """A request in which all is there that the contract demands, and whose names are of the organisation."""
    message = GetMessageClass(descriptor)()
    own = descriptor.GetOptions().Extensions[resource]
    for field in descriptor.fields:
        reference = field.GetOptions().Extensions[resource_reference].type or (own.type if field.name == "name" else "")
        if reference in PATTERNS:
            _set(message, field, _named(PATTERNS[reference], organisation))
        elif reference:
            _set(message, field, "programs/x1/units/x1")
        elif field.name == "request_id":
            _set(message, field, new_request_id())
        elif FieldBehavior.REQUIRED in field.GetOptions().Extensions[field_behavior]:
            _set(message, field, _value(field, organisation))
    return message


def _named(pattern: str, organisation: str) -> str:
    parts = pattern.split("/")
    return "/".join([organisation, *("x1" if part.startswith("{") else part for part in parts[2:])])


def _value(field: FieldDescriptor, organisation: str) -> object:
    if field.message_type is not None:
        return filled(field.message_type, organisation)
    return b"x" if field.type == field.TYPE_BYTES else "x" if field.type == field.TYPE_STRING else 1


def _set(message: Message, field: FieldDescriptor, value: object) -> None:
    target = getattr(message, field.name)
    if field.is_repeated:
        target.append(value)
    elif isinstance(value, Message):
        target.CopyFrom(value)
        target.SetInParent()
    else:
        setattr(message, field.name, value)


def test_every_method_belongs_to_an_organisation() -> None:
    assert len(METHODS) > 20
    for method in METHODS:
        assert method.GetOptions().Extensions[options_pb2.access].tenant == options_pb2.TENANT_ORGANISATION


async def test_another_platforms_token_neither_sees_nor_changes_an_organisation(employer: Employer) -> None:
    token = employer.world.identity.token("stranger", scopes=["*"], tenants=["organisations/another"])
    answers: dict[str, grpc.StatusCode] = {}
    async with grpc.aio.insecure_channel(employer.world.recognition.target) as channel:
        for method in METHODS:
            request = filled(method.input_type, employer.name)
            path = f"/{method.containing_service.full_name}/{method.name}"
            kind = (
                f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
            )
            call = getattr(channel, kind)(path, request_serializer=type(request).SerializeToString)
            sent = iter([request]) if method.client_streaming else request
            answers[path] = await _code(call(sent, metadata=[("authorization", f"Bearer {token}")], timeout=10))
    assert answers == dict.fromkeys(answers, grpc.StatusCode.NOT_FOUND)


async def _code(call: grpc.aio.Call) -> grpc.StatusCode:
    found: grpc.StatusCode = await call.code()
    return found
