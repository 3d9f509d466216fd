"""Starts the rewards catalog: `python -m rewards_catalog`."""

from guerdon_kit.service import run
from rewards_catalog.app import NAME, compose
from rewards_catalog.config import Settings

if __name__ == "__main__":
    run(NAME, Settings, compose)
