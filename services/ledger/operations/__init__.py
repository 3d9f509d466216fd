"""What the ledger does: rules and store brought together, one file a promise."""
