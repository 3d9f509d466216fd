"""Generated stubs of `guerdon.membership`."""
