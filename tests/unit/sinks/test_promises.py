"""What a file of SQLite tells of promises."""

from tests.unit.sinks.promised import Promised


class TestSqlite(Promised):
    """SQLite tells the same."""
