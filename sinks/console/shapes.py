"""What the API takes and gives."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from models.alert import Alert, AlertChange, AlertState, Change, Moment
from models.brief import Brief
from models.finding import Evidence, Finding, Severity
from sinks.console.callers import Right, Role
from sinks.delivery.store import DeliveryState
from sinks.portfolio import Standing
from sinks.promises import PromiseState

__all__ = [
    "AlertDetail",
    "AlertFilter",
    "AlertItem",
    "AlertPage",
    "AlertQuery",
    "BackTest",
    "BackTestCounts",
    "BackTestRow",
    "Bulk",
    "BulkReport",
    "Capabilities",
    "CorridorMap",
    "DeadLetter",
    "DeadLetters",
    "Deliveries",
    "DeliveryCount",
    "DeliveryItem",
    "FaceFigures",
    "FaceItem",
    "Faces",
    "Facets",
    "FindingNode",
    "Freshness",
    "Group",
    "GroupQuery",
    "Groups",
    "Insight",
    "Insights",
    "Journey",
    "Journeys",
    "Language",
    "Latest",
    "Letters",
    "MoveItem",
    "NeedingItem",
    "NeedingToday",
    "Partition",
    "PlaceItem",
    "PortfolioFigures",
    "PromiseItem",
    "PromiseQuery",
    "Promises",
    "QuadrantItem",
    "RefusedKey",
    "Reveal",
    "Revealed",
    "RuleFacts",
    "ScoreHistory",
    "ScoreItem",
    "ScorePoint",
    "Scores",
    "SeamItem",
    "Seams",
    "SnarlItem",
    "Snarls",
    "SourceItem",
    "SourceList",
    "StoryPart",
    "Version",
    "Words",
]  # fmt: skip

Language = Literal["en", "de", "zh-Hans", "fa"]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
_Key = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]
_Age = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}[smhd]$")]
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST_WAY_BACK = timedelta(days=366 * 100)


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AlertFilter(_Shape):
    """Which alerts: of each name any of its values, of all names all. Without ``state`` those that wait for somebody."""

    tenant: _Text | None = None
    key: Annotated[list[_Key], Field(max_length=100)] = Field(default_factory=list)
    customer: Annotated[list[_Text], Field(max_length=50)] = Field(default_factory=list)
    state: list[AlertState] = Field(default_factory=list)
    severity: list[Severity] = Field(default_factory=list)
    detector: Annotated[list[_Text], Field(max_length=50)] = Field(default_factory=list)
    rule: Annotated[list[_Text], Field(max_length=50, description="by which a finding of it that counts was judged")] = Field(default_factory=list)
    seam: Annotated[list[_Text], Field(max_length=50, description="from>to, as team:billing>team:tech")] = Field(
        default_factory=list
    )
    team: Annotated[
        list[_Text], Field(max_length=50, description="on either side of the seam, or where it happened")
    ] = Field(default_factory=list)
    channel: Annotated[list[_Text], Field(max_length=50, description="as team")] = Field(default_factory=list)
    assignee: Annotated[_Text, Field(description="a name, or - for nobody")] | None = None
    mine: bool = False
    since: Annotated[Moment, Field(description="the newest finding is not older")] | None = None
    until: Annotated[Moment, Field(description="the newest finding is not newer")] | None = None
    age: Annotated[_Age, Field(description="as since, that long ago: 30s, 15m, 4h, 7d")] | None = None
    q: Annotated[
        str,
        StringConstraints(max_length=200, pattern=r"^[^\x00]*$"),
        Field(description="each word in customer, journey, field or summary"),
    ] = ""

    def begin(self, now: datetime) -> datetime | None:
        """Return the time from which on alerts are wanted."""
        if self.age is None:
            return self.since
        span = re.fullmatch(r"([0-9]+)([smhd])", self.age)
        back = timedelta(**{_UNITS[span[2]]: int(span[1])}) if span else timedelta()
        ago = now - min(back, _LONGEST_WAY_BACK)
        return ago if self.since is None else max(ago, self.since)


class AlertQuery(AlertFilter):
    """A page of alerts, those with the newest finding first."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[str, StringConstraints(max_length=600), Field(description="`next` of the page before")] | None = (
        None
    )


