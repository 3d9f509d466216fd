"""Starts the ledger: `python -m ledger`."""

from guerdon_kit.service import run
from ledger.app import compose
from ledger.config import Settings

if __name__ == "__main__":
    run("ledger", Settings, compose)
