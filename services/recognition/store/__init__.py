"""The service's own tables. Each function takes a connection, and those that write a transaction."""

from guerdon_kit.postgres import load_queries

queries = load_queries("recognition")
