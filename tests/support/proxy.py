"""A network that can be made slow, deaf or cut: a TCP proxy between a program and its server, on loopback."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from tests.support.server import free_ports

__all__ = ["Proxy"]

_CHUNK = 64 * 1024
_TURN = 0.05  # seconds


class Proxy:
    """Forwards connections to its own port to ``target``, a port of the same machine.

    ``delay`` holds every chunk back (seconds, either way), ``rate`` limits each direction of a connection (bytes a second, 0: none), and what is ``deaf``
    takes connections and bytes but hands nothing on, as a firewall that drops packets. `deaf_to` holds ports of clients whose connections alone are so.
    """

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self.delay = 0.0
        self.rate = 0
        self.deaf = False
        self.deaf_to: frozenset[int] = frozenset()
        self._is_cut = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        (self.port,) = free_ports(1)
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and every new one at once."""
        self._is_cut = True
        self._end_all()

    def heal(self) -> None:
        """Be a good network again; connections that were deaf go on."""
        self.delay, self.rate, self.deaf, self.deaf_to, self._is_cut = 0.0, 0, False, frozenset(), False

    def close(self) -> None:
        """Listen no more and end all connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._end_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end_all(self) -> None:
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)  # wakes its thread, which closes it

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        while self.deaf:
            time.sleep(_TURN)
        if self._is_cut:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        port = client.getpeername()[1]
        back = threading.Thread(target=self._forward, args=(server, client, port), daemon=True)
        back.start()
        self._forward(client, server, port)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _forward(self, source: socket.socket, sink: socket.socket, port: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                time.sleep(self.delay + (len(data) / self.rate if self.rate else 0.0))
                while self.deaf or port in self.deaf_to:
                    time.sleep(_TURN)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
