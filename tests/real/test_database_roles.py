"""Each program's role in PostgreSQL may do what it has to, and no more."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from config.receivers import Receivers
from models.alert import AlertState
from models.promise import Promise
from models.tables import metadata
from seamwatch.worker import decayed
from sinks.database import check_schema, create_engine, upgrade
from sinks.delivery import DeliveryState, DeliveryStore, alert_message
from sinks.delivery.store import BriefStore, Delivered
from sinks.errors import RightMissing, database_errors
from sinks.identity import note_forgotten
from sinks.lifecycle import Verdict
from sinks.observing import CustomerRow, ObservedStore
from sinks.progress import note_worker
from sinks.prune import prune
from sinks.records import SinkRecord
from sinks.scores import note_scores
from sinks.statements import LOCK_TABLES
from sinks.takeover import Takeover
from sinks.transitions import sweep
from sinks.writer import DatabaseWriter
from tests.support.roles import CONSOLE, OWNER, ROLES, WORKER, address_of, make_roles
from tests.unit.seamwatch.support import run
from tests.unit.sinks.builders import brief, clock, finding, letter, record, score

LATER = datetime(2027, 3, 2, tzinfo=UTC)


@pytest.fixture
def engines(database_url: str) -> Iterator[Callable[[str], Engine]]:
    """Give a database that its owner made, and the engine of each role."""
    make_roles(database_url)
    upgrade(address_of(database_url, OWNER), grants=True)
    made: dict[str, Engine] = {}

    def engine(role: str) -> Engine:
        return made.setdefault(role, create_engine(address_of(database_url, role)))

    yield engine
    for each in made.values():
        each.dispose()


def marked(what: str, value: bytes, offset: int) -> SinkRecord:
    """Return the record that says what became of the customer of `finding`."""
    return record(None, offset=offset)._replace(headers=[(what, value)])


def store_everything(engine: Engine) -> None:
    """Do all that workers do with the database: few and many rows, aliases, who is forgotten, what time does, what insight learns."""
    check_schema(engine)
    with database_errors(engine), engine.begin() as connection:
        connection.exec_driver_sql(LOCK_TABLES)  # what a writer does whom others are first too often
    writer = DatabaseWriter(engine, clock)
    many = [record(finding(f"f-{number}", alert=f"A-{number}", customer=f"c-{number}")) for number in range(250)]
    writer.write([*many, record(finding()), score(), score(value=None, name="gone"), brief(), letter()])
    writer.write([letter(offset) for offset in range(100, 350)])  # as many are copied by way of a table like theirs
    writer.write([record(finding("f-1", revision=2, withdrawn=True, alert="A-1", customer="c-1")), letter(), score(90.0, minutes=5)])
    writer.write([marked("alias-of", b"c-1", 900), marked("alias-of", b"", 901), marked("forgotten", b"", 902)])
    note_worker(engine, LATER)
    note_scores(engine, decayed, LATER)
    assert sweep(engine, now=LATER, expiry=int(timedelta(days=1).total_seconds() * 1e6)) > 0
    note_forgotten(engine, "ada", 1, LATER)
    tell(engine)
    store = ObservedStore(engine)
    row = CustomerRow("acme", "c-1", 1.0, None, None, None, None, None, 0, LATER, {})
    invited = {"id": "i-1", "tenant": "acme", "customer": "c-1", "rule": "after", "pattern": "present", "survey": "csat", "time": "2026-03-02T09:00:00Z"}
    for offset in (1, 2):
        store.next_offset("seamwatch.touchpoints", 0)
        with store.batch("seamwatch.touchpoints", 0) as batch:
            batch.states([("acme", "c-1")])
            counts = {("acme", "2026-03-02", "move", "", "chat"): (1, 0.0)}
            batch.forgotten([("acme", "c-1")])
            batch.keep_promises([Promise("acme", "p-1", "c-1", LATER)])
            batch.promises("acme", "c-1")
            batch.store([row], counts, [("acme", "k-1", "intent", "bill", "c-1")], [invited], offset, LATER)
            batch.forget({("acme", "c-9"): LATER}, timedelta(days=1))
            batch.clear([("acme", "c-8")])
            batch.drop_promises("acme", "c-9")
    with engine.begin() as connection:
        Takeover(["A-2"], Verdict(AlertState.OPEN), [("A-2", 9)], []).move(connection, "A-3", 1)


def tell(engine: Engine) -> None:
    """Do all that the role `deliver` does with the database."""
    receivers = Receivers.model_validate({"receivers": [{"name": "crm", "kind": "webhook", "url": "https://crm.example"}]})
    store = DeliveryStore(engine, "crm")
    store.register(datetime(2026, 1, 1, tzinfo=UTC))
    assert store.hold("one", LATER, timedelta(seconds=30))
    store.take_changes(lambda alert, found, before: alert_message(receivers, receivers.receivers[0], alert, found, before, ""), LATER)
    taken = store.take(10, LATER)
    assert len(taken) == 10
    store.settle([Delivered(taken[0].id, DeliveryState.DELIVERED, LATER)], LATER)
    BriefStore(engine).store("seamwatch.briefs", {0: 1}, {}, [("acme", "c-2")], LATER)
    store.purge(LATER)
    store.release("one")


def test_workers_store_with_the_rights_of_their_role(engines: Callable[[str], Engine]) -> None:
    """The whole of what workers write, as their role; they can neither change tables, nor make accounts, nor rewrite the audit."""
    store_everything(engines(WORKER))
    for forbidden in ("DROP TABLE findings", "CREATE TABLE other (id int)", "INSERT INTO users SELECT * FROM users", "DELETE FROM console_audit"):
        with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"), engines(WORKER).begin() as connection:
            connection.exec_driver_sql(forbidden)


def test_the_console_reads_everything_and_writes_next_to_nothing(engines: Callable[[str], Engine]) -> None:
    """Every table can be read; what the stream found cannot be changed, and nobody deletes from the audit or from an alert's history."""
    with engines(CONSOLE).connect() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.select().limit(1))
    for forbidden in ("DELETE FROM findings", "UPDATE scores SET value = 100", "DELETE FROM console_audit", "DELETE FROM alert_changes", "DELETE FROM alerts"):
        with pytest.raises(ProgrammingError, match="permission denied"), engines(CONSOLE).begin() as connection:
            connection.exec_driver_sql(forbidden)


