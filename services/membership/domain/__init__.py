"""The rules of membership: plain Python, no framework."""
