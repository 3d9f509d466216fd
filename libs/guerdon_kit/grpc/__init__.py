"""Serving and calling gRPC: the one place that knows how a request reaches a rule and how a refusal leaves."""

from guerdon_kit.grpc.client import ClientTls, OutcomeUnknown, Remote, RemoteError
from guerdon_kit.grpc.context import CallContext
from guerdon_kit.grpc.server import Server

__all__ = ["CallContext", "ClientTls", "OutcomeUnknown", "Remote", "RemoteError", "Server"]
