"""Generated stubs of `guerdon.options`."""
