"""Partners, rate books, quotes and exchanges."""
