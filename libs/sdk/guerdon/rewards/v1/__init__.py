"""Generated stubs of `guerdon.rewards.v1`."""
