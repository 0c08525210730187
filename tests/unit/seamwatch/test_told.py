"""Being told to end by signals."""

import signal
from threading import Event

import pytest

from seamwatch.demo import signals
from seamwatch.demo.signals import until_told
from seamwatch.told import set_from_handler


def test_a_signal_in_the_middle_of_waiting_does_not_stand_still() -> None:
    """A signal that comes while the main thread holds the event's lock, as in `Event.wait`, sets the event as soon as the lock is free."""

    def stands_still(*_: object) -> None:
        raise AssertionError("the handler waits for a lock that it holds itself")

    stop = Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: set_from_handler(stop)), signal.signal(signal.SIGALRM, stands_still)
    signal.alarm(10)
    try:
        with stop._cond:  # type: ignore[attr-defined]
            signal.raise_signal(signal.SIGUSR1)
            assert not stop.is_set()
        assert stop.wait(10)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGALRM, before[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_once_is_a_wish_and_twice_an_order(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same signal again within a second, as make hands it on, is the same wish; later it does what it did before the demonstration began."""
    clock, ordered = [5.0], []
    monkeypatch.setattr(signals, "monotonic", lambda: clock[0])
    before = signal.signal(number, lambda *_: ordered.append(clock[0]))
    try:
        with until_told() as stop:
            assert not stop.is_set()
            for at in (5.0, 5.0, 5.9):
                clock[0] = at
                signal.raise_signal(number)
                assert stop.wait(10)
            assert ordered == []
            clock[0] = 6.5
            signal.raise_signal(number)
            assert ordered == [6.5]
        signal.raise_signal(number)
        assert ordered == [6.5, 6.5]
    finally:
        signal.signal(number, before)
