"""What runs in the background: the sweeper and the relay's view of the journal."""
