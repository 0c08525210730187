"""Each program's role in PostgreSQL may do what it has to, and no more."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from tempfile import NamedTemporaryFile

import psycopg
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
from sinks.delivery.messages import Message
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
from tests.support.roles import CONSOLE, DELIVER, DOCTOR, INSIGHT, OWNER, PARTS, ROLES, WORKER, address_of, make_roles
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


def store(engine: Engine) -> None:
    """Do all that workers do with the database: few and many rows, aliases, who is forgotten, what time does."""
    check_schema(engine)
    with database_errors(engine), engine.begin() as connection:
        connection.exec_driver_sql(LOCK_TABLES)  # what a writer does whom others are first too often
    writer = DatabaseWriter(engine, clock)
    many = [record(finding(f"f-{number}", alert=f"A-{number}", customer=f"c-{number}")) for number in range(250)]
    writer.write([*many, record(finding()), score(), score(value=None, name="gone"), brief(), letter()])
    writer.write([letter(offset) for offset in range(100, 350)])  # as many are copied by way of a table like theirs
    writer.write([record(finding("f-1", revision=2, withdrawn=True, alert="A-1", customer="c-1")), letter(), score(90.0, minutes=5)])
    writer.write([marked("alias-of", b"c-1", 900), marked("alias-of", b"", 901), marked("forgotten", b"5", 902)])
    again = marked("forgotten", b"5", 903)
    again = again._replace(headers=[*again.headers, ("offset", b"7")])
    writer.write([again, again._replace(topic="seamwatch.briefs")])
    note_worker(engine, LATER)
    note_scores(engine, decayed, LATER)
    assert sweep(engine, now=LATER, expiry=int(timedelta(days=1).total_seconds() * 1e6)) > 0
    with database_errors(engine), engine.begin() as connection:
        Takeover(["A-2"], Verdict(AlertState.OPEN), [("A-2", 9)], []).move(connection, "A-3", 1)


def learn(engine: Engine) -> None:
    """Do all that the role `insight` does with the database."""
    check_schema(engine)
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
            batch.due(LATER)


def tell(engine: Engine) -> None:
    """Do all that the role `deliver` does with the database, where workers stored something to be told."""
    check_schema(engine)
    receivers = Receivers.model_validate({"receivers": [{"name": "crm", "kind": "webhook", "url": "https://crm.example"}]})
    store = DeliveryStore(engine, "crm")
    store.register(datetime(2026, 1, 1, tzinfo=UTC))
    assert store.hold("one", LATER, timedelta(seconds=30))
    store.take_changes(lambda alert, found, before: alert_message(receivers, receivers.receivers[0], alert, found, before, ""), LATER)
    taken = store.take(10, LATER)
    assert len(taken) == 10
    store.settle([Delivered(taken[0].id, DeliveryState.DELIVERED, LATER)], LATER)
    briefs = BriefStore(engine)
    briefs.store("seamwatch.briefs", {0: 1}, {"crm": [Message("brief", "j-1", 1, "acme", "c-1", {})]}, [("acme", "c-2")], LATER)
    assert briefs.next_offset("seamwatch.briefs", 0) == 1
    assert list(store.firing()) == []  # all have expired
    store.hasten(LATER)
    assert store.waits()[0] > 0
    store.purge(LATER)
    store.release("one")


def look(engine: Engine) -> None:
    """Do all that `seamwatch doctor` does with the database, and find that workers may write. Raises `RightMissing` where it is refused something."""
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"receivers": [{"name": "crm", "kind": "webhook", "url": "https://crm.example"}]}, file)
        file.flush()
        address = engine.url.render_as_string(hide_password=False)
        env = {"SEAMWATCH_DATABASE": address, "SEAMWATCH_BROKER": "127.0.0.1:1", "SEAMWATCH_RECEIVERS_FILE": file.name, "SEAMWATCH_PULSE_EVERY": "10s"}
        told = {each["check"]: each for each in json.loads(run("doctor", "--json", env=env).output)["checks"]}
    if "permission denied" in told["database"]["found"]:
        raise RightMissing(told["database"]["found"])
    assert [told[name]["state"] for name in ("database", "clock of the database")] == ["ok", "ok"]
    assert (told["pulse"]["found"], told["deliveries"]["found"]) != ("", "")


DOES: dict[str, Callable[[Engine], None]] = {WORKER: store, INSIGHT: learn, DELIVER: tell, DOCTOR: look}
"""What each part does with the database; the console is tried apart."""
WRITES = "INSERT INTO {0} SELECT * FROM {0}", "UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"
OTHERS = {
    WORKER: {"users", "sessions", "login_links", "api_tokens", "console_audit", "observed", "receivers", "day_counts", "back_tests"},
    INSIGHT: {"users", "api_tokens", "console_audit", "findings", "alerts", "alert_changes", "scores", "briefs", "dead_letters", "deliveries", "receivers"},
    DELIVER: {"users", "api_tokens", "console_audit", "alert_changes", "scores", "briefs", "dead_letters", "customers", "customer_aliases", "promises"},
    DOCTOR: {"users", "api_tokens", "console_audit", "findings", "alerts", "scores", "briefs", "customers", "observed", "deliveries", "receivers"},
}
"""Tables of which a part may not even read a whole row, let alone write one."""
ONLY_READ = {WORKER: {"forgotten_keys"}, DELIVER: {"findings", "alerts"}, DOCTOR: {"stream_progress"}}


@pytest.mark.parametrize("part", DOES)
def test_each_part_does_with_its_role_what_it_is_there_for_and_nothing_else(part: str, engines: Callable[[str], Engine]) -> None:
    """The whole of what each part does, as its role; it can neither change tables, nor read what is none of its, nor write what it only reads."""
    if part == DELIVER:
        store(engines(WORKER))
    DOES[part](engines(part))
    denied = ["DROP TABLE findings", "CREATE TABLE other (id int)"]
    denied += [f"SELECT * FROM {table}" for table in OTHERS[part]]
    denied += [write.format(table, metadata.tables[table].columns.keys()[0]) for table in OTHERS[part] | ONLY_READ.get(part, set()) for write in WRITES]
    for forbidden in denied:
        with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"), engines(part).begin() as connection:
            connection.exec_driver_sql(forbidden)


def test_workers_forget_what_they_cannot_read(engines: Callable[[str], Engine]) -> None:
    """Who is forgotten goes from the tables of insight and deliver, too, of which a worker sees no more than whose a row is."""
    with ObservedStore(engines(INSIGHT)).batch("seamwatch.touchpoints", 0) as batch:
        batch.states([("acme", "c-1007"), ("acme", "c-1")])
    DeliveryStore(engines(DELIVER), "crm").register(LATER)
    briefs = {"crm": [Message("brief", customer, 1, "acme", customer, {"said": customer}) for customer in ("c-1007", "c-1")]}
    BriefStore(engines(DELIVER)).store("seamwatch.briefs", {0: 1}, briefs, [], LATER)
    for table in ("customers", "deliveries"):
        with pytest.raises(ProgrammingError, match="permission denied"), engines(WORKER).begin() as connection:
            connection.exec_driver_sql(f"SELECT * FROM {table}")
    DatabaseWriter(engines(WORKER), clock).write([marked("forgotten", b"5", 903), marked("forgotten", b"5", 904)._replace(topic="seamwatch.briefs")])
    with engines(OWNER).connect() as connection:
        left = [list(connection.exec_driver_sql(f"SELECT customer FROM {table}").scalars()) for table in ("customers", "deliveries")]
    assert left == [["c-1"], ["c-1"]]


def test_the_console_reads_everything_and_writes_next_to_nothing(engines: Callable[[str], Engine]) -> None:
    """Every table can be read; what the stream found cannot be changed, and nobody deletes from the audit or from an alert's history."""
    note_forgotten(engines(CONSOLE), "ada", 1, LATER)
    with engines(CONSOLE).connect() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.select().limit(1))
    for forbidden in ("DELETE FROM findings", "UPDATE scores SET value = 100", "DELETE FROM console_audit", "DELETE FROM alert_changes", "DELETE FROM alerts"):
        with pytest.raises(ProgrammingError, match="permission denied"), engines(CONSOLE).begin() as connection:
            connection.exec_driver_sql(forbidden)


