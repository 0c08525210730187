"""Simulated traffic into Kafka, on a thread of its own."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

from streams.simulator import ContactCentre

__all__ = ["OPEN_SINCE", "Traffic"]

OPEN_SINCE = timedelta(minutes=7)
"""How long the contact centre has been open when the demonstration begins: long enough for customers to be passed around."""

_TRIED_FOR = 12
"""Seconds until a touchpoint that the broker does not take counts as lost, and the demonstration as failed."""


class Traffic:
    """Writes the touchpoints of ``centre`` to ``topic``, ``rate`` a second, from `start` to `stop`.

    What happened since the centre opened is written at once, the rest at its time. ``sent`` counts touchpoints, ``caught_up`` is set when the present is
    reached, ``failure`` tells why nothing is written any more.
    """

    def __init__(self, centre: ContactCentre, rate: float, bootstrap: str, topic: str) -> None:
        self.sent = 0
        self.caught_up = Event()
        self.failure = ""
        self._centre = centre
        self._rate = rate
        self._bootstrap = bootstrap
        self._topic = topic
        self._stop = Event()
        self._thread = Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(3 * _TRIED_FOR)

    def _run(self) -> None:
        from kafka import KafkaProducer
        from kafka.errors import KafkaError

        try:
            # The embedded broker knows no producer ids.
            producer = KafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id="seamwatch-demo",
                enable_idempotence=False,
                linger_ms=20,
                request_timeout_ms=_TRIED_FOR * 500,
                delivery_timeout_ms=_TRIED_FOR * 1000,
            )
            try:
                self._feed(producer)
            finally:
                # Longer than a record is tried: a producer that still holds some does not close, and says so when it is thrown away.
                with suppress(KafkaError):
                    producer.close(timeout=2 * _TRIED_FOR)
        except KafkaError as error:
            self._failed(error)
        finally:
            self.caught_up.set()

    def _feed(self, producer: Any) -> None:
        for delivery in self._centre.stream(datetime.now(UTC) - OPEN_SINCE, self._rate):
            ahead = (delivery.due - datetime.now(UTC)).total_seconds()
            if ahead > 0 and not self.caught_up.is_set():
                producer.flush(timeout=10)
                self.caught_up.set()
            if self._stop.wait(ahead) if ahead > 0 else self._stop.is_set():
                return
            touchpoint = delivery.touchpoint
            producer.send(
                self._topic,
                key=f"default/{touchpoint['customer']}".encode(),
                value=json.dumps(touchpoint, ensure_ascii=False).encode(),
            ).add_errback(self._failed)
            self.sent += 1

    def _failed(self, error: Exception) -> None:
        if not self._stop.is_set():
            self.failure = f"the broker at {self._bootstrap} takes no touchpoints: {type(error).__name__}"
            self._stop.set()
