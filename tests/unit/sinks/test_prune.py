"""What is old, in SQLite."""

from tests.unit.sinks.pruned import Pruned


class TestSqlite(Pruned):
    """SQLite forgets what is old."""
