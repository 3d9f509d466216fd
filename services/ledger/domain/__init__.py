"""The ledger's rules: plain Python over accounts, lots and holds."""
