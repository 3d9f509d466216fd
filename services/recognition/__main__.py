"""Starts the recognition service: `python -m recognition`."""

from guerdon_kit.service import run
from recognition.app import NAME, compose, load
from recognition.config import Settings

if __name__ == "__main__":
    run(NAME, Settings, compose, load)
