"""Starts partner exchange: `python -m partner_exchange`."""

from guerdon_kit.service import run
from partner_exchange.app import NAME, compose
from partner_exchange.config import Settings

if __name__ == "__main__":
    run(NAME, Settings, compose)
