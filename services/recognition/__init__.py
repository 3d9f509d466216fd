"""Organisations, allowances and recognitions."""