class GroupQuery(AlertFilter):
    """Alerts put together by what they have in common."""

    by: Literal["customer", "seam", "detector", "rule"]
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class Group(_Shape):
    """Alerts that have something in common: how many, how many of them nobody has, the highest severity, the newest finding. ``name`` null: no seam.

    An alert is in the group of each rule by which a finding of it that counts was judged.
    """

    name: str | None
    alerts: int
    nobodys: int
    severity: Severity
    last_seen: AwareDatetime


class Groups(_Shape):
    """Groups, the largest first."""

    items: list[Group]
    as_of: AwareDatetime


class Latest(_Shape):
    """What the newest finding of an alert says, one that counts where there is one."""

    id: str
    reason: str
    time: AwareDatetime
    journey: str | None
    contact: str | None
    field: str | None
    team: str | None
    channel: str | None
    rule: str
    summary: str


class AlertItem(_Shape):
    """An alert in a list."""

    alert: Alert
    latest: Latest | None


class AlertPage(_Shape):
    """A page of alerts; ``total`` counts all that the filter lets through, with ``least`` there may be more: words are counted among the newest alerts.

    ``next`` is null on the last page.
    """

    items: list[AlertItem]
    next: str | None
    total: int
    least: bool
    as_of: AwareDatetime


class Words(_Shape):
    """A finding for people; ``language`` is that of the words, which are English where there are none in the one asked for."""

    language: str
    what: str
    why: str
    first: str


class FindingNode(_Shape):
    """A finding with those that it explains; ``standing``: it counts for its alert."""

    finding: Finding
    standing: bool
    words: Words
    explains: list["FindingNode"]


class StoryPart(_Shape):
    """A touchpoint that findings of the journey rest on. ``contact`` is null where no finding names it. ``first_of`` and ``again_of`` are ids of findings."""

    evidence: Evidence
    contact: str | None
    first_of: list[str]
    again_of: list[str]
    of: list[str]


class RuleFacts(_Shape):
    """A rule as it is configured, and what became of it; ``configured`` null: findings name it, the configuration does not.

    ``judged`` alerts of it are resolved as fixed or as ``false_positives``. Of the last 30 days ``shadow`` counts what stands of what it found while in
    shadow, ``heard`` those of them in whose contact a rule that is on has alerted anyway.
    """

    name: str
    detector: str
    configured: dict[str, Any] | None
    fired: int
    withdrawn: int
    explained: int
    judged: int
    false_positives: int
    shadow: int
    heard: int
    first: AwareDatetime | None
    last: AwareDatetime | None


class AlertDetail(_Shape):
    """An alert with its findings (newest first, with what they explain), its changes (oldest first), the journey's story by time, and the latest brief of the
    newest finding's journey; null: there is none.
    """

    alert: Alert
    findings: list[FindingNode]
    changes: list[AlertChange]
    story: list[StoryPart]
    rules: list[dict[str, Any]]
    brief: Brief | None
    as_of: AwareDatetime


class Bulk(_Shape):
    """One change of many alerts."""

    keys: Annotated[list[_Key], Field(min_length=1, max_length=500)]
    change: Change


class RefusedKey(_Shape):
    """An alert that was not changed, why, and which change came first."""

    key: str
    code: str
    detail: str
    first: AlertChange | None


class BulkReport(_Shape):
    """What became of a change of many alerts."""

    done: list[Alert]
    refused: list[RefusedKey]


class Reveal(_Shape):
    """What is to be revealed: a touchpoint that a finding of the alert rests on, by its source and id. ``reason`` is kept in the audit."""

    source: _Text
    id: _Text
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Revealed(_Shape):
    """What was said: the value of the touchpoint's field, and the words around it; null where there are none."""

    field: str | None
    value: str | None
    text: str | None