def test_the_owner_deletes_what_is_old(engines: Callable[[str], Engine]) -> None:
    """What workers stored is pruned by who owns the tables, on PostgreSQL as on SQLite."""
    store_everything(engines(WORKER))
    deleted = prune(engines(OWNER), LATER + timedelta(days=1))
    with engines(OWNER).connect() as connection:
        left = [connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() for table in ("alerts", "findings", "alert_changes", "dead_letters")]
    assert left == [0, 0, 0, 0]
    assert deleted["alerts"] > 200


def test_an_upgrade_with_grants_forgets_no_table(database_url: str) -> None:
    """In a database of the version before, whose roles have all that they needed, an upgrade alone says what is missing, and so does what workers then fail
    at; with --grants, in the same step, workers store and the console reads everything."""
    make_roles(database_url)
    owner = address_of(database_url, OWNER)
    engine = create_engine(owner)
    migrations = Config()
    migrations.set_main_option("script_location", "config:migrations")
    with engine.begin() as connection:
        migrations.attributes["connection"] = connection
        command.upgrade(migrations, "0016")
        connection.exec_driver_sql(ROLES.read_text().replace("ended_scores, ", ""))  # the table that 0017 makes
    engine.dispose()
    env = {"SEAMWATCH_DATABASE": owner}
    alone = run("db", "upgrade", env=env)
    assert (alone.exit_code, "need `seamwatch db upgrade --grants`" in alone.output) == (0, True), alone.output
    worker, console = (create_engine(address_of(database_url, role)) for role in (WORKER, CONSOLE))
    with pytest.raises(RightMissing, match="permission denied for table ended_scores; its owner grants it by `seamwatch db upgrade --grants`"):
        store_everything(worker)
    granted = run("db", "upgrade", "--grants", env=env)
    assert (granted.exit_code, "the roles have their rights" in granted.output) == (0, True), granted.output
    store_everything(worker)
    with console.connect() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.select().limit(1))
    for each in (worker, console):
        each.dispose()


def test_the_file_is_one_that_psql_runs(database_url: str) -> None:
    """By hand it grants the same: the owner gives it to psql, and workers store everything."""
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("there is no psql")
    make_roles(database_url)
    upgrade(address_of(database_url, OWNER))
    owner = address_of(database_url, OWNER).replace("+psycopg", "")
    subprocess.run([psql, "--quiet", "--set=ON_ERROR_STOP=1", f"--file={ROLES}", owner], check=True)
    worker = create_engine(address_of(database_url, WORKER))
    store_everything(worker)
    worker.dispose()


def rights(role: str) -> list[tuple[str, str]]:
    """Return table and right of each grant to a role in the file."""
    found = []
    for given, tables, roles in re.findall(r"^GRANT ([A-Z, ]+) ON ([a-z_,\s]+) TO ([a-z_, ]+);", ROLES.read_text(), re.MULTILINE):
        if role in roles:
            found += [(table.strip(), right.strip()) for table in tables.split(",") for right in given.split(",")]
    return found


@pytest.mark.full
def test_workers_need_each_of_their_rights(engines: Callable[[str], Engine]) -> None:
    """With one right fewer, whichever it is, something of what workers do is refused: there is none too many."""
    needless = []
    for table, right in rights(WORKER):
        with engines(OWNER).begin() as connection:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)}")
            connection.exec_driver_sql(f"REVOKE {right} ON {table} FROM {WORKER}")
        engines(WORKER).dispose()  # a session keeps the tables that rows are copied by way of
        try:
            store_everything(engines(WORKER))
            needless.append((table, right))
        except RightMissing as error:
            assert "permission denied" in str(error)  # noqa: PT017
        with engines(OWNER).begin() as connection:
            connection.exec_driver_sql(f"GRANT {right} ON {table} TO {WORKER}")
    assert needless == []
