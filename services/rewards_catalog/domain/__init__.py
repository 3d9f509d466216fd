"""The rules of rewards and redemptions."""
