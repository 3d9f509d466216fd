"""Generated stubs of `guerdon.recognition.v1`."""
