"""Keys of customers in SQLite."""

from tests.unit.sinks.identities import Identities


class TestSqlite(Identities):
    """SQLite forgets whom it is told to."""
