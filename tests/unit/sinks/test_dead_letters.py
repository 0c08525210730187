"""Dead letters in SQLite."""

from tests.unit.sinks.letters import Letters


class TestSqlite(Letters):
    """SQLite keeps dead letters."""