class Facets(_Shape):
    """How many alerts there are of each value, under all filters but that of the same name. An alert without an assignee counts as ``-``."""

    detector: dict[str, int]
    severity: dict[str, int]
    state: dict[str, int]
    seam: dict[str, int]
    team: dict[str, int]
    channel: dict[str, int]
    assignee: dict[str, int]
    as_of: AwareDatetime


class ScoreItem(_Shape):
    """A score decayed to ``as_of`` of the answer; ``stored`` is the moment it was written for.

    ``detectors`` find the single cases behind it; none are named where all do. ``left_out`` names the parts that a headline is shown without, because there
    are too few chances of them; ``value`` is null where what is left makes none.
    """

    tenant: str
    score: str
    scope: str
    name: str
    half_life: int
    value: float | None
    samples: float
    components: dict[str, float]
    detectors: list[str]
    left_out: list[str]
    stored: AwareDatetime


class Scores(_Shape):
    """Scores of entities, the worst first."""

    items: list[ScoreItem]
    as_of: AwareDatetime


class ScorePoint(_Shape):
    """What a score was at a moment of an hour, UTC."""

    hour: AwareDatetime
    value: float


class ScoreHistory(_Shape):
    """A score hour by hour, the oldest first."""

    tenant: str
    name: str
    points: list[ScorePoint]


class SeamItem(_Shape):
    """A seam: alerts that wait for somebody, findings that count and their harm, the highest severity among the former, and the score of the hour."""

    tenant: str
    from_: Annotated[str, Field(alias="from")]
    to: str
    alerts: int
    findings: int
    harm: float
    severity: Severity | None
    score: float | None
    samples: float | None

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True)


class Seams(_Shape):
    """The seams, those with most open alerts first."""

    items: list[SeamItem]
    as_of: AwareDatetime


class QuadrantItem(_Shape):
    """Customers of one quadrant. Revenue is in the portfolio's currency; ``unforecast`` counts those of whom no forecast is known; satisfaction is 0..1."""

    quadrant: Standing
    customers: int
    billed: float
    forecast: float
    unforecast: int
    satisfaction: float | None


class PortfolioFigures(_Shape):
    """How customers stand; ``unplaced`` counts the others by reason. ``revenue`` and ``satisfaction`` tell from where on these are high."""

    currency: str | None
    revenue: float
    satisfaction: float
    quadrants: list[QuadrantItem]
    unplaced: dict[str, int]
    as_of: AwareDatetime


class NeedingItem(_Shape):
    """A customer who needs someone: ``priority`` is ``stake`` (the higher of billed and forecast revenue) x ``hurt`` (0..1).

    ``alerts`` counts by detector those that nobody has taken up; ``moved``: one of them says that they stand worse than before.
    """

    tenant: str
    customer: str
    quadrant: Standing | None
    stake: float
    hurt: float
    priority: float
    satisfaction: float | None
    moved: bool
    alerts: dict[str, int]
    since: AwareDatetime | None


class NeedingToday(_Shape):
    """Who needs someone today, the highest priority first; ``unvalued`` counts others with open alerts, whose revenue nobody knows."""

    currency: str | None
    items: list[NeedingItem]
    unvalued: int
    as_of: AwareDatetime


class Insight(_Shape):
    """What one seam, silo, field or detector cost in a period; ``before`` counts the findings of as many days before. ``minutes`` and ``cost`` are null
    where no handling time is known."""

    name: str
    findings: int
    critical: int
    before: int
    impact: float
    harm: float
    minutes: float | None
    cost: float | None
    detectors: dict[str, int]
    seams: dict[str, int]


class Insights(_Shape):
    """Where it hurts most, the highest impact first (harm x moment of truth x value of the customers); the days are UTC, both included."""

    items: list[Insight]
    first: date
    last: date
    as_of: AwareDatetime


class SnarlItem(_Shape):
    """A place (``voice/billing``, or a channel) where findings pile up: ``rate`` of the visits were hit, ``low``..``high`` its 95 % interval, ``elsewhere``
    the rate of all other places; all 0..1.
    """

    place: str
    visits: int
    findings: int
    rate: float
    low: float
    high: float
    elsewhere: float
    detectors: dict[str, int]


