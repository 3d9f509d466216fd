"""Generated stubs of `guerdon.rewards`."""