def test_the_owner_deletes_what_is_old(engines: Callable[[str], Engine]) -> None:
    """What workers stored is pruned by who owns the tables, on PostgreSQL as on SQLite."""
    store(engines(WORKER))
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
        roles = ROLES.read_text().replace("ended_scores, ", "").replace(", forgotten_customers", "")  # the tables that 0017 and 0018 make
        connection.exec_driver_sql(roles)
    engine.dispose()
    env = {"SEAMWATCH_DATABASE": owner}
    alone = run("db", "upgrade", env=env)
    assert (alone.exit_code, "need `seamwatch db upgrade --grants`" in alone.output) == (0, True), alone.output
    worker, console = (create_engine(address_of(database_url, role)) for role in (WORKER, CONSOLE))
    with pytest.raises(RightMissing, match="permission denied for table forgotten_customers; its owner grants it by `seamwatch db upgrade --grants`"):
        store(worker)
    granted = run("db", "upgrade", "--grants", env=env)
    assert (granted.exit_code, "the roles have their rights" in granted.output) == (0, True), granted.output
    store(worker)
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
    store(worker)
    worker.dispose()


def test_a_role_that_is_missing_is_named_and_nothing_is_changed(database_url: str) -> None:
    """Where a part's role was not made, an upgrade with --grants says how, and changes neither tables nor rights; where there is none it goes on without."""
    make_roles(database_url)
    env = {"SEAMWATCH_DATABASE": address_of(database_url, OWNER)}
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        try:
            connection.execute(f"ALTER ROLE {DELIVER} RENAME TO other_deliver")
            refused = run("db", "upgrade", "--grants", env=env)
            assert (refused.exit_code, f"CREATE ROLE {DELIVER} LOGIN;" in refused.output, WORKER in refused.output) == (1, True, False), refused.output
            assert not connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for role in set(PARTS) - {DELIVER}:
                connection.execute(f"ALTER ROLE {role} RENAME TO {role.replace('seamwatch', 'other')}")
            without = run("db", "upgrade", "--grants", env=env)
            assert (without.exit_code, without.output.endswith("the tables are up to date.\n")) == (0, True), without.output
        finally:
            there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'other%'")}
            for role in there:
                connection.execute(f"ALTER ROLE {role} RENAME TO {role.replace('other', 'seamwatch')}")


