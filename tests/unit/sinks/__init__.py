"""Tests of where it goes; `conformance` is what every database must pass, here on SQLite and in `tests/real` on
PostgreSQL.
"""

import pytest

pytest.register_assert_rewrite(
    "tests.unit.sinks.conformance", "tests.unit.sinks.figures", "tests.unit.sinks.handling"
)
