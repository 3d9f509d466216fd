"""SQL, and the code that runs it."""
