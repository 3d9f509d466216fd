"""A service inside Envoy: pyvoy, a dynamic module of Envoy's, runs Python there and hands it requests by ASGI.

`configuration` says how Envoy listens, `process` becomes Envoy, and `inside` is what Envoy loads.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

MODULE, WORKER, SUPERVISOR = "GUERDON_ENVOY_MODULE", "GUERDON_ENVOY_WORKER", "GUERDON_ENVOY_SUPERVISOR"
"""What the Python inside Envoy finds in its environment: the service's main module, the number of the worker, and the
descriptor of the supervisor's socket, where there is one."""


def is_inside() -> bool:
    """Whether this process is Envoy."""
    return f"{__name__}.inside" in sys.modules


def is_possible() -> bool:
    """Whether a service can run inside Envoy here: pyvoy is installed, and this Python has a shared library."""
    return importlib.util.find_spec("pyvoy") is not None and library() is not None


def library() -> Path | None:
    """Python's shared library."""
    from find_libpython import candidate_paths

    libraries = map(Path, candidate_paths())
    return next((path for path in libraries if path.name.startswith("libpython") and path.exists()), None)
