"""Generated stubs of `guerdon.ledger`."""
