"""What the service promises, one file for each promise."""
