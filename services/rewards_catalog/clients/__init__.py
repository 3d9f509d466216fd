"""The other services that the catalog calls."""
