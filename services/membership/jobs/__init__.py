"""What membership does in the background."""
