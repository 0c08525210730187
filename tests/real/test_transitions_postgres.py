"""The life of an alert on a real PostgreSQL."""

from threading import Thread

import pytest
from sqlalchemy import Engine, event, text

from models.alert import Acknowledge, Assign, Resolution, Resolve
from sinks.errors import Conflict, database_errors
from sinks.statements import LOCK_TABLES
from sinks.transitions import transition
from tests.unit.sinks.builders import finding
from tests.unit.sinks.handling import Desk, Handling


class TestPostgres(Handling):
    """PostgreSQL passes."""


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_stale_decision_writes_nothing(engine: Engine, isolation: str) -> None:
    """A decision on a row that another operator changes before it is written is a conflict, whatever the transaction sees of others."""
    desk = Desk(engine)
    desk.found(finding())

    late = list[str]()

    @event.listens_for(engine, "before_cursor_execute")
    def _meanwhile(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE alerts") and not late:
            late.append(statement)
            desk.act(Resolve(outcome=Resolution.FIXED), actor="bob")

    careless = engine.execution_options(isolation_level=isolation)
    with pytest.raises(Conflict), database_errors(engine), careless.begin() as connection:
        transition(connection, "A", Acknowledge(), "ada", desk.clock.now)
    assert desk.stands() == ("resolved", "fixed")
    assert len(desk.audit()) == 2


def test_an_operator_waits_for_a_writer_that_is_alone(engine: Engine) -> None:
    """While a writer that lost too often keeps others out, an operator's change waits, and then comes through."""
    desk = Desk(engine)
    desk.found(finding())
    done: list[int] = []
    operator = Thread(target=lambda: done.append(len(desk.act(Assign(to="ada")).done)))
    with engine.begin() as alone:
        alone.exec_driver_sql(LOCK_TABLES)
        operator.start()
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watch:
            while not watch.execute(waiting).scalar_one():
                operator.join(0.05)
        assert done == []
    operator.join()
    assert done == [1]
