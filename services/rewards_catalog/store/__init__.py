"""The catalog's tables, and the code that reads and writes them."""

from guerdon_kit.postgres.queries import load_queries

queries = load_queries("rewards_catalog")
