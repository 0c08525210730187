"""The corridor: which touchpoints follow which, where findings pile up, and the two faces of a team.

Volumes come from the role `insight`, findings from the counts by day that `sinks.insights.refresh` brings up to date.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from models.finding import Severity
from models.tables import day_counts, finding_days, place_days, place_hits
from sinks.errors import database_errors
from sinks.insights import Period

__all__ = ["Corridor", "Face", "Faces", "Move", "Place", "Snarl", "consistency", "corridor", "faces", "snarls", "wilson"]

_CONFIDENCE = 0.95


@dataclass(slots=True)
class Place:
    """A touchpoint of the corridor: ``voice/billing``, or a channel where customers serve themselves.

    ``visits`` counts arrivals, ``hits`` the contacts that had findings there, ``findings`` these.
    """

    name: str
    visits: int = 0
    hits: int = 0
    findings: int = 0
    harm: float = 0.0
    detectors: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Move:
    """From one place to the next (``before`` empty: a journey begins there); ``findings`` are those at the seam between the two teams or channels."""

    before: str
    after: str
    count: int
    findings: int = 0


@dataclass(slots=True)
class Corridor:
    """All places and moves of a period; ``late`` counts touchpoints that came too late to be placed."""

    places: dict[str, Place]
    moves: list[Move]
    late: int


@dataclass(slots=True)
class Snarl:
    """A place where findings pile up: ``rate`` of the visits were hit, ``low``..``high`` its interval, ``elsewhere`` the rate of all other places."""

    place: Place
    rate: float
    low: float
    high: float
    elsewhere: float


@dataclass(slots=True)
class Face:
    """How a team did in contacts that sell, or in all others; ``score`` None: there were none."""

    visits: int = 0
    findings: int = 0
    harm: float = 0.0
    score: float | None = None


@dataclass(slots=True)
class Faces:
    """A team's two faces; ``lag`` is how far service lies behind sales, in points."""

    team: str
    sales: Face = field(default_factory=Face)
    service: Face = field(default_factory=Face)

    @property
    def lag(self) -> float | None:
        """Return None where one of the two has no visits."""
        return None if self.sales.score is None or self.service.score is None else self.sales.score - self.service.score


