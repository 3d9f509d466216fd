"""Starts membership: `python -m membership`."""

from __future__ import annotations

from guerdon_kit.service import run
from membership.app import NAME, compose
from membership.config import Settings

if __name__ == "__main__":
    run(NAME, Settings, compose)
