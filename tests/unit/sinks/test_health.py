"""The metrics port: what it answers, whom it refuses, and that nobody can lock others out."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse

import pytest
from prometheus_client import CollectorRegistry, Counter

from sinks.health import HealthServer

pytestmark = pytest.mark.slow  # clients that hang are waited for


class Program:
    """A program whose health can be set."""

    def __init__(self) -> None:
        self.alive = True
        self.reasons: list[str] = []
        self.registry = CollectorRegistry()
        Counter("told_total", "Told.", registry=self.registry)

    def live(self) -> bool:
        """Tell whether it lives, or fail."""
        if self.reasons == ["crash"]:
            raise RuntimeError("c-secret")
        return self.alive


@pytest.fixture
def program() -> Program:
    """Give a healthy program."""
    return Program()


@pytest.fixture
def server(program: Program) -> Iterator[HealthServer]:
    """Give its metrics port."""
    with HealthServer(program.registry, program.live, lambda: program.reasons, port=0) as server:
        yield server


def ask(server: HealthServer, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    """Ask as a probe does, which gives up after three seconds."""
    connection = HTTPConnection(*server.address, timeout=3)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_it_listens_on_loopback_alone(server: HealthServer) -> None:
    """Unless told otherwise nobody outside this machine reaches it."""
    assert server.address[0] == "127.0.0.1"


def test_metrics_are_served_in_either_format(server: HealthServer) -> None:
    """A scrape gets the text format, or OpenMetrics where it asks for it."""
    response, body = ask(server, "/metrics")
    assert (response.status, b"told_total 0.0" in body) == (200, True)
    assert response.getheader("Content-Type", "").startswith("text/plain")
    response, body = ask(server, "/metrics?x=1", Accept="application/openmetrics-text; version=1.0.0")
    assert response.getheader("Content-Type", "").startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_life_and_readiness_are_told(server: HealthServer, program: Program) -> None:
    """A healthy program answers 200, one that is not 503 with a line for each reason."""
    assert ask(server, "/livez")[0].status == 200
    assert ask(server, "/readyz")[0].status == 200
    program.alive = False
    program.reasons = ["sink: the database\nis not available", "recovering: partitions 1, 2"]
    assert ask(server, "/livez")[0].status == 503
    response, body = ask(server, "/readyz")
    assert (response.status, body) == (503, b"sink: the database is not available\nrecovering: partitions 1, 2\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/livez/../metrics", "/api/alerts", "/docs", "*", "/%6civez"])
def test_there_is_nothing_else(server: HealthServer, path: str) -> None:
    """Any other path is not found."""
    assert ask(server, path)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "NONSENSE"])
def test_it_can_only_be_read(server: HealthServer, method: str) -> None:
    """Any method but GET and HEAD is refused."""
    response, _ = ask(server, "/metrics", method)
    assert (response.status, response.getheader("Allow")) == (405, "GET, HEAD")


def test_head_gives_no_body(server: HealthServer) -> None:
    """HEAD gives the headers of GET, and nothing else."""
    got, head = ask(server, "/livez")[0], ask(server, "/livez", "HEAD")
    assert (head[0].status, head[1]) == (200, b"")
    assert head[0].getheader("Content-Length") == got.getheader("Content-Length") == "5"


def test_a_check_that_fails_is_an_answer(server: HealthServer, program: Program) -> None:
    """A check that raises is an error of that answer alone, without its text."""
    program.reasons = ["crash"]
    response, body = ask(server, "/livez")
    assert (response.status, b"secret" in body) == (500, False)
    assert ask(server, "/metrics")[0].status == 200


def test_it_answers_while_the_program_is_busy(server: HealthServer) -> None:
    """Probes and scrapes are answered in time while the main thread computes without pause."""
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(number * number for number in range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    begin = time.monotonic()
    try:
        for _ in range(5):
            assert ask(server, "/metrics")[0].status == 200
    finally:
        stop.set()
        thread.join()
    assert time.monotonic() - begin < 3


def test_slow_clients_lock_nobody_out(server: HealthServer) -> None:
    """However many connections lie open without a word, a probe is answered, and their number is bounded."""
    slow = [socket.create_connection(server.address) for _ in range(100)]
    slow[-1].sendall(b"GET /metrics HTTP/1.1\r\nHost:")
    for _ in range(3):
        assert ask(server, "/livez")[0].status == 200
    dropped = sum(_closed(connection) for connection in slow)
    assert dropped >= 80
    for connection in slow:
        connection.close()


def test_a_connection_has_an_end(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a byte now and then is dropped when its time is over."""
    monkeypatch.setattr("sinks.health._LIFETIME", 0.5)
    with socket.create_connection(server.address) as connection:
        begin = time.monotonic()
        while not _closed(connection):
            try:
                connection.sendall(b"G")
            except OSError:
                break
            assert time.monotonic() - begin < 5
            time.sleep(0.05)


@pytest.mark.parametrize(
    "garbage", [b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET /" + b"a" * 70_000, b"GET /livez\r\n\r\n"]
)
def test_garbage_harms_nobody(server: HealthServer, garbage: bytes) -> None:
    """What is no HTTP is refused or ignored, and the next probe is answered."""
    with socket.create_connection(server.address) as connection:
        connection.sendall(garbage)
    assert ask(server, "/livez")[0].status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"swordfish\r\n\r\n", b"400"),
        (b"GET /metrics\r\n\r\n", b"400"),  # HTTP/0.9
        (b"GET /metrics swordfish\r\n\r\n", b"400"),
        (b"GET http://[ HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /swordfish" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X-A: swordfish\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", b"505"),
    ],
)
def test_what_cannot_be_read_is_told_and_not_repeated(server: HealthServer, sent: bytes, status: bytes) -> None:
    """The answer has a head with the status that fits, and not a word of the request."""
    answer = b""
    with socket.create_connection(server.address, timeout=3) as connection:
        connection.sendall(sent)
        with suppress(ConnectionResetError):  # what the server has not read is lost
            while part := connection.recv(1000):
                answer += part
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"swordfish" not in answer


@pytest.mark.parametrize("accept", ["text/plain; version=swordfish", "application/openmetrics-text; version=2.swordfish", "text/plain; version=1.x, */*"])
def test_a_version_that_is_no_number_is_not_repeated(server: HealthServer, accept: str) -> None:
    """Who asks for metrics in a version that is no number gets the text format, and not a word of what it asked for."""
    response, body = ask(server, "/metrics", Accept=accept)
    assert (response.status, b"told_total 0.0" in body) == (200, True)
    assert "swordfish" not in str(response.headers)


def test_a_port_that_is_taken_is_named(server: HealthServer, program: Program) -> None:
    """The error of a port in use says which."""
    host, port = server.address
    with pytest.raises(OSError, match=f"metrics port {host}:{port}"):
        HealthServer(program.registry, program.live, list, port=port).start()


def test_it_listens_where_it_is_told(program: Program) -> None:
    """An address of version 6 works too, and after the stop nobody answers."""
    server = HealthServer(program.registry, program.live, list, host="::1", port=0)
    try:
        server.start()
    except OSError:
        pytest.skip("this machine has no IPv6")
    address = server.address
    assert ask(server, "/livez")[0].status == 200
    server.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address)


def _closed(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1000) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
