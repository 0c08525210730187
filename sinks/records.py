"""What arrives at the sinks, read and checked: records of the alerts, scores and dead-letters topics."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

import msgspec
from pydantic import BaseModel, ValidationError

from models.decoding import decoder
from models.finding import Finding
from models.score import Score

__all__ = ["FindingRecord", "LetterRecord", "Parsed", "ScoreRecord", "SinkRecord", "TopicKind", "parse", "score_key"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_INTEGER = 2**31
_BIG = 2**63
_LONGEST = {"id": 128, "alert": 128, "tenant": 63, "customer": 512, "detector": 128}
_LONGEST_TOPIC = 249
_LONGEST_DETAIL = 1000
_compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode_finding = decoder(Finding)
_decode_score = decoder(Score)
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class SinkRecord(NamedTuple):
    """One Kafka record for the sinks; ``timestamp`` is the broker's, in microseconds UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class TopicKind(StrEnum):
    """Which topic a record came from, whatever its prefix."""

    ALERTS = "alerts"
    SCORES = "scores"
    DEAD_LETTERS = "dead-letters"


class FindingRecord(NamedTuple):
    """A finding as it arrived; ``body`` is the JSON of the object without its revision."""

    finding: Finding
    body: str
    time: datetime
    timestamp: int

    @property
    def rank(self) -> tuple[int, int]:
        """Return what decides between two records of one finding: the higher wins."""
        return self.finding.revision, self.finding.rule.version

    @property
    def standing(self) -> bool:
        """Return whether the finding counts for its alert."""
        finding = self.finding
        return (
            not finding.withdrawn
            and finding.explained_by is None
            and finding.severity != "info"
            and finding.rule.mode == "on"
        )


class ScoreRecord(NamedTuple):
    """A score as it arrived, with its offset in the scores topic."""

    score: Score
    as_of: datetime
    offset: int

    @property
    def subject(self) -> tuple[str, str, str, str, int]:
        """Return what the score is of, which ``score_key`` makes a digest of."""
        score = self.score
        return score.tenant, score.score, score.scope, score.name, score.half_life

    @property
    def rank(self) -> tuple[datetime, int, int]:
        """Return what decides between two records of one subject: the higher wins."""
        return self.as_of, self.score.sequence, self.offset


class LetterRecord(NamedTuple):
    """A dead letter as it arrived: where the refused record was read, and where its bytes are now."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    time: datetime
    letter: SinkRecord


class Parsed(NamedTuple):
    """A batch by topic, in the order of arrival; ``malformed`` holds what is none, with a sentence that repeats no
    value of the record.
    """

    findings: list[FindingRecord]
    scores: list[ScoreRecord]
    letters: list[LetterRecord]
    malformed: list[tuple[TopicKind, SinkRecord, str]]


def parse(batch: Iterable[SinkRecord]) -> Parsed:
    """Read a batch.

    Raises ``ValueError`` for a record of a topic that is none of the three: it should not have come here.
    """
    parsed = Parsed([], [], [], [])
    for record in batch:
        kind = _kind(record.topic)
        try:
            if kind is TopicKind.ALERTS:
                parsed.findings.append(_finding(record))
            elif kind is TopicKind.SCORES:
                parsed.scores.append(_score(record))
            else:
                parsed.letters.append(_letter(record))
        except ValidationError as error:
            parsed.malformed.append((kind, record, _described(error)))
        except (ValueError, OverflowError) as error:
            parsed.malformed.append((kind, record, str(error)))
    return parsed


def score_key(subject: tuple[str, str, str, str, int]) -> str:
    """Return the digest that names the row of the score of ``subject``."""
    return hashlib.sha256(_compact_json(subject).encode()).hexdigest()[:32]


@lru_cache
def _kind(topic: str) -> TopicKind:
    try:
        return TopicKind(topic.rpartition(".")[2])
    except ValueError:
        raise ValueError(f"topic {topic}: expected one that ends in .alerts, .scores or .dead-letters") from None


def _finding(record: SinkRecord) -> FindingRecord:
    value = _text(record.value)
    finding: Finding = _decode_finding(value) or Finding.model_validate_json(value)
    for name, most in _LONGEST.items():
        if not 0 < len(getattr(finding, name)) <= most:
            raise _Malformed(f"{name}: expected 1 to {most} characters")
    if not 0 < finding.revision < _BIG or not 0 <= finding.rule.version < _BIG:
        raise _Malformed("revision, rule.version: expected a positive whole number of at most 63 bits")
    body = _decode_parts(value)
    del body["revision"]
    return FindingRecord(finding, msgspec.json.encode(body).decode(), _utc(finding.time), record.timestamp)


def _score(record: SinkRecord) -> ScoreRecord:
    value = _text(record.value)
    score: Score | None = _decode_score(value)
    if score is None:
        score = Score.model_validate_json(value)
        if not all(map(isfinite, [score.value or 0.0, score.samples, *score.components.values()])):
            raise _Malformed("value, samples, components: expected finite numbers")
    if not 0 <= score.half_life < _BIG or not 0 <= score.sequence < _BIG:
        raise _Malformed("half_life, sequence: expected a whole number of at most 63 bits")
    return ScoreRecord(score, _utc(score.as_of), record.offset)


def _letter(record: SinkRecord) -> LetterRecord:
    headers = dict(record.headers)
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


def _text(value: bytes | None) -> bytes:
    if not value:
        raise _Malformed("the record has no value")
    if b"\\u0000" in value and _NUL.search(value):
        raise _Malformed("holds the character U+0000, which PostgreSQL cannot store")
    return value


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


def _described(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Keys may come from the record: only those of the models are named.
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in _KEYS) or "the record"
    return f"{where}: {first['type']}"


def _keys(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    return {key for part in [schema, *schema.get("$defs", {}).values()] for key in part.get("properties", {})}


_KEYS = _keys(Finding) | _keys(Score)
