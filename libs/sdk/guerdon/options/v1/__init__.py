"""Generated stubs of `guerdon.options.v1`."""
