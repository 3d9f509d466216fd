"""Starts the ledger: `python -m ledger`."""

from guerdon_kit.start import start
from ledger.config import Settings

if __name__ == "__main__":
    start(Settings, "ledger.app")
