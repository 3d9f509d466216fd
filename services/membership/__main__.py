"""Starts membership: `python -m membership`."""

from guerdon_kit.start import start
from membership.config import Settings

if __name__ == "__main__":
    start(Settings, "membership.app")
