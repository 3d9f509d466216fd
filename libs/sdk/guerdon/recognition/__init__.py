"""Generated stubs of `guerdon.recognition`."""