def wilson(hits: int, visits: int, confidence: float = _CONFIDENCE) -> tuple[float, float]:
    """Return the score interval of a proportion (E. B. Wilson, Journal of the American Statistical Association 22, 1927).

    It keeps its promise where the plain one does not: with few visits, and near none or all. Raises ``ValueError`` for more hits than visits, or no visits.
    """
    if not 0 <= hits <= visits or not visits:
        raise ValueError(f"{hits} of {visits} is no proportion")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, room = hits / visits, 1 + z * z / visits
    middle = (rate + z * z / (2 * visits)) / room
    half = z / room * (rate * (1 - rate) / visits + z * z / (4 * visits * visits)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def consistency(harm: float, visits: int, prior: float) -> float:
    """Return the consistency of a whole period, undecayed: ``100 x (1 - harm / (visits + prior))``, 0 at least."""
    return 100 * (1 - min(1.0, harm / (visits + prior)))


def corridor(engine: Engine, period: Period, harm: Mapping[Severity, float], *, tenant: str | None = None) -> Corridor:
    """Return the map of a period, the moves that are made most first. Raises `DatabaseUnavailable`."""
    with database_errors(engine), engine.connect() as connection:
        places = _places(connection, period, harm, tenant)
        moved = [(row.name, row.other, int(row.total)) for row in _counted(connection, "move", period, tenant)]
        late = sum(int(row.total) for row in _counted(connection, "late", period, tenant))
        days = finding_days.c
        query = select(days.seam_from, days.seam_to, func.sum(days.findings).label("findings"))
        query = query.where(days.seam_from != "", *period.rolled(connection, finding_days, tenant))
        seams = {(row.seam_from, row.seam_to): int(row.findings) for row in connection.execute(query.group_by(days.seam_from, days.seam_to))}
    moves = [Move(before, after, count, seams.get(_seam(before, after), 0)) for before, after, count in moved]
    return Corridor(places, sorted(moves, key=lambda each: (-each.count, each.before, each.after)), late)


def snarls(
    engine: Engine, period: Period, harm: Mapping[Severity, float], *, minimum: int, tenant: str | None = None
) -> tuple[list[Snarl], dict[str, int]]:
    """Return the places where findings pile up, the most harm above the rate elsewhere first, and how many were not judged, by reason.

    A place with ``minimum`` visits is a snarl where the lower end of its interval lies above the rate of all others. Raises `DatabaseUnavailable`.
    """
    with database_errors(engine), engine.connect() as connection:
        places = _places(connection, period, harm, tenant)
    skipped: Counter[str] = Counter()
    judged = []
    for place in places.values():
        if not place.visits or place.hits > place.visits:
            skipped["volume_unknown"] += 1
        elif place.visits < minimum:
            skipped["too_few_visits"] += 1
        else:
            judged.append(place)
    hits, visits = (sum(getattr(place, name) for place in judged) for name in ("hits", "visits"))
    found = []
    for place in judged:
        others = visits - place.visits
        if not others:
            skipped["nothing_to_compare"] += 1
            continue
        elsewhere = (hits - place.hits) / others
        low, high = wilson(place.hits, place.visits)
        if low > elsewhere:
            found.append(Snarl(place, place.hits / place.visits, low, high, elsewhere))
    found.sort(key=lambda each: (-each.place.harm * (1 - each.elsewhere / each.rate), each.place.name))
    return found, dict(skipped)


def faces(engine: Engine, period: Period, harm: Mapping[Severity, float], prior: float, *, tenant: str | None = None) -> list[Faces]:
    """Return both faces of each team, those whose service lags most first; a score is that of `consistency`.

    Raises `DatabaseUnavailable`.
    """
    made: dict[str, Faces] = {}
    days = place_days.c
    with database_errors(engine), engine.connect() as connection:
        query = select(days.team, days.face, days.severity, func.sum(days.findings).label("findings"))
        query = query.where(days.team != "", *period.rolled(connection, place_days, tenant))
        for row in _counted(connection, "visit", period, tenant):
            getattr(made.setdefault(row.name, Faces(row.name)), row.other).visits = int(row.total)
        for row in connection.execute(query.group_by(days.team, days.face, days.severity)):
            face: Face = getattr(made.setdefault(row.team, Faces(row.team)), row.face)
            face.findings += int(row.findings)
            face.harm += int(row.findings) * harm[row.severity]
    for both in made.values():
        for face in (both.sales, both.service):
            if face.visits > 0:
                face.score = consistency(face.harm, face.visits, prior)
    return sorted(made.values(), key=lambda each: (each.lag is None, -(each.lag or 0.0), each.team))


def _places(connection: Connection, period: Period, harm: Mapping[Severity, float], tenant: str | None) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for row in _counted(connection, "move", period, tenant):
        places.setdefault(row.other, Place(row.other)).visits += int(row.total)
    days, hits = place_days.c, place_hits.c
    query = select(days.place, days.detector, days.severity, func.sum(days.findings).label("findings")).where(*period.rolled(connection, place_days, tenant))
    for row in connection.execute(query.group_by(days.place, days.detector, days.severity)):
        place = places.setdefault(row.place, Place(row.place))
        place.findings += int(row.findings)
        place.harm += int(row.findings) * harm[row.severity]
        place.detectors[row.detector] += int(row.findings)
    of_hits = select(hits.place, func.sum(hits.contacts).label("contacts")).where(*period.rolled(connection, place_hits, tenant)).group_by(hits.place)
    for row in connection.execute(of_hits):
        places[row.place].hits = int(row.contacts)
    return places


def _counted(connection: Connection, kind: str, period: Period, tenant: str | None) -> Any:
    own = day_counts.c
    query = select(own.name, own.other, func.sum(own["count"]).label("total")).where(own.kind == kind, *period.within(own, tenant, period.months))
    return connection.execute(query.group_by(own.name, own.other).having(func.sum(own["count"]) > 0)).all()


def _seam(before: str, after: str) -> tuple[str, str]:
    """Return what a seam between two places is called: the teams where both are known and differ, else the channels."""
    (one, _, sender), (other, _, receiver) = before.partition("/"), after.partition("/")
    return (f"team:{sender}", f"team:{receiver}") if sender and receiver and sender != receiver else (f"channel:{one}", f"channel:{other}")
