"""What the catalog does, one file a promise."""
