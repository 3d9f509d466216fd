"""The rules of recognition: plain Python, tested without a database."""
