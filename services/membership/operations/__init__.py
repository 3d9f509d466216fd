"""What membership does: one file a promise."""
