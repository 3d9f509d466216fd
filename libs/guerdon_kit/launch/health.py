"""Whether a service serves: `python -m guerdon_kit.launch.health HOST:PORT`, for the checks of a container."""

from __future__ import annotations

import socket
import sys

import grpc
from grpc_health.v1 import health_pb2

TIMEOUT_S = 1.0


def is_serving(target: str) -> bool:
    """Whether the plaintext gRPC server at `target` (`host:port`) says that it serves."""
    host, _, port = target.rpartition(":")
    try:
        # First whether anybody listens at all: a gRPC channel that was refused once takes its time to try
        # again.
        socket.create_connection((host, int(port)), timeout=TIMEOUT_S).close()
    except OSError:
        return False
    with grpc.insecure_channel(target) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(not is_serving(sys.argv[1]))
