"""The services that membership calls."""
