"""Fixtures and rules for all tests: real servers once a session, fast tests first, properties that repeat on CI."""

import asyncio
import inspect
import logging
import signal
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sinks.database import upgrade
from tests.support.compiled import compiled
from tests.support.services import (
    KafkaServer,
    PostgresServer,
    alertmanager_missing,
    kafka_missing,
    on_ci,
    postgres_missing,
    prometheus_missing,
)

REAL = Path(__file__).parent / "real"

settings.register_profile("developer", deadline=None)  # how long an example takes says nothing on a shared machine
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if on_ci() else "developer")
settings.register_profile("fast", settings.default, max_examples=20)


def pytest_configure(config: pytest.Config) -> None:
    """Where slow tests are left out, let properties try a fifth of their examples; and hear Ctrl-C.

    A shell has what it runs in the background ignore that, and every program which a test starts would, too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "not slow" in config.option.markexpr:
        settings.load_profile("fast")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where real servers are left out, do not even import their tests."""
    return True if collection_path == REAL and "not real" in config.option.markexpr else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in tests/real, and run fast tests first, slow ones next, real ones last."""
    for item in items:
        if REAL in item.path.parents:
            item.add_marker("real")
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("real", "slow")])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test in an event loop of its own, for at most a minute."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), 60))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Leave the root logger as it was: commands that a test runs configure it, and the next test hears nothing."""
    root = logging.getLogger()
    handlers, level, disabled = root.handlers[:], root.level, root.manager.disable
    try:
        return (yield)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.disable(disabled)


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with an empty database."""
    path = tmp_path_factory.mktemp("upgraded") / "seamwatch.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """A real Apache Kafka, shared by the session: use topics of your own (`prefix`). To break one, start your own."""
    _require(kafka_missing())
    with KafkaServer() as server:
        yield server


@pytest.fixture(scope="session")
def compiled_program() -> Path:
    """Return the folder of the program with its engine compiled."""
    folder = compiled()
    _require(None if folder else "there is no C compiler")
    assert folder is not None
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, shared by the session: use `database_url`. To break one, start your own."""
    _require(postgres_missing())
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def prometheus() -> None:
    """Have Prometheus and promtool."""
    _require(prometheus_missing())


@pytest.fixture(scope="session")
def alertmanager() -> None:
    """Have Alertmanager and amtool."""
    _require(alertmanager_missing())


@pytest.fixture
def database_url(postgres: PostgresServer) -> str:
    """The address of an empty PostgreSQL database of the test's own."""
    return postgres.new_database()


@pytest.fixture
def prefix() -> str:
    """A topic prefix of the test's own."""
    return f"test-{uuid.uuid4().hex[:8]}"


def _require(missing: str | None) -> None:
    if missing and on_ci():
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)
