"""Starts the recognition service: `python -m recognition`."""

from guerdon_kit.start import start
from recognition.config import Settings

if __name__ == "__main__":
    start(Settings, "recognition.app")