def rights(role: str) -> list[tuple[str, str]]:
    """Return table and right of each grant to a role in the file."""
    found = []
    for given, tables, roles in re.findall(r"^GRANT (.+) ON ([a-z_,\s]+) TO ([a-z_, ]+);", ROLES.read_text(), re.MULTILINE):
        if role in roles:
            each = [(right, columns.split(", ") if columns else []) for right, columns in re.findall(r"([A-Z]+)(?: \(([^)]*)\))?", given)]
            single = [f"{right} ({column})" for right, columns in each for column in columns] + [right for right, columns in each if not columns]
            found += [(table.strip(), right) for table in tables.split(",") for right in single]
    return found


@pytest.mark.full
@pytest.mark.parametrize("part", DOES)
def test_each_part_needs_each_of_its_rights(part: str, engines: Callable[[str], Engine]) -> None:
    """With one right fewer, whichever it is, something of what the part does is refused: there is none too many."""
    needless = []
    assert rights(part)
    for table, right in rights(part):
        with engines(OWNER).begin() as connection:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)}")
            connection.exec_driver_sql(f"REVOKE {right} ON {table} FROM {part}")
        engines(part).dispose()  # a session keeps the tables that rows are copied by way of
        try:
            if part == DELIVER:
                store(engines(WORKER))
            DOES[part](engines(part))
            needless.append((table, right))
        except RightMissing as error:
            assert "permission denied" in str(error)  # noqa: PT017
        with engines(OWNER).begin() as connection:
            connection.exec_driver_sql(f"GRANT {right} ON {table} TO {part}")
    assert needless == []
