"""What the live screen shows, read where everybody can read it: the database and the metrics port."""

from collections import Counter, defaultdict, deque
from http.client import HTTPConnection, HTTPException
from time import monotonic, time_ns
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, func, select

from agents.engine import CONSISTENCY
from models.alert import Alert
from models.finding import Finding, seam_sides
from models.tables import alerts, findings
from seamwatch.live_view import Bar, Shown
from seamwatch.worker import decayed
from sinks.alerts import list_alerts, show_alert
from sinks.errors import database_errors
from sinks.scores import entity_scores

__all__ = ["Found", "Observatory", "Progress", "WorkerFigures"]

_HOUR = 3600
_WORST = 8
_WINDOW = 10.0


class Found(NamedTuple):
    """Findings: standing ones by detector, and how many were taken back; alerts that were ever opened."""

    detectors: Counter[str]
    withdrawn: int
    alerts: int


class Observatory:
    """Reads alerts, findings and scores from the database; what an alert rests on only when the alert has changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[int, Finding | None]] = {}

    def newest(self, most: int) -> list[Shown]:
        """Return the alerts that wait for somebody, those with the newest finding first."""
        shown = [self.look(alert) for alert in list_alerts(self._engine, limit=most)]
        self._known = {each.alert.key: self._known[each.alert.key] for each in shown}
        return shown

    def look(self, alert: Alert) -> Shown:
        """Return an alert with its newest finding that counts."""
        known = self._known.get(alert.key)
        if known is None or known[0] != alert.version:
            known = self._known[alert.key] = alert.version, self._finding(alert.key)
        return Shown(alert, known[1])

    def found(self) -> Found:
        """Count findings and alerts."""
        by_detector = select(findings.c.detector, findings.c.withdrawn, func.count()).group_by("detector", "withdrawn")
        with database_errors(self._engine), self._engine.connect() as connection:
            rows = connection.execute(by_detector).all()
            opened = connection.execute(select(func.count()).select_from(alerts)).scalar_one()
        standing = Counter({detector: number for detector, withdrawn, number in rows if not withdrawn})
        return Found(standing, sum(number for _, withdrawn, number in rows if withdrawn), opened)

    def worst(self, scope: str) -> list[Bar]:
        """Return the lowest consistency of a scope as of now, of the half-life of an hour; the worst has the longest bar."""
        now, scores = time_ns() // 1000, entity_scores(self._engine, score=CONSISTENCY, scope=scope, half_life=_HOUR)
        values = [(value, score.name) for score in scores if (value := decayed(score, now)) is not None]
        worst = sorted(values)[:_WORST]
        lost = max(100 - worst[0][0], 0.1) if worst else 1.0
        return [Bar(_shortened(name), (100 - value) / lost, f"{value:.1f}") for value, name in worst]

    def _finding(self, key: str) -> Finding | None:
        details = show_alert(self._engine, key, limit=20)
        standing = [each for each in details.findings if not each.withdrawn] if details else []
        heard = [
            each for each in standing if each.explained_by is None and each.severity != "info" and each.rule.mode == "on"
        ]
        return next(iter(heard or standing), None)


class Progress(NamedTuple):
    """How far the worker is: touchpoints watched, records that wait, seconds from broker to database of late (None: nothing was stored)."""

    watched: int
    lag: int
    latency: float | None
    rate: float


class WorkerFigures:
    """Reads a worker's metrics port."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._past: deque[tuple[float, float, float, float]] = deque()

    def read(self) -> Progress | None:
        """Return the figures, None where the port does not answer."""
        text = self._fetch()
        if text is None:
            return None
        sums: defaultdict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name.startswith("seamwatch_"):
                    sums[sample.name.removeprefix("seamwatch_")] += sample.value
        watched = sums["touchpoints_total"]
        latency, stored = sums["end_to_end_latency_seconds_sum"], sums["end_to_end_latency_seconds_count"]
        now = monotonic()
        self._past.append((now, watched, latency, stored))
        while len(self._past) > 2 and now - self._past[0][0] > _WINDOW:
            self._past.popleft()
        then, watched_then, latency_then, stored_then = self._past[0]
        return Progress(
            watched=int(watched),
            lag=int(sums["consumer_lag_records"]),
            latency=(latency - latency_then) / (stored - stored_then) if stored > stored_then else None,
            rate=(watched - watched_then) / (now - then) if now > then else 0.0,
        )

    def _fetch(self) -> str | None:
        connection = HTTPConnection(*self._address, timeout=2)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()


def _shortened(name: str) -> str:
    return " -> ".join(side.removeprefix("team:").removeprefix("channel:") for side in seam_sides(name) if side)
