"""What the catalog does in the background."""
