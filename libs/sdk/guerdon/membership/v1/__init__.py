"""Generated stubs of `guerdon.membership.v1`."""
