"""Generated stubs of `guerdon.type`."""
