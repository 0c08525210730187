"""What arrives at the sinks, read and checked: records of the alerts, scores, briefs and dead-letters topics."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.brief import Brief
from models.decoding import NOT_REGULAR, decoder, is_plain, plain_decoder
from models.finding import Finding, RuleStamp, Severity
from models.score import Score

__all__ = [
    "BriefRecord",
    "FindingRecord",
    "Forgotten",
    "LetterRecord",
    "Mark",
    "Parsed",
    "ScoreRecord",
    "SinkRecord",
    "Subject",
    "TopicKind",
    "is_after",
    "parse",
    "score_key",
    "source_of",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PULSE = "pulse"
_INTEGER = 2**31
_BIG = 2**63
_LONGEST_TOPIC = 249
_LONGEST_DETAIL = 1000

Subject = tuple[str, str, str, str, int]
"""What a score is of: tenant, score, scope, name, half-life."""

_Name = Annotated[str, Field(min_length=1, max_length=128)]


class _StoredRule(RuleStamp):
    version: Annotated[int, Field(ge=0, le=_BIG - 1)]


class _StoredFinding(Finding):
    """A finding that the table can hold."""

    id: _Name
    alert: _Name
    detector: _Name
    tenant: Annotated[str, Field(min_length=1, max_length=63)]
    customer: Annotated[str, Field(min_length=1, max_length=512)]
    revision: Annotated[int, Field(ge=1, le=_BIG - 1)]
    rule: _StoredRule


class _StoredBrief(Brief):
    """A brief that the table can hold."""

    id: _Name
    tenant: Annotated[str, Field(min_length=1, max_length=63)]
    journey: Annotated[str, Field(min_length=1, max_length=512)]
    customer: Annotated[str, Field(min_length=1, max_length=512)]


class _StoredScore(Score):
    """A score that the table can hold."""

    model_config = ConfigDict(allow_inf_nan=False)

    half_life: Annotated[int, Field(ge=0, le=_BIG - 1)]
    sequence: Annotated[int, Field(ge=0, le=_BIG - 1)] = 0


class SinkRecord(NamedTuple):
    """One Kafka record for the sinks; ``timestamp`` is the broker's, in microseconds UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


_Refused = list[tuple[SinkRecord, str]]
"""Records that are not what their topic holds, with a sentence."""


class TopicKind(StrEnum):
    """Which topic a record came from, whatever its prefix."""

    ALERTS = "alerts"
    SCORES = "scores"
    BRIEFS = "briefs"
    DEAD_LETTERS = "dead-letters"


class FindingRecord(NamedTuple):
    """A finding as the table holds it, in the order of its columns but for ``updated``; what it rests on is in ``body`` alone, the JSON without the revision.

    ``standing``: it counts for its alert. ``timestamp`` is the broker's, in microseconds UTC. ``source``: see `source_of`.
    """

    id: str
    tenant: str
    revision: int
    withdrawn: bool
    detector: str
    reason: str
    severity: Severity
    customer: str
    journey: str | None
    contact: str | None
    seam_from: str | None
    seam_to: str | None
    field: str | None
    team: str | None
    channel: str | None
    summary: str
    time: datetime
    explained_by: str | None
    alert: str
    rule: str
    rule_version: int
    rule_mode: str
    standing: bool
    body: bytes
    timestamp: int
    source: int | None

    @property
    def rank(self) -> tuple[int, int]:
        """Return what decides between two records of one finding: the higher wins."""
        return self.revision, self.rule_version


ScoreRecord = tuple[Score, datetime, int]
"""A score as it arrived, the moment that it is of in UTC, its offset in the scores topic."""


class BriefRecord(NamedTuple):
    """A brief as it arrived, its time in UTC, its JSON, and its offset in the briefs topic. ``source``: see `source_of`."""

    brief: Brief
    time: datetime
    body: str
    offset: int
    source: int | None

    @property
    def key(self) -> str:
        """Return the digest that names the row of its journey."""
        return _digest((self.brief.tenant, self.brief.journey))


