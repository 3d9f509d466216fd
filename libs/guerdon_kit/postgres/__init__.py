"""A service's own PostgreSQL database: pool, transactions, queries, migrations, request records."""

from guerdon_kit.postgres.database import Connection, Database, Limits
from guerdon_kit.postgres.failures import Rerun, UnsafeServer, was_lost
from guerdon_kit.postgres.queries import load_queries

__all__ = ["Connection", "Database", "Limits", "Rerun", "UnsafeServer", "load_queries", "was_lost"]
