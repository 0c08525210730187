"""What a signal's handler may do to an event that the program waits for."""

from _thread import start_new_thread
from threading import Event

__all__ = ["set_from_handler"]


def set_from_handler(event: Event) -> None:
    """Set an event from a signal's handler.

    A handler runs on the main thread, in the middle of whatever it does: where that has just taken the event's lock to wait for it,
    ``event.set()`` would wait for that lock for ever. Another thread can wait for it.
    """
    start_new_thread(event.set, ())
