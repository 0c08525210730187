"""What a file of SQLite tells of what hurts most."""

from tests.unit.sinks.burdens import Burdens


class TestSqlite(Burdens):
    """SQLite tells the same."""
