"""The other services that partner exchange calls."""