class LetterRecord(NamedTuple):
    """A dead letter as it arrived: where the refused record was read, and where its bytes are now."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    time: datetime
    letter: SinkRecord


class Mark(NamedTuple):
    """A customer's key that became an alias of ``alias_of`` ("": of nobody any more)."""

    tenant: str
    customer: str
    alias_of: str
    time: datetime


class Forgotten(NamedTuple):
    """A customer's key of which all that came before in the record's topic is forgotten.

    ``until`` is the time of the last touchpoint that is, in UTC; ``sequence``: scores of before have a smaller one (None: not told, by earlier versions);
    ``offset`` is that of this record. ``source``: see `source_of`.
    """

    kind: TopicKind
    tenant: str
    customer: str
    until: datetime
    sequence: int | None
    offset: int
    source: int | None


_TO_CONTACT = attrgetter("id", "tenant", "revision", "withdrawn", "detector", "reason", "severity", "customer", "journey", "contact")
_FROM_EXPLAINED = attrgetter("explained_by", "alert", "rule.name", "rule.version", "rule.mode")


class Parsed:
    """A batch by topic, in the order of arrival, of each score and of each journey's briefs the latest.

    ``pulses`` are the moments, in microseconds UTC, at which pulses were sent; ``malformed`` holds what is none, with a sentence that repeats no value of the
    record.
    """

    def __init__(self) -> None:
        self.findings: list[FindingRecord] = []
        self.scores: dict[Subject, ScoreRecord] = {}
        self.briefs: dict[str, BriefRecord] = {}
        self.letters: list[LetterRecord] = []
        self.marks: list[Mark | Forgotten] = []
        self.pulses: list[int] = []
        self.malformed: list[tuple[TopicKind, SinkRecord, str]] = []

    def take_finding(self, record: SinkRecord, finding: Finding) -> None:
        """Take in a finding that is valid by itself. Raises ``OverflowError`` for a time that UTC does not have."""
        seam, place = finding.seam, finding.again or finding.first
        standing = not finding.withdrawn and finding.explained_by is None and finding.severity != "info" and finding.rule.mode == "on"
        self.findings.append(
            FindingRecord._make(
                (
                    *_TO_CONTACT(finding),
                    *((None, None) if seam is None else (seam.from_, seam.to)),
                    finding.field,
                    *((None, None) if place is None else (place.team, place.channel)),
                    finding.summary,
                    _utc(finding.time),
                    *_FROM_EXPLAINED(finding),
                    standing,
                    _body(record.value or b"", finding.revision),
                    record.timestamp,
                    source_of(dict(record.headers)),
                )
            )
        )

    def take_scores(self, told: Iterable[tuple[SinkRecord, Score]], refused: _Refused) -> None:
        """Take in scores that are valid by themselves, but for those of which a later one is known; those of a time that UTC does not have are ``refused``."""
        scores = self.scores
        for record, score in told:
            as_of = score.as_of
            if as_of.tzinfo is not UTC:
                try:
                    as_of = as_of.astimezone(UTC)
                except OverflowError as error:
                    refused.append((record, str(error)))
                    continue
            subject = score.tenant, score.score, score.scope, score.name, score.half_life
            last = scores.get(subject)
            if last is None or as_of > last[1] or (as_of == last[1] and (score.sequence, record.offset) >= (last[0].sequence, last[2])):
                scores[subject] = score, as_of, record.offset

    def take_mark(self, kind: TopicKind, record: SinkRecord) -> bool:
        """Take in a record without a value that marks what became of its key; return whether it is one.

        Of one that is forgotten drop what was told before in the same topic: another topic may be ahead, and hold what was told afterwards.
        """
        headers = dict(record.headers)
        if record.value is None and (sent := headers.get(_PULSE)):
            self.pulses.append(int(sent) if sent.isdigit() else record.timestamp)
            return True
        tenant, _, customer = (record.key or b"").decode(errors="replace").partition("/")
        if record.value is not None or not customer or not headers.keys() & {"alias-of", "forgotten"}:
            return False
        if "forgotten" not in headers:
            alias_of = (headers["alias-of"] or b"").decode(errors="replace")
            self.marks.append(Mark(tenant, customer, alias_of, _EPOCH + timedelta(microseconds=max(0, record.timestamp))))
            return True
        try:
            until = _EPOCH + timedelta(microseconds=int(headers["forgotten"] or b""))
            source = source_of(headers)
            sequence = source_of(headers, "scores") if "scores" in headers else source
        except (ValueError, OverflowError):
            return False
        self.marks.append(Forgotten(kind, tenant, customer, until, sequence, record.offset, source))
        own = (tenant, customer)
        if kind is TopicKind.BRIEFS:
            self.briefs = {key: each for key, each in self.briefs.items() if (each.brief.tenant, each.brief.customer) != own or is_after(each.source, source)}
        else:
            self.findings = [each for each in self.findings if (each.tenant, each.customer) != own or is_after(each.source, source)]
        return True

    def take_brief(self, record: SinkRecord, brief: Brief) -> None:
        """Take in a brief that is valid by itself, unless a later one of its journey is known. Raises ``OverflowError`` for a time that UTC does not have."""
        found = BriefRecord(brief, _utc(brief.time), (record.value or b"").decode(), record.offset, source_of(dict(record.headers)))
        last = self.briefs.get(found.key)
        if last is None or (found.time, found.offset) >= (last.time, last.offset):
            self.briefs[found.key] = found


