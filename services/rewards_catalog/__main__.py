"""Starts the rewards catalog: `python -m rewards_catalog`."""

from guerdon_kit.start import start
from rewards_catalog.config import Settings

if __name__ == "__main__":
    start(Settings, "rewards_catalog.app")
