"""Partner exchange's tables, and the code that reads and writes them."""

from guerdon_kit.postgres.queries import load_queries

queries = load_queries("partner_exchange")
