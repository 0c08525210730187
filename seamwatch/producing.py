"""Files into Kafka: every record confirmed, and what is not counted by reason."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, BinaryIO, NamedTuple, Protocol

from models.dead_letter import DeadLetterReason
from models.touchpoint import Refusal, parse_touchpoint
from seamwatch.playback import SHOWN, Refused
from streams.sources import Source, Unmappable, Unreadable

__all__ = ["Pace", "Producing", "Sender"]

_IN_FLIGHT = 20_000


class Sender(Protocol):
    """What is needed of a Kafka producer."""

    def send(self, topic: str, *, key: bytes | None, value: bytes) -> Any:
        """Return a future with ``add_callback`` and ``add_errback``."""

    def flush(self) -> None:
        """Return when all is confirmed or has failed."""


class Pace:
    """When the next record may go: ``rate`` records a second, or ``speed`` times as fast as it happened."""

    def __init__(
        self,
        rate: float | None,
        speed: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._began: float | None = None
        self._first: float | None = None
        self._sent = 0

    def wait(self, moment: float | None) -> None:
        """Sleep until the next record is due; ``moment`` is when it happened, in seconds (None: unknown, it goes at once)."""
        if self._rate is None and self._speed is None:
            return
        if self._began is None:
            self._began = self._clock()
        due = 0.0
        if self._rate is not None:
            due = self._sent / self._rate
        elif self._speed is not None and moment is not None:
            if self._first is None:
                self._first = moment
            due = (moment - self._first) / self._speed
        self._sent += 1
        ahead = self._began + due - self._clock()
        if ahead > 0:
            self._sleep(ahead)


class _Record(NamedTuple):
    key: bytes | None
    value: bytes
    moment: float | None


@dataclass
class Producing:
    """Sends files to one topic.

    ``sent`` records were handed over, ``confirmed`` and ``failed`` tell what became of them (each with its reason),
    ``heartbeats`` were left out, ``unusual`` are sent though a worker will set them aside. Lines without tenant and
    customer are refused: `reasons` counts them, the first are in ``refused``.
    """

    sender: Sender
    topic: str
    source: Source
    pace: Pace
    lines: int = 0
    sent: int = 0
    confirmed: int = 0
    heartbeats: int = 0
    unusual: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @property
    def by_lines(self) -> bool:
        """Return whether a part of a file that ends with a line can be read alone."""
        mapping = getattr(self.source, "mapping", None)
        return mapping is None or mapping.format in _BY_LINES

    def send(self, file: str, stream: BinaryIO, progress: Callable[[int], None] = lambda lines: None) -> None:
        """Send all records of ``stream``; ``progress`` hears of every thousand lines.

        Raises `Unreadable`, naming ``file``, where it breaks off.
        """
        prepare = self._touchpoint if self.source.name == "touchpoints" else self._raw
        line = 0
        try:
            for line, raw in enumerate(self.source.read(stream), 1):
                if raw:
                    record = prepare(raw)
                    if isinstance(record, Refusal):
                        self._refuse(Refused(file, line, record.reason, record.detail))
                    elif record is not None:
                        self._hand_over(record)
                if line % 1000 == 0:
                    progress(1000)
        except Unreadable as error:
            raise Unreadable(f"{file}: {error}") from error
        finally:
            self.lines += line

    def finish(self) -> None:
        """Wait until each record that was sent is confirmed or has failed."""
        self.sender.flush()

    def _hand_over(self, record: _Record) -> None:
        self.pace.wait(record.moment)
        while self.sent - self.confirmed - self.failed.total() > _IN_FLIGHT:
            time.sleep(0.01)
        future = self.sender.send(self.topic, key=record.key, value=record.value)
        self.sent += 1
        future.add_callback(self._confirm)
        future.add_errback(self._fail)

    def _confirm(self, _: Any) -> None:
        with self._lock:
            self.confirmed += 1

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self.failed[type(error).__name__] += 1

    def _refuse(self, refused: Refused) -> None:
        self.reasons[refused.reason] += 1
        if len(self.refused) < SHOWN:
            self.refused.append(refused)

    def _touchpoint(self, raw: bytes) -> _Record | Refusal | None:
        touchpoint = parse_touchpoint(raw)
        if isinstance(touchpoint, Refusal):
            key = _key_of(raw) if touchpoint.reason not in _NEVER_SENT else None
            if key is None:
                return touchpoint
            self.unusual += 1
            return _Record(key, raw, None)
        if touchpoint.type == "heartbeat":
            self.heartbeats += 1
            return None
        return _Record(f"{touchpoint.tenant}/{touchpoint.customer}".encode(), raw, touchpoint.time.timestamp())

    def _raw(self, raw: bytes) -> _Record:
        """Key a raw record by the customer that it becomes, so that one customer keeps one partition."""
        try:
            mapped = self.source.map(raw)
        except Unmappable:
            mapped = []
        for each in mapped:
            touchpoint = parse_touchpoint(each)
            if not isinstance(touchpoint, Refusal) and touchpoint.type != "heartbeat":
                key = f"{touchpoint.tenant}/{touchpoint.customer}".encode()
                return _Record(key, raw, touchpoint.time.timestamp())
        self.unusual += 1
        return _Record(None, raw, None)


_BY_LINES = frozenset({"json", "form", "lines", "cloudevents"})
_NEVER_SENT = frozenset({DeadLetterReason.RAW_IDENTIFIER, DeadLetterReason.TOO_LARGE, DeadLetterReason.EMPTY_VALUE})


def _key_of(raw: bytes) -> bytes | None:
    """Return the key of a line that is no touchpoint and yet names tenant and customer: the worker says what is wrong with it."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    probe = {
        "id": "probe",
        "source": "probe",
        "type": "customer.forgotten",
        "time": "2026-01-01T00:00:00Z",
        "channel": "web",
    }
    names = {name: body[name] for name in ("tenant", "customer") if name in body}
    touchpoint = parse_touchpoint(json.dumps(probe | names | {"actor": {"kind": "system"}}).encode())
    if isinstance(touchpoint, Refusal):
        return None
    return f"{touchpoint.tenant}/{touchpoint.customer}".encode()