class Snarls(_Shape):
    """Places where findings pile up, the most harm first; ``skipped`` counts those that were not judged, by reason."""

    items: list[SnarlItem]
    skipped: dict[str, int]
    first: date
    last: date
    as_of: AwareDatetime


class FaceFigures(_Shape):
    """How a team did in contacts that sell, or in all others; ``score`` is 0..100, null where there were none."""

    score: float | None
    visits: int
    findings: int


class FaceItem(_Shape):
    """Both faces of a team; ``lag`` is how far service lies behind sales, in points, null where it has but one."""

    team: str
    sales: FaceFigures
    service: FaceFigures
    lag: float | None


class Faces(_Shape):
    """The faces of teams, those whose service lags most first; the days are UTC, both included."""

    items: list[FaceItem]
    first: date
    last: date
    as_of: AwareDatetime


class Journey(_Shape):
    """A journey of which something was found."""

    tenant: str
    journey: str | None
    first: AwareDatetime
    last: AwareDatetime
    findings: list[FindingNode]
    story: list[StoryPart]
    alerts: list[str]


class Journeys(_Shape):
    """The journeys of a customer, the newest first."""

    items: list[Journey]
    as_of: AwareDatetime


class SourceItem(_Shape):
    """A source that is read, and how many of its records were refused, ``lately``: within a day."""

    name: str
    topic: str
    refused: int
    lately: int
    newest: AwareDatetime | None


class Letters(_Shape):
    """Dead letters of one topic with one reason, ``lately``: within a day."""

    topic: str
    reason: str
    count: int
    lately: int
    newest: AwareDatetime


class DeadLetter(_Shape):
    """A refused record: where it was read and why; its bytes are in Kafka alone."""

    topic: str
    partition: int
    offset: int
    reason: str
    time: AwareDatetime


class DeadLetters(_Shape):
    """Refused records by topic and reason, and the newest ones."""

    counts: list[Letters]
    newest: list[DeadLetter]
    as_of: AwareDatetime


class DeliveryCount(_Shape):
    """How many deliveries to a receiver are in a state, and since when the oldest."""

    receiver: str
    state: DeliveryState
    count: int
    oldest: AwareDatetime


class DeliveryItem(_Shape):
    """What became of one message: ``id`` is its webhook-id, ``subject`` the alert's key or the digest of a journey, ``error`` why it has not arrived."""

    id: str
    receiver: str
    what: Literal["alert", "brief"]
    subject: str
    version: int
    state: DeliveryState
    tries: int
    created: AwareDatetime
    due: AwareDatetime
    updated: AwareDatetime
    error: str | None


class Deliveries(_Shape):
    """What receivers are told, by receiver and state, and what changed last."""

    counts: list[DeliveryCount]
    newest: list[DeliveryItem]
    as_of: AwareDatetime


class SourceList(_Shape):
    """The sources."""

    items: list[SourceItem]
    as_of: AwareDatetime


class Partition(_Shape):
    """How far one partition of a topic is stored: the newest record, when the broker appended it, when it was stored."""

    topic: str
    partition: int
    offset: int
    appended: AwareDatetime
    stored: AwareDatetime


FreshnessState = Literal["live", "quiet", "lagging", "stale", "empty"]


class Freshness(_Shape):
    """How old what the database holds is. Ages are in seconds, null where there was nothing yet.

    ``record_age``: since the broker appended the newest record that is stored; ``write_age``: since the last write; ``delay``: of the last write,
    from the broker to the database; ``worker_age``: since a worker that stores last said that it is there (every 15 s).

    ``state``: `live`; `quiet` (a worker is there, and there was nothing to store for a minute); `lagging` (what was stored within the last minute had waited
    for more than half a minute); `stale` (for a minute neither a write nor a worker); `empty` (never any).
    """

    state: FreshnessState
    record_age: float | None
    write_age: float | None
    delay: float | None
    worker_age: float | None
    partitions: list[Partition]
    as_of: AwareDatetime


