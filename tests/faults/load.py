"""Touchpoints that keep coming: what an installation has to do while something fails."""

import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from tests.reference.identity import scattered
from tests.support.stories import in_order, stories

__all__ = ["CUSTOMERS", "Load"]

CUSTOMERS = 400
"""How many stories are told side by side; each is of one or two customers."""

_AGO = timedelta(days=40 * 365)
_TURN = 0.05
_PATIENCE_MS = 600_000
_LINK = b'"identity.linked"'
_FAR = 40
"""By how many places a touchpoint comes too early or too late."""


class Load:
    """A producer in a thread of its own, `rate` records a second from `start` to `finish`, through whatever fails.

    The stories of some hundred customers in the order of their times, side by side, each touchpoint up to forty places off; one in twenty comes twice, one
    record in a hundred is no touchpoint. Where customers are ``linked``, one in four is under three keys, with links anywhere between; who has begun is
    linked in the end, for a journey under two customers has two scores of one name. Deadlines are long past by the wall clock, so at every pause the
    workers' heartbeats fire them, and what comes late takes findings back. With ``returning`` there are so many blocks of customers, who come again each
    forty days: longer than the rules remember, so that the state comes to rest.
    """

    def __init__(self, bootstrap: str, topic: str, rate: int, seed: int, returning: int = 0, *, linked: bool = True) -> None:
        self.rate = rate
        self.sent = 0
        self._topic = topic
        self._blocks = self._make(seed, returning, linked)
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            linger_ms=20,
            enable_idempotence=True,
            delivery_timeout_ms=_PATIENCE_MS,
            max_block_ms=_PATIENCE_MS,
        )
        self._sending: deque[Any] = deque()
        self._acknowledged: set[tuple[int, int]] = set()
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> set[tuple[int, int]]:
        """End, and return partition and offset of every record that the broker acknowledged: all of them."""
        self._finished.set()
        self._thread.join()
        self._producer.flush()
        self._producer.close()
        self._note_acknowledged(len(self._sending))
        return self._acknowledged

    def end(self) -> None:
        """End without waiting for anything: what was not acknowledged is nobody's."""
        self._finished.set()
        if self._thread.is_alive():
            self._thread.join(10)
        with suppress(KafkaError):
            self._producer.close(timeout=0)

    def _run(self) -> None:
        began = time.monotonic()
        for block in self._blocks:
            for key, value in block:
                while self.sent > (time.monotonic() - began) * self.rate:
                    if self._finished.wait(_TURN):
                        break
                if self._finished.is_set() and _LINK not in value:
                    continue
                self._sending.append(self._producer.send(self._topic, key=key, value=value))
                self.sent += 1
                while self._sending and self._sending[0].is_done:
                    self._note_acknowledged(1)
            if self._finished.is_set():
                return

    def _note_acknowledged(self, records: int) -> None:
        for _ in range(records):
            done = self._sending.popleft().get(0)
            self._acknowledged.add((done.partition, done.offset))

    @staticmethod
    def _make(seed: int, returning: int, linked: bool) -> Iterator[list[tuple[bytes, bytes]]]:
        chance = random.Random(seed)
        for number in range(1000):
            turn, block = divmod(number, returning) if returning else (0, number)
            first = (seed * 1000 + block) * CUSTOMERS
            told = stories(range(first, first + CUSTOMERS))
            if linked:
                told = _some_scattered(told, chance)
            if returning:
                told = [_moved(each, turn) for each in told]
            log = [each for each in told for _ in range(1 + (chance.random() < 0.05))]
            placed = sorted(enumerate(log), key=lambda each: each[0] + chance.uniform(0, _FAR))
            told_together: list[tuple[bytes, bytes]] = []
            for _, touchpoint in placed:
                key = f"{touchpoint.get('tenant', 'default')}/{touchpoint['customer']}".encode()
                value = json.dumps(touchpoint).encode()
                told_together.append((key, value))
                if chance.random() < 0.01:
                    told_together.append((key, value[: len(value) // 2]))
            yield told_together


def _some_scattered(told: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    whose = sorted({each["customer"] for each in told})
    known = set(chance.sample(whose, len(whose) * 3 // 4))
    return in_order([*(each for each in told if each["customer"] in known), *scattered([each for each in told if each["customer"] not in known], chance, 2)])


def _moved(touchpoint: dict[str, Any], turn: int) -> dict[str, Any]:
    """Return a touchpoint as it happens in a turn: the first one forty years ago, each of the others forty days after the one before."""
    by = timedelta(days=40 * turn) - _AGO
    moved = touchpoint | {"id": f"{touchpoint['id']}@{turn}", "time": (datetime.fromisoformat(touchpoint["time"]) + by).isoformat()}
    if "due" in touchpoint.get("data", {}):
        moved["data"] = touchpoint["data"] | {"due": (datetime.fromisoformat(touchpoint["data"]["due"]) + by).isoformat()}
    return moved
