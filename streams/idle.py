"""Faust's own producer, put out of use: it confirms nothing, so nothing is written through it."""

from typing import Any

from faust.transport.producer import Producer

__all__ = ["IdleProducer"]


class IdleProducer(Producer):
    """A producer that never connects. Faust asks one for its buffer's level before every message, and flushes it at the end."""

    async def on_start(self) -> None:
        """Connect to nothing."""

    async def flush(self) -> None:
        """Flush nothing."""

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse.

        Raises ``NotImplementedError``: write through the app's own producer, whose deliveries are waited for.
        """
        raise NotImplementedError("write through the app's own producer")

    send_and_wait = send

    def supports_headers(self) -> bool:
        """Return True."""
        return True
