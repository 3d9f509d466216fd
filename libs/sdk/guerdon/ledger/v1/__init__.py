"""Generated stubs of `guerdon.ledger.v1`."""
