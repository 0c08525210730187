"""What a file of SQLite tells of customers."""

from tests.unit.sinks.portfolios import Portfolios


class TestSqlite(Portfolios):
    """SQLite tells the same."""
