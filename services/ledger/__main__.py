"""Starts the ledger: `python -m ledger`."""

from guerdon_kit.service import run
from ledger.app import compose
from ledger.config import Settings
from ledger.store.plans import LOOK_UPS

if __name__ == "__main__":
    run("ledger", Settings, compose, LOOK_UPS)
