"""What the service imports, and what only those who need it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import sys
from recognition.app import load
from recognition.config import Settings
load(Settings(env="development", scim_listen=sys.argv[1]))
print({"aiohttp", "scim2_models", "recognition.http.listener"} & {*sys.modules} and "scim")
"""


@pytest.mark.parametrize(("listen", "loaded"), [("", "set()"), ("127.0.0.1:7006", "scim")])
def test_scim_is_loaded_before_workers_are_forked_and_only_where_it_is_served(listen: str, loaded: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, listen], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == loaded
