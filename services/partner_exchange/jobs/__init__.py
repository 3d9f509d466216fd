"""What partner exchange does in the background."""
