"""Starting our own services as processes, with everything they need: for the command line and for tests."""
