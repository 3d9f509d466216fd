"""Generated stubs of `guerdon.type.v1`."""
