"""What partner exchange does, one file a promise."""
