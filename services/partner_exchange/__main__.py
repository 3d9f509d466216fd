"""Starts partner exchange: `python -m partner_exchange`."""

from guerdon_kit.start import start
from partner_exchange.config import Settings

if __name__ == "__main__":
    start(Settings, "partner_exchange.app")
