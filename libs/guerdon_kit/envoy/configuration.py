"""How Envoy listens for a service: as near as can be to what grpc's own server is told."""

from __future__ import annotations

import socket
from typing import Any

from pyvoy import PyvoyServer

from guerdon_kit.config import CONNECTION_AGE_S, CONNECTION_GRACE_S, KEEPALIVE_S, KEEPALIVE_WITHIN_S, ServiceSettings

_TYPES = "type.googleapis.com/envoy.extensions"
_MANAGER = f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TLS = f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext"
_HEADERS_KIB = 16
_BUFFER_BYTES = 64 * 1024
"""What a connection may have read or written ahead, softly."""
_STREAM_BYTES = 512 * 1024
"""What a stream may have sent ahead of Python, and, softly, what may wait for a caller to read it: Envoy has one limit
for both. A batch of a thousand has 300 KB."""
_CONNECTION_BYTES = 16 * 1024 * 1024
"""What all streams of a connection may have sent ahead."""


def configuration(settings: ServiceSettings, application: str) -> dict[str, Any]:
    """Envoy's configuration (its v3 API) for one worker of a service; `application` is `module:name` of the ASGI
    application. There is no administration interface: any user of the machine could end the service by it.
    """
    host, _, named_port = settings.listen.rpartition(":")
    [(_, _, _, _, found), *_] = socket.getaddrinfo(host.strip("[]"), named_port, type=socket.SOCK_STREAM)
    chain: dict[str, Any] = {"filters": [{"name": "http", "typed_config": _manager(settings, application)}]}
    if settings.tls_cert_file is not None:
        chain["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": _tls(settings)}
    address = {"address": found[0], "port_value": found[1], "ipv4_compat": found[0] == "::"}
    listener = {
        "name": "grpc",
        "address": {"socket_address": address},
        # Two servers on one port would share its calls silently: only workers of one service may.
        "enable_reuse_port": settings.workers > 1,
        "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
        "filter_chains": [chain],
    }
    return {"static_resources": {"listeners": [listener]}}


def _manager(settings: ServiceSettings, application: str) -> dict[str, Any]:
    streams = min(settings.max_concurrent, 2 * settings.max_concurrent_per_connection)
    return {
        "@type": _MANAGER,
        "stat_prefix": "grpc",
        "codec_type": "HTTP2",
        "http2_protocol_options": {
            "max_concurrent_streams": streams,
            "initial_stream_window_size": _STREAM_BYTES,
            "initial_connection_window_size": _CONNECTION_BYTES,
            "connection_keepalive": {"interval": f"{KEEPALIVE_S}s", "timeout": f"{KEEPALIVE_WITHIN_S}s"},
        },
        "common_http_protocol_options": {
            "max_connection_duration": f"{CONNECTION_AGE_S}s",
            "max_stream_duration": f"{CONNECTION_AGE_S + CONNECTION_GRACE_S}s",
        },
        "drain_timeout": f"{CONNECTION_GRACE_S}s",
        # A stream may be quiet for long; how long a call takes is its deadline's to say.
        "stream_idle_timeout": "0s",
        # But not what a caller does not read.
        "stream_flush_timeout": f"{CONNECTION_GRACE_S}s",
        "max_request_headers_kb": _HEADERS_KIB,
        # Who calls is who has connected, whatever a header says.
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "route_config": {"virtual_hosts": [{"name": "service", "domains": ["*"]}]},
        "http_filters": [_plain_paths(), *_filters(application)],
    }


def _plain_paths() -> dict[str, Any]:
    """Refuses paths with escapes, which no method has: a path that then is no UTF-8 is one that pyvoy never answers."""
    escaped = {"url_path": {"path": {"safe_regex": {"regex": ".*%.*"}}}}
    refused = {"permissions": [escaped], "principals": [{"any": True}]}
    rules = {"action": "DENY", "policies": {"escaped": refused}}
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {"@type": f"{_TYPES}.filters.http.rbac.v3.RBAC", "rules": rules},
    }


def _filters(application: str) -> list[Any]:
    """The filter that is the module: how it is named and told is pyvoy's to say."""
    theirs = PyvoyServer(application, interface="asgi", loop="uvloop", lifespan=True).get_envoy_config()
    [listener] = theirs["static_resources"]["listeners"]
    filters: list[Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    return filters


def _tls(settings: ServiceSettings) -> dict[str, Any]:
    certificate = {
        "certificate_chain": {"filename": str(settings.tls_cert_file)},
        "private_key": {"filename": str(settings.tls_key_file)},
    }
    common: dict[str, Any] = {"tls_certificates": [certificate], "alpn_protocols": ["h2"]}
    if settings.tls_client_ca_file is not None:
        common["validation_context"] = {"trusted_ca": {"filename": str(settings.tls_client_ca_file)}}
    return {
        "@type": _TLS,
        "common_tls_context": common,
        "require_client_certificate": settings.tls_client_ca_file is not None,
    }
