"""Every metric: its name, what it means, its labels and unit; and the one object that the program feeds.

Names begin with ``seamwatch_``. Units are base units, labels are bounded and never name a customer, a contact or a
person.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import groupby, product
from platform import python_version
from threading import Lock
from time import monotonic, time_ns
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from models.alert import Resolution
from models.dead_letter import DeadLetterReason
from models.finding import Severity
from models.score import Score
from sinks.alerts import UNRESOLVED
from sinks.records import TopicKind

__all__ = ["DEFINITIONS", "WORST", "Definition", "Metrics"]

# A second series for each one, with a time that nobody asks for. The switch is the library's, for the whole process.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library declares no types here

WORST = {"tenant": 1000, "brand": 1000, "channel": 1000, "team": 100, "seam": 100, "partner": 100}
"""How many of each scope the score metric shows at most, for one kind of score and one half-life: those with the
lowest scores.
"""

_PREFIX = "seamwatch_"
_MOST_SOURCES = 100
_OTHER = "other"
_TOUCHPOINTS = ".touchpoints"
_OUTCOMES = ("delivered", "failed", "refused", "given_up", "superseded", "resent", "not_resent")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric. ``name`` is without prefix; ``buckets`` are the upper bounds of a histogram."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """Return the name that a query asks for."""
        return _PREFIX + self.name


TOUCHPOINTS = Definition(
    "touchpoints_total",
    "counter",
    "touchpoints",
    "Touchpoints that were accepted; sources after the first 100 are `other`.",
    ("source", "type"),
)
RECORDS = Definition(
    "records_total",
    "counter",
    "records",
    "Records that were read and handled to their end, heartbeats and what was refused among them.",
    ("topic",),
)
DUPLICATES = Definition(
    "duplicates_total",
    "counter",
    "touchpoints",
    "Touchpoints that had come before, with the same content or with other content than the one that counts.",
    ("content",),
)
UNKNOWN_KEYS = Definition("unknown_keys_total", "counter", "keys", "Keys of accepted touchpoints that are not known.")
MISPLACED = Definition(
    "misplaced_records_total",
    "counter",
    "records",
    "Touchpoints in another partition than that of their key, which were sent there: somebody writes with another partitioner.",
)
FINDINGS = Definition(
    "findings_total", "counter", "findings", "Findings when they are first made.", ("detector", "reason", "severity")
)
WITHDRAWN = Definition(
    "findings_withdrawn_total",
    "counter",
    "findings",
    "Findings taken back, because a late touchpoint showed otherwise.",
    ("detector",),
)
UNWATCHED = Definition(
    "unwatched_touchpoints_total",
    "counter",
    "touchpoints",
    "Touchpoints that were only counted: of a customer with more in an hour than one can have, of an id that the rules list as nobody's, or from before a "
    "customer was forgotten.",
    ("reason",),
)
DEAD_LETTERS = Definition(
    "dead_letters_total", "counter", "records", "Records that could not be used and were set aside.", ("reason",)
)
UNREAD = Definition(
    "unread_messages_total",
    "counter",
    "messages",
    "Messages that were not read, or not to their end: longer than is read, or in a language that nobody configured.",
    ("reason",),
)
MALFORMED = Definition(
    "sink_malformed_total",
    "counter",
    "records",
    "Records that the sinks left out, because they are not what their topic holds.",
    ("topic",),
)
SCORE = Definition(
    "consistency_score",
    "gauge",
    "0 to 100",
    "Scores decayed to now: tenants, brands and channels, the 100 worst teams, seams and partners. `half_life` is in seconds.",
    ("tenant", "score", "scope", "name", "half_life"),
)
ALERTS = Definition(
    "alerts_waiting",
    "gauge",
    "alerts",
    "Alerts that are not resolved, as the database holds them: every worker that stores shows the same.",
    ("state", "severity"),
)
RESOLVED = Definition(
    "alerts_resolved",
    "gauge",
    "alerts",
    "Resolved alerts that changed last within 24 hours, by why they are, as the database holds them.",
    ("resolution",),
)
DETECTION = Definition(
    "detection_latency_seconds",
    "histogram",
    "seconds",
    "From reading a batch of records to the delivery of its findings.",
    buckets=_SECONDS,
)
END_TO_END = Definition(
    "end_to_end_latency_seconds",
    "histogram",
    "seconds",
    "From the broker's timestamp of a finding's record to its row in the database.",
    buckets=_SECONDS,
)
PULSES_SENT = Definition(
    "pulses_sent_total", "counter", "pulses", "Pulses that were written to the touchpoints; none unless `SEAMWATCH_PULSE_EVERY` is set."
)
PULSE = Definition(
    "pulse_seconds",
    "histogram",
    "seconds",
    "From sending a pulse, through touchpoints, engine and findings, to the transaction that stored it.",
    buckets=_SECONDS,
)
EVENT_TIME_LAG = Definition(
    "event_time_lag_seconds", "gauge", "seconds", "How far a partition's clock is behind the present.", ("partition",)
)
LAG = Definition(
    "consumer_lag_records",
    "gauge",
    "records",
    "Records of an owned partition that are not handled yet.",
    ("topic", "partition"),
)
COMMIT_AGE = Definition(
    "commit_age_seconds",
    "gauge",
    "seconds",
    "How long the oldest handled batch has waited for its commit; 0 where none waits.",
)
STATE_ROWS = Definition("state_rows", "gauge", "rows", "Customers in the state of the owned partitions.")
STATE_BYTES = Definition("state_bytes", "gauge", "bytes", "Size of the state of the owned partitions, encoded.")
RECOVERY = Definition(
    "recovery_seconds",
    "histogram",
    "seconds",
    "How long it took to rebuild a partition's state.",
    buckets=(0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
TIMERS = Definition("timers_pending", "gauge", "deadlines", "Deadlines that the owned partitions wait for.")
BACKLOG = Definition(
    "sink_backlog_seconds",
    "gauge",
    "seconds",
    "How long the oldest batch has waited to be written; 0 where none waits.",
)
PAUSED = Definition("topic_paused", "gauge", "0 or 1", "Whether a raw topic is paused for its bad records.", ("topic",))
BATCH = Definition(
    "batch_seconds",
    "histogram",
    "seconds",
    "How long a batch took, from being handed over to being done.",
    buckets=_SECONDS,
)
REQUESTS = Definition(
    "ingest_requests_total",
    "counter",
    "requests",
    "Records posted by HTTP: `accepted` when Kafka has it, else the rule that was broken. `source` is empty where there is no such door.",
    ("source", "outcome"),
)
REQUEST_SECONDS = Definition(
    "ingest_request_seconds",
    "histogram",
    "seconds",
    "From the head of an accepted request to Kafka's confirmation.",
    buckets=_SECONDS,
)
REQUEST_BYTES = Definition(
    "ingest_held_bytes", "gauge", "bytes", "Bodies of requests that are being read, or written to Kafka."
)
DELIVERIES = Definition(
    "deliveries_total",
    "counter",
    "deliveries",
    "What became of tries to tell receivers: `delivered`, `failed` (tried again later), `refused` and `given_up` (dead until somebody replays them), "
    "`superseded` by a newer one before it arrived; of open alerts that Alertmanager is told of again: `resent`, `not_resent`.",
    ("receiver", "outcome"),
)
WAITING = Definition("deliveries_waiting", "gauge", "deliveries", "Deliveries that have not arrived yet and will be tried.", ("receiver",))
WAITING_AGE = Definition(
    "deliveries_waiting_seconds", "gauge", "seconds", "How long the oldest delivery of a receiver has waited; 0 where none waits.", ("receiver",)
)
CIRCUIT = Definition("delivery_circuit_open", "gauge", "0 or 1", "Whether a receiver is left alone, because tries failed one after the other.", ("receiver",))
DELIVERED_AFTER = Definition(
    "delivery_seconds",
    "histogram",
    "seconds",
    "From a delivery's row to the receiver's answer, of those that arrived.",
    buckets=(*_SECONDS, 3600, 86400),
)
READY = Definition(
    "ready", "gauge", "0 or 1", "Whether the worker does all of its work now; `/readyz` says why it does not."
)
BUILD = Definition("build_info", "gauge", "1", "The program's version and that of Python.", ("version", "python"))

DEFINITIONS = (
    TOUCHPOINTS,
    RECORDS,
    DUPLICATES,
    UNKNOWN_KEYS,
    MISPLACED,
    UNWATCHED,
    FINDINGS,
    WITHDRAWN,
    DEAD_LETTERS,
    UNREAD,
    MALFORMED,
    SCORE,
    ALERTS,
    RESOLVED,
    DETECTION,
    END_TO_END,
    PULSES_SENT,
    PULSE,
    EVENT_TIME_LAG,
    LAG,
    COMMIT_AGE,
    STATE_ROWS,
    STATE_BYTES,
    RECOVERY,
    TIMERS,
    BACKLOG,
    PAUSED,
    BATCH,
    REQUESTS,
    REQUEST_SECONDS,
    REQUEST_BYTES,
    DELIVERIES,
    WAITING,
    WAITING_AGE,
    CIRCUIT,
    DELIVERED_AFTER,
    READY,
    BUILD,
)


class Metrics:
    """The metrics of one process, in a registry of their own. Methods are called once a batch or once a second, from
    any thread.
    """

    def __init__(
        self,
        version: str,
        decay: Callable[[Score, int], float | None],
        *,
        clock: Callable[[], int] = lambda: time_ns() // 1000,
    ) -> None:
        """Take the program's version, and a function that gives a score's value at a moment (microseconds UTC; None:
        nothing is left of it).
        """
        self.registry = CollectorRegistry()
        self._touchpoints = self._counter(TOUCHPOINTS)
        self._records = self._counter(RECORDS)
        self._duplicates = self._counter(DUPLICATES)
        self._unknown_keys = self._counter(UNKNOWN_KEYS)
        self._misplaced = self._counter(MISPLACED)
        self._unwatched = self._counter(UNWATCHED)
        self._findings = self._counter(FINDINGS)
        self._withdrawn = self._counter(WITHDRAWN)
        self._dead_letters = self._counter(DEAD_LETTERS)
        self._unread = self._counter(UNREAD)
        self._malformed = self._counter(MALFORMED)
        # From the start, so that the first one is an increase, too.
        for reason in DeadLetterReason:
            self._dead_letters.labels(reason.value)
        for kind in TopicKind:
            self._malformed.labels(kind.value)
        self._alerts = self._gauge(ALERTS)
        self._resolved = self._gauge(RESOLVED)
        self._detection = self._histogram(DETECTION)
        self._end_to_end = self._histogram(END_TO_END)
        self._pulses_sent = self._counter(PULSES_SENT)
        self._pulse = self._histogram(PULSE)
        self._event_time_lag = self._gauge(EVENT_TIME_LAG)
        self._lag = self._gauge(LAG)
        self._state_rows = self._gauge(STATE_ROWS)
        self._state_bytes = self._gauge(STATE_BYTES)
        self._recovery = self._histogram(RECOVERY)
        self._timers = self._gauge(TIMERS)
        self._paused = self._gauge(PAUSED)
        self._batch = self._histogram(BATCH)
        self._requests = self._counter(REQUESTS)
        self._request_seconds = self._histogram(REQUEST_SECONDS)
        self._request_bytes = self._gauge(REQUEST_BYTES)
        self._deliveries = self._counter(DELIVERIES)
        self._waiting = self._gauge(WAITING)
        self._waiting_age = self._gauge(WAITING_AGE)
        self._circuit = self._gauge(CIRCUIT)
        self._delivered_after = self._histogram(DELIVERED_AFTER)
        self._ready = self._gauge(READY)
        self._gauge(BUILD).labels(version, python_version()).set(1)
        self._commit_age, self._backlog = _Age(), _Age()
        self._gauge(COMMIT_AGE).set_function(self._commit_age.now)
        self._gauge(BACKLOG).set_function(self._backlog.now)
        self._scores = _WorstScores(decay, clock)
        self.registry.register(self._scores)
        ProcessCollector(registry=self.registry)
        self._lock = Lock()
        self._sources: set[str] = set()
        self._state: dict[int, tuple[int, int, int]] = {}
        self._lagging: dict[str, set[int]] = {}

    def watches(self, detectors: Iterable[str], unwatched: Iterable[str]) -> None:
        """Show from the start what a worker that watches seldom counts: findings taken back by detector, touchpoints that are only counted by reason.

        So that 0 is told from nobody who counts, and the first one is an increase, too; the same holds for `reads` and `door`.
        """
        for detector in detectors:
            self._withdrawn.labels(detector)
        for reason in unwatched:
            self._unwatched.labels(reason)

    def reads(self, unread: Iterable[str]) -> None:
        """Show from the start why messages are not read, of a worker that reads them."""
        for reason in unread:
            self._unread.labels(reason)

    def door(self, source: str, outcomes: Iterable[str]) -> None:
        """Show an open door from the start, with these outcomes."""
        for outcome in outcomes:
            self._requests.labels(source, outcome)

    def touchpoints(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Add accepted touchpoints by (source, type)."""
        for (source, kind), count in counts.items():
            self._touchpoints.labels(self._bounded(source), kind).inc(count)

    def duplicates(self, *, same: int, other: int) -> None:
        """Add touchpoints that had come before, with the ``same`` content and with ``other`` content."""
        self._duplicates.labels("same").inc(same)
        self._duplicates.labels("other").inc(other)

    def unknown_keys(self, count: int) -> None:
        """Add keys that are not known."""
        self._unknown_keys.inc(count)

    def misplaced(self, count: int) -> None:
        """Add records that were sent to their own partition."""
        self._misplaced.inc(count)

    def unwatched(self, counts: Mapping[str, int]) -> None:
        """Add touchpoints that were only counted, by reason (``flood``, ``not_a_customer``, ``forgotten``)."""
        for reason, count in counts.items():
            self._unwatched.labels(reason).inc(count)

    def findings(self, counts: Mapping[tuple[str, str, str], int]) -> None:
        """Add new findings by (detector, reason, severity)."""
        for labels, count in counts.items():
            self._findings.labels(*labels).inc(count)

    def withdrawn(self, counts: Mapping[str, int]) -> None:
        """Add withdrawn findings by detector."""
        for detector, count in counts.items():
            self._withdrawn.labels(detector).inc(count)

    def dead_letters(self, counts: Mapping[str, int]) -> None:
        """Add refused records by reason."""
        for reason, count in counts.items():
            self._dead_letters.labels(reason).inc(count)

    def unread(self, counts: Mapping[str, int]) -> None:
        """Add messages that were not read to their end, by reason."""
        for reason, count in counts.items():
            self._unread.labels(reason).inc(count)

    def malformed(self, counts: Mapping[str, int]) -> None:
        """Add records that the sinks left out, by kind of topic."""
        for topic, count in counts.items():
            self._malformed.labels(str(topic)).inc(count)

    def scores(self, scores: Iterable[Score]) -> None:
        """Replace the scores that are shown by those of all entities as the database holds them."""
        self._scores.replace(scores)

    def alerts(self, waiting: Mapping[tuple[str, str], int], resolved: Mapping[str, int]) -> None:
        """Replace the numbers of alerts: those that wait by (state, severity), those resolved of late by why."""
        for state, severity in product(sorted(UNRESOLVED), get_args(Severity)):
            self._alerts.labels(state, severity).set(waiting.get((state, severity), 0))
        for resolution in Resolution:
            self._resolved.labels(resolution.value).set(resolved.get(resolution, 0))

    def readiness(self, ready: Callable[[], bool]) -> None:
        """Take what tells, at each scrape, whether the worker is ready."""
        self._ready.set_function(ready)

    def state(self, partition: int, *, rows: int, size: int, timers: int) -> None:
        """Set what a partition holds: rows, their bytes, pending deadlines."""
        with self._lock:
            self._state[partition] = rows, size, timers
            self._sum_state()

    def event_time_lag(self, partition: int, seconds: float) -> None:
        """Set how far a partition's clock is behind the present."""
        self._event_time_lag.labels(str(partition)).set(seconds)

    def end_to_end_latency(self, seconds: Sequence[float]) -> None:
        """Add the latencies of a batch of findings, from the broker to the database."""
        for value in seconds:
            self._end_to_end.observe(value)

    def pulses_sent(self, number: int) -> None:
        """Add pulses that were sent."""
        self._pulses_sent.inc(number)

    def pulses(self, seconds: Sequence[float]) -> None:
        """Add the latencies of pulses that were stored."""
        for value in seconds:
            self._pulse.observe(value)

    def batch_done(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """Add a handled batch."""
        self._batch.observe(seconds)
        self._records.labels(topic).inc(records)

    def findings_delivered(self, partition: int, seconds: float) -> None:
        """Add a batch whose findings are delivered, ``seconds`` after its records were read."""
        self._detection.observe(seconds)

    def committed(self, topic: str, partition: int, offset: int) -> None:
        """Take note of a commit: how late commits are is told by `commit_age`."""

    def commit_age(self, seconds: float) -> None:
        """Set how long the oldest handled batch has waited for its commit; it grows by itself until it is set again."""
        self._commit_age.set(seconds)

    def recovered(self, partition: int, rows: int, seconds: float) -> None:
        """Add a partition whose state was rebuilt."""
        self._recovery.observe(seconds)

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Set how many records of an owned partition are not handled yet."""
        self._lag.labels(topic, str(partition)).set(records)
        self._records.labels(topic)  # from the start: what stands still is seen by it

    def lags(self, topic: str, owned: Mapping[int, int]) -> None:
        """Set how many records of each owned partition of a topic are not handled yet; figures of partitions that were owned before go."""
        for partition in self._lagging.get(topic, set()) - owned.keys():
            self.released(topic, partition)
        self._lagging[topic] = set(owned)
        for partition, records in owned.items():
            self.lag(topic, partition, records)

    def released(self, topic: str, partition: int) -> None:
        """Drop the figures of a partition that is no longer owned."""
        _drop(self._lag, topic, str(partition))
        if topic.endswith(_TOUCHPOINTS):
            _drop(self._event_time_lag, str(partition))
            with self._lock:
                self._state.pop(partition, None)
                self._sum_state()

    def sink_backlog(self, seconds: float) -> None:
        """Set how long the oldest batch has waited to be written; it grows by itself until it is set again."""
        self._backlog.set(seconds)

    def paused(self, topic: str, paused: bool) -> None:
        """Set whether a raw topic is paused."""
        self._paused.labels(topic).set(paused)

    def request_answered(self, source: str, outcome: str, seconds: float) -> None:
        """Add an answered request of the way in by HTTP."""
        self._requests.labels(source, outcome).inc()
        if outcome == "accepted":
            self._request_seconds.observe(seconds)

    def request_bytes(self, held: int) -> None:
        """Set how many bytes of bodies are held."""
        self._request_bytes.set(held)

    def receiver(self, name: str) -> None:
        """Show a receiver from the start, so that its first failure is an increase, too."""
        for outcome in _OUTCOMES:
            self._deliveries.labels(name, outcome)
        self.waiting_deliveries(name, 0, 0.0)
        self.circuit(name, False)

    def deliveries(self, receiver: str, outcome: str, number: int = 1) -> None:
        """Add deliveries by what became of them."""
        self._deliveries.labels(receiver, outcome).inc(number)

    def waiting_deliveries(self, receiver: str, number: int, age: float) -> None:
        """Set how many deliveries wait, and how many seconds the oldest has."""
        self._waiting.labels(receiver).set(number)
        self._waiting_age.labels(receiver).set(age)

    def circuit(self, receiver: str, open_: bool) -> None:
        """Set whether a receiver is left alone."""
        self._circuit.labels(receiver).set(open_)

    def delivered_after(self, seconds: float) -> None:
        """Add a delivery that arrived so long after it was to be made."""
        self._delivered_after.observe(seconds)

    def _sum_state(self) -> None:
        sums = [sum(column) for column in zip(*self._state.values(), strict=True)] or [0, 0, 0]
        for gauge, value in zip((self._state_rows, self._state_bytes, self._timers), sums, strict=True):
            gauge.set(value)

    def _bounded(self, source: str) -> str:
        with self._lock:
            if source not in self._sources:
                if len(self._sources) >= _MOST_SOURCES:
                    return _OTHER
                self._sources.add(source)
        return source

    def _counter(self, definition: Definition) -> Counter:
        return Counter(definition.full_name, definition.help, definition.labels, registry=self.registry)

    def _gauge(self, definition: Definition) -> Gauge:
        return Gauge(definition.full_name, definition.help, definition.labels, registry=self.registry)

    def _histogram(self, definition: Definition) -> Histogram:
        return Histogram(
            definition.full_name, definition.help, definition.labels, buckets=definition.buckets, registry=self.registry
        )


class _Age:
    """Seconds that something has waited; goes on by itself, so that a program that stands still shows it."""

    def __init__(self) -> None:
        self._since: float | None = None

    def set(self, seconds: float) -> None:
        self._since = monotonic() - seconds if seconds > 0 else None

    def now(self) -> float:
        since = self._since
        return 0.0 if since is None else monotonic() - since


class _WorstScores(Collector):
    """The scores of entities, decayed to the moment of the scrape, the lowest of each scope."""

    def __init__(self, decay: Callable[[Score, int], float | None], clock: Callable[[], int]) -> None:
        self._decay = decay
        self._clock = clock
        self._scores: Sequence[Score] = ()

    def replace(self, scores: Iterable[Score]) -> None:
        self._scores = sorted((score for score in scores if score.scope in WORST), key=_group)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [self._family()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = self._family()
        now = self._clock()
        for (scope, _, _), members in groupby(self._scores, key=_group):
            valued = [(value, score) for score in members if (value := self._decay(score, now)) is not None]
            for value, score in nsmallest(WORST[scope], valued, key=lambda pair: pair[0]):
                family.add_metric([score.tenant, score.score, score.scope, score.name, str(score.half_life)], value)
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily(SCORE.full_name, SCORE.help, labels=SCORE.labels)


def _group(score: Score) -> tuple[str, str, int]:
    return score.scope, score.score, score.half_life


def _drop(gauge: Gauge, *labels: str) -> None:
    gauge.labels(*labels)  # the library's remove() fails where there is none
    gauge.remove(*labels)
