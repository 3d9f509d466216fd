"""Generated stubs of `guerdon.exchange.v1`."""
