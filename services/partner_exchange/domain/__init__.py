"""The rules of a coalition: plain Python, exact numbers, no effects."""
