"""Rewards, stock and redemptions."""
