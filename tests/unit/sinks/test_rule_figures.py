"""What a file of SQLite tells of rules."""



from tests.unit.sinks.figures import Figures


class TestSqlite(Figures):
    """SQLite tells the same."""
