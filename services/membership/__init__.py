"""Members, earning rules and tiers."""
