"""Membership's own database: SQL in files, and the code that runs it."""

from guerdon_kit.postgres import load_queries

queries = load_queries("membership")
