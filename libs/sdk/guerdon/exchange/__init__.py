"""Generated stubs of `guerdon.exchange`."""
