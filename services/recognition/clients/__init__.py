"""The other services that this one calls, in its own words."""
