"""Connections to the console: who takes too long over the head or the body of a request is left."""

from asyncio import BaseTransport, TimerHandle

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["PromptConnection"]


class PromptConnection(H11Protocol):
    """A connection that is closed where the head of a request has not come ten seconds after it or the connection began, or the body thirty after the head.

    uvicorn limits what is idle between two requests, and waits for ever once a byte has come, or before any has.
    """

    head_seconds = 10.0
    body_seconds = 30.0
    _awaited: object = None
    _late: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Await the first head."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn names the class of streams
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take what came; bytes of what is not whole give it no more time."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing any more."""
        super().connection_lost(exc)
        self._await(None, 0.0)

    def _look(self) -> None:
        state = self.conn.their_state
        if state is h11.IDLE:
            self._await(state, self.head_seconds)
        elif state is h11.SEND_BODY:
            self._await(state, self.body_seconds)
        else:
            self._await(None, 0.0)

    def _await(self, what: object, seconds: float) -> None:
        """Give the other side so many seconds for ``what`` (the state of theirs that is to end), from when it was first awaited; None: for nothing."""
        if what is self._awaited:
            return
        self._awaited = what
        if self._late is not None:
            self._late.cancel()
        self._late = None if what is None else self.loop.call_later(seconds, self.transport.close)