class Capabilities(_Shape):
    """What this installation offers: pages that it has data for, languages, and what the caller may do; ``version``: the build that answers."""

    version: str
    pages: dict[str, bool]
    languages: list[Language]
    rights: list[Right]


class Version(_Shape):
    """The build that answers."""

    version: str


class Login(_Shape):
    """A name and a password."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
    password: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Entry(_Shape):
    """What a link holds behind its #."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Session(_Shape):
    """Who one is; ``csrf`` goes into the header X-CSRF-Token of every change, null for tokens, which need none."""

    name: str
    role: Role | None
    rights: list[Right]
    teams: list[str] | None
    csrf: str | None


class Ways(_Shape):
    """How to come in besides a password: the name of an OpenID Connect provider, null: there is none. ``session``: who asks, null: nobody who is in."""

    provider: str | None
    session: Session | None


class Forget(_Shape):
    """A customer who is to be forgotten, as the database names them or as the mapping of their source makes the name."""

    customer: Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")]
    tenant: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = "default"


class Forgetting(_Shape):
    """The stream is told under so many keys: the customer's own, its pseudonym, and aliases; ``known``: the database knew one of them."""

    keys: int
    known: bool


class AuditRow(_Shape):
    """What somebody did; ``address`` null: at the command line."""

    id: int
    time: AwareDatetime
    actor: str
    act: str
    target: str | None
    detail: str | None
    address: str | None


class AuditPage(_Shape):
    """Acts, the newest first; ``next`` is `before` of the next page, null on the last."""

    items: list[AuditRow]
    next: int | None


class PromiseQuery(_Shape):
    """Which promises: of each name any of its values, of all names all. Without ``state`` those that are open."""

    tenant: _Text | None = None
    state: list[PromiseState] = Field(default_factory=list)
    team: Annotated[list[_Text], Field(max_length=50, description="who promised")] = Field(default_factory=list)
    customer: Annotated[_Text, Field(description="the customer's id, or its pseudonym")] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class PromiseItem(_Shape):
    """A promise as it stands; one that ``ended`` after it was ``due`` was kept late. ``alert`` is what its breach opened."""

    tenant: str
    promise: str
    customer: str
    made: datetime
    due: datetime
    about: str | None
    team: str | None
    channel: str | None
    contact: str | None
    state: PromiseState
    ended: datetime | None
    alert: str | None


class Promises(_Shape):
    """Promises, what is due first first; of what is over alone, the latest first. ``counts`` is by state under all filters but that one."""

    items: list[PromiseItem]
    counts: dict[PromiseState, int]
    as_of: datetime


class PlaceItem(_Shape):
    """A place of the corridor: ``voice/billing``, or a channel where customers serve themselves; ``hits`` counts the contacts that had findings there."""

    place: str
    visits: int
    hits: int
    findings: int


class MoveItem(_Shape):
    """How often one place followed the other (``from`` empty: a journey began there), and the findings between the two teams or channels."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True)

    from_: Annotated[str, Field(alias="from")]
    to: str
    count: int
    findings: int


class CorridorMap(_Shape):
    """Which touchpoints follow which, what is gone most first; ``late`` counts touchpoints that came too late to be placed."""

    places: list[PlaceItem]
    moves: list[MoveItem]
    late: int
    first: date
    last: date
    as_of: datetime


class BackTestCounts(BaseModel):
    """Findings under both sets of rules: ``before`` under the others, ``after`` under those that were tested."""

    before: int
    after: int
    same: int
    appear: int
    vanish: int
    change: int


class BackTestRow(BackTestCounts):
    """The same of one rule, team or seam."""

    name: str


class BackTest(BaseModel):
    """Two sets of rules over the same touchpoints, as somebody kept it with `seamwatch replay --against --keep`."""

    id: int
    time: AwareDatetime
    actor: str
    tested: str
    against: str
    touchpoints: int
    findings: BackTestCounts
    alerts: dict[str, int]
    rules: list[BackTestRow]
    teams: list[BackTestRow]
    seams: list[BackTestRow]