class _Form:
    """How a topic's values are read: fast where nothing in a batch is special, else with care; what is not regular is left to the model."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        self._decode = plain_decoder(model)
        self._decode_with_care = decoder(model)

    def read(self, records: Sequence[SinkRecord], refused: _Refused) -> Iterable[tuple[SinkRecord, Any]]:
        """Return each record with its object; those that are none go to ``refused``."""
        values = [record.value or b"" for record in records]
        if is_plain(b"".join(values)):
            try:
                return zip(records, [*map(self._decode, values)], strict=True)
            except NOT_REGULAR:
                pass
        return self._with_care(records, values, refused)

    def _with_care(self, records: Sequence[SinkRecord], values: Sequence[bytes], refused: _Refused) -> Iterable[tuple[SinkRecord, Any]]:
        for record, value in zip(records, values, strict=True):
            try:
                found = self._decode_with_care(value) or self._validated(value)
            except ValidationError as error:
                refused.append((record, _described(error)))
            except _Malformed as error:
                refused.append((record, str(error)))
            else:
                yield record, found

    def _validated(self, value: bytes) -> Any:
        if not value:
            raise _Malformed("the record has no value")
        if b"\\u0000" in value and _NUL.search(value):
            raise _Malformed("holds the character U+0000, which PostgreSQL cannot store")
        return self._model.model_validate_json(value)


_FINDING = _Form(_StoredFinding)
_SCORE = _Form(_StoredScore)
_BRIEF = _Form(_StoredBrief)
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def parse(batch: Iterable[SinkRecord]) -> Parsed:
    """Read a batch.

    Raises ``ValueError`` for a record of a topic that is none of these: it should not have come here.
    """
    parsed = Parsed()
    for topic, group in groupby(batch, attrgetter("topic")):
        kind, records, refused = _kind(topic), list(group), _Refused()
        if kind is TopicKind.ALERTS:
            _take_marked(kind, _FINDING, records, parsed.take_finding, parsed, refused)
        elif kind is TopicKind.SCORES:
            told = [record for record in records if record.value is not None or not (record.key or b"").startswith(b"[")]  # the others are for compaction
            parsed.take_scores(_SCORE.read(told, refused), refused)
        elif kind is TopicKind.BRIEFS:
            _take_marked(kind, _BRIEF, records, parsed.take_brief, parsed, refused)
        else:
            _take_letters(records, parsed, refused)
        parsed.malformed += ((kind, record, why) for record, why in refused)
    return parsed


def _take_marked(
    kind: TopicKind, form: _Form, records: Sequence[SinkRecord], take: Callable[[SinkRecord, Any], None], parsed: Parsed, refused: _Refused
) -> None:
    """Take in records among which may be marks, which hold for what is before them."""
    if not any(record.value is None and record.headers for record in records):
        _take(form, records, take, refused)
        return
    for record in records:
        if not parsed.take_mark(kind, record):
            _take(form, [record], take, refused)


def _take(form: _Form, records: Sequence[SinkRecord], take: Callable[[SinkRecord, Any], None], refused: _Refused) -> None:
    for record, found in form.read(records, refused):
        try:
            take(record, found)
        except (ValueError, OverflowError) as error:
            refused.append((record, str(error)))


def source_of(headers: Mapping[str, bytes | None], name: str = "offset") -> int | None:
    """Return an offset in a partition of touchpoints from a header: of a mark that of the record that made it, of others one that is not above those that they
    follow from, and not below a mark before them. None where it is not told, as by earlier versions.

    Raises ``ValueError`` where the header is none.
    """
    told = headers.get(name)
    if told is None:
        return None
    offset = int(told)
    if not -1 <= offset < _BIG:
        raise ValueError(f"header {name}: expected an offset")
    return offset


def is_after(source: int | None, forgotten: int | None) -> bool:
    """Tell whether something was found after its customer was ``forgotten``, by what `source_of` says of both; a mark may be told again, or arrive late."""
    return source is not None and forgotten is not None and source >= forgotten


def score_key(subject: Subject) -> str:
    """Return the digest that names the row of the score of ``subject``."""
    return _digest(subject)


def _digest(parts: tuple[Any, ...]) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


@lru_cache
def _kind(topic: str) -> TopicKind:
    try:
        return TopicKind(topic.rpartition(".")[2])
    except ValueError:
        raise ValueError(f"topic {topic}: expected one that ends in .alerts, .scores, .briefs or .dead-letters") from None


def _body(value: bytes, revision: int) -> bytes:
    tail = _tail(revision)
    if value.endswith(tail) and value.count(b'"revision"') == 1:
        return value[: -len(tail)] + b"}"
    parts = _decode_parts(value)
    del parts["revision"]
    return msgspec.json.encode(parts)


@lru_cache
def _tail(revision: int) -> bytes:
    """Return how the engine ends a finding, whose revision comes last."""
    return b',"revision":%d}' % revision


def _take_letters(records: Iterable[SinkRecord], parsed: Parsed, refused: _Refused) -> None:
    for record in records:
        try:
            parsed.letters.append(_letter(record))
        except _Malformed as error:
            refused.append((record, str(error)))


def _letter(record: SinkRecord) -> LetterRecord:
    headers = {name: value for name, value in record.headers if value is not None}
    try:
        topic, reason = headers["topic"].decode(), headers["reason"].decode()
        partition, offset = int(headers["partition"]), int(headers["offset"])
    except (KeyError, ValueError):
        raise _Malformed("headers: expected topic, partition, offset and reason") from None
    if (
        not 0 <= partition < _INTEGER
        or not 0 <= offset < _BIG
        or not 0 < len(topic) <= _LONGEST_TOPIC
        or "\x00" in topic + reason
    ):
        raise _Malformed("headers: topic, partition, offset or reason is out of range")
    detail = headers.get("detail", b"").decode(errors="replace").replace("\x00", "")[:_LONGEST_DETAIL]
    time = _EPOCH + timedelta(microseconds=max(0, record.timestamp))
    return LetterRecord(topic, partition, offset, reason, detail, time, record)


class _Malformed(ValueError):
    pass


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def _described(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Keys may come from the record: only those of the models are named.
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in _KEYS) or "the record"
    return f"{where}: {first['type']}"


def _keys(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    return {key for part in [schema, *schema.get("$defs", {}).values()] for key in part.get("properties", {})}


_KEYS = _keys(Finding) | _keys(Score) | _keys(Brief)
