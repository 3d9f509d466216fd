"""Contracts for tests of the kit alone, compiled when they are first needed."""

from __future__ import annotations

import sysconfig
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc  # type: ignore[import-untyped]  # it has no types

PROTOS = Path(__file__).resolve().parent.parent / "protos"
IMPORTS = """
syntax = "proto3";
import "google/api/field_behavior.proto";
import "google/api/resource.proto";
import "guerdon/options/v1/options.proto";
"""
ECHO = """
package kittest.v1;

service EchoService {
  rpc Unary(Ask) returns (Answer) {
    option (guerdon.options.v1.access) = {scope: "echo.use" tenant: TENANT_PROGRAM};
  }
  rpc Down(Ask) returns (stream Answer) {
    option (guerdon.options.v1.access) = {scope: "echo.use" tenant: TENANT_PROGRAM};
  }
  rpc Up(stream Ask) returns (Answer) {
    option (guerdon.options.v1.access) = {scope: "echo.use" tenant: TENANT_PROGRAM};
  }
  rpc BothWays(stream Ask) returns (stream Answer) {
    option (guerdon.options.v1.access) = {scope: "echo.use" tenant: TENANT_PROGRAM};
  }
  rpc Loose(Loosely) returns (Answer) {
    option (guerdon.options.v1.access) = {scope: "echo.use" tenant: TENANT_PROGRAM};
  }
  rpc LooseUp(stream Loosely) returns (Answer) {
    option (guerdon.options.v1.access) = {scope: "echo.use" tenant: TENANT_PROGRAM};
  }
  rpc Free(Plain) returns (Answer) {
    option (guerdon.options.v1.access) = {scope: "echo.free" tenant: TENANT_NONE};
  }
}

message Ask {
  string name = 1 [(google.api.field_behavior) = REQUIRED, (google.api.resource_reference).type = "kit/Account"];
  string request_id = 2 [(google.api.field_behavior) = REQUIRED];
  Inner inner = 3;
  repeated Inner inners = 4;
  map<string, Inner> inner_by_key = 5;
  repeated string others = 6 [(google.api.resource_reference).type = "kit/Account"];
  string made = 7 [(google.api.field_behavior) = OUTPUT_ONLY, (google.api.resource_reference).type = "kit/Account"];
  Account account = 8;
  oneof either {
    Inner left = 9;
    Inner right = 10;
  }
  string secret = 11 [(guerdon.options.v1.sensitive) = true];
  map<string, string> secrets = 12 [(guerdon.options.v1.sensitive) = true];
  map<string, string> labels = 13;
  repeated string notes = 14;
  bytes padding = 15;
  int64 count = 16;
}

message Inner {
  string account = 1 [(google.api.resource_reference).type = "kit/Account"];
  string label = 2 [(google.api.field_behavior) = REQUIRED];
  repeated int64 amounts = 3 [(google.api.field_behavior) = REQUIRED];
  Place place = 4 [(google.api.field_behavior) = REQUIRED];
  string secret = 5 [(guerdon.options.v1.sensitive) = true];
  Inner2 made = 6 [(google.api.field_behavior) = OUTPUT_ONLY];
}

message Inner2 {
  string account = 1 [(google.api.resource_reference).type = "kit/Account"];
  string label = 2 [(google.api.field_behavior) = REQUIRED];
}

message Place {
  string town = 1;
}

message Account {
  option (google.api.resource) = {type: "kit/Account" pattern: "programs/{program}/accounts/{account}"};
  string name = 1;
  string display_name = 2;
}

message Loosely {
  string name = 1 [(google.api.resource_reference).type = "kit/Account"];
  string text = 2;
}

message Plain {
  string text = 1;
}

message Answer {
  string text = 1;
  bytes padding = 2;
}
"""


@cache
def compiled(source: str) -> DescriptorPool:
    """A pool of its own with what `source`, the rest of a proto file, declares."""
    with tempfile.TemporaryDirectory() as folder:
        file, image = Path(folder, "test.proto"), Path(folder, "image")
        file.write_text(IMPORTS + source)
        library = Path(sysconfig.get_path("purelib"))
        includes = [folder, PROTOS, library, library / "grpc_tools" / "_proto"]
        included = [f"-I{path}" for path in includes]
        code = protoc.main(["", *included, "--include_imports", f"--descriptor_set_out={image}", str(file)])
        assert code == 0, "the test's own contract does not compile"
        files = FileDescriptorSet.FromString(image.read_bytes()).file
    pool = DescriptorPool()
    for each in files:
        pool.Add(each)
    return pool


def service(source: str = ECHO, name: str = "kittest.v1.EchoService") -> ServiceDescriptor:
    """The descriptor of a service."""
    return compiled(source).FindServiceByName(name)


def message(kind: str, /, source: str = ECHO, **values: Any) -> Any:
    """A message of the contract, by its short name; Any, because a test's contract has no stubs."""
    return message_class(kind, source)(**values)


def message_class(kind: str, source: str = ECHO) -> type[Message]:
    """The class of a message of the contract."""
    return GetMessageClass(compiled(source).FindMessageTypeByName(f"kittest.v1.{kind}"))
