"""The bytes of dead letters: read from their topic, masked for people, and written back where they came from."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from kafka import KafkaProducer, TopicPartition

from config.settings import Settings
from seamwatch.broker import connection, reading, topics_of_others
from seamwatch.errors import Failed
from sinks.dead_letters import Letter
from streams.dead_letters import HEADER
from streams.topics import Topics

__all__ = ["Refused", "Replaying", "masked", "read_letters"]

_PATIENCE = 30.0
_BOOTSTRAP = 10_000
_DELIVERY = 60_000
_BIG = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,63}")
_ITEMS = 5
_DEPTH = 12


class Refused(NamedTuple):
    """A refused record as it was: ``whole`` is False where a part of it was too large to be kept."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    whole: bool


def read_letters(settings: Settings, letters: Iterable[Letter]) -> dict[Letter, Refused]:
    """Return the records of ``letters``; those that Kafka holds no more are left out.

    Raises `Failed` where Kafka does not give them.
    """
    wanted: defaultdict[TopicPartition, dict[int, Letter]] = defaultdict(dict)
    for letter in letters:
        wanted[TopicPartition(letter.letter_topic, letter.letter_partition)][letter.letter_offset] = letter
    found: dict[Letter, Refused] = {}
    with reading(connection(settings), "seamwatch-dead-letters", _BOOTSTRAP) as consumer:
        starts, ends = consumer.beginning_offsets(list(wanted)), consumer.end_offsets(list(wanted))
        for tp, places in wanted.items():
            first = max(min(places), starts[tp])
            last = min(max(places), ends[tp] - 1)
            if first > last:
                continue
            consumer.assign([tp])
            consumer.seek(tp, first)
            deadline = monotonic() + _PATIENCE
            while consumer.position(tp) <= last:
                for record in consumer.poll(500).get(tp, ()):
                    deadline = monotonic() + _PATIENCE
                    if record.offset in places:
                        found[places[record.offset]] = _refused(record)
                if monotonic() > deadline:
                    raise Failed(f"{tp.topic}: no record for {_PATIENCE:.0f} s; look at the broker")
    return found


def _refused(record: Any) -> Refused:
    about = dict(record.headers)
    own = [(name.removeprefix(HEADER), value) for name, value in record.headers if name.startswith(HEADER)]
    whole = not about.keys() & {"truncated", "key_truncated", "headers_truncated"}
    return Refused(about.get("key"), record.value, own, whole)


class Replaying:
    """Writes refused records back to their topics: ``written`` so far, ``left`` by the reason why not."""

    def __init__(self, settings: Settings, mark: Callable[[Sequence[Letter]], None]) -> None:
        """Take the settings, and what notes in the database that letters are in their topics again."""
        self._settings = settings
        self._own = {topic: Topics(settings.prefix).raw(source) for source, topic in topics_of_others(settings).items()}
        self._mark = mark
        self._producer: Any = None
        self.written = 0
        self.left: Counter[str] = Counter()

    def __enter__(self) -> "Replaying":
        self._producer = KafkaProducer(
            **connection(self._settings),
            client_id="seamwatch-dead-letters",
            acks="all",
            enable_idempotence=True,
            linger_ms=20,
            max_request_size=_BIG,
            bootstrap_timeout_ms=_BOOTSTRAP,
            max_block_ms=_BOOTSTRAP,
            delivery_timeout_ms=_DELIVERY,
            allow_auto_create_topics=False,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close(timeout=10)

    def write(self, letters: Sequence[Letter]) -> None:
        """Write ``letters`` back, each to its partition, and mark them when all are confirmed.

        What is marked is in its topic; what was written and not marked, because this program ended in between, is written again by the next one, and
        counts once: what is mapped from it has the same ids. Raises ``KafkaError`` where one is not confirmed.
        """
        found = read_letters(self._settings, letters)
        sent = []
        for letter in letters:
            refused = found.get(letter)
            if refused is None:
                self.left["no longer kept"] += 1
            elif not refused.whole:
                self.left["too large to be kept whole"] += 1
            else:
                # What came from a topic of others goes to our own of that source: they are not the only ones who read theirs.
                own = self._own.get(letter.topic)
                future = self._producer.send(
                    own or letter.topic,
                    key=refused.key,
                    value=refused.value,
                    headers=list(refused.headers),
                    partition=None if own else letter.partition,
                )
                sent.append((letter, future))
        self._producer.flush()
        for _, future in sent:
            future.get(0)
        if sent:
            self._mark([letter for letter, _ in sent])
        self.written += len(sent)


def masked(refused: Refused) -> dict[str, Any]:
    """Return what may be shown of a record: its structure, with values as kinds and lengths."""
    return {
        "key": None if refused.key is None else f"{len(refused.key)} bytes",
        "headers": {_name(name): f"{len(value)} bytes" for name, value in refused.headers},
        "value": _shape(refused.value),
        "whole": refused.whole,
    }


def _shape(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return _masked(json.loads(value), _DEPTH)
    except (ValueError, RecursionError):
        return f"{len(value)} bytes that are no JSON"


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_name(name): _masked(each, depth - 1) for name, each in value.items()} if depth else "…"
    if isinstance(value, list):
        shown = [_masked(each, depth - 1) for each in value[:_ITEMS]] if depth else []
        return [*shown, f"… {len(value)} in all"] if len(value) > len(shown) else shown
    if isinstance(value, str):
        return f"text of {len(value)}" if value else ""
    return value if value is None or isinstance(value, bool) else "number"


def _name(name: str) -> str:
    """Return a key that reads as one; what else stands in its place may be somebody's."""
    return name if _NAME.fullmatch(name) else f"key of {len(name)}"
