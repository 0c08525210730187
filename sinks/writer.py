"""Write findings, their alerts, scores, briefs and dead letters: one transaction a batch, and the same rows however often and
in whatever pieces they come.

Two writers may meet on the same rows, when a partition has just moved or a customer's timeline has. Nothing is locked
for that. On PostgreSQL a transaction is repeatable read, touches its tables and the rows in them in one order, and
writes every alert of which it changed a finding: the second of two that meet fails with a conflict and starts again
on what the first left. On SQLite there is one writer at a time.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import json
from sqlalchemy import Connection, Engine, delete

from models.alert import AlertState, ChangeReason, Resolution
from models.brief import Brief
from models.tables import customer_aliases
from sinks.database import encode_json, transact, writing
from sinks.errors import DatabaseUnavailable
from sinks.identity import forget_briefs, forget_customer, key_digest
from sinks.lifecycle import STREAM, News, Verdict, advance
from sinks.records import (
    BriefRecord,
    FindingRecord,
    Forgotten,
    LetterRecord,
    Mark,
    Parsed,
    ScoreRecord,
    SinkRecord,
    Subject,
    TopicKind,
    is_after,
    parse,
    score_key,
)
from sinks.statements import LOCK_TABLES, RANK_SEVERITY, Lookup, Statements, Upsert
from sinks.takeover import Takeover, takeovers

__all__ = ["DatabaseUnavailable", "DatabaseWriter", "SinkRecord", "Written"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ATTEMPTS = 5
_ALONE_FROM = 2
"""The attempt, counted from 0, from which other writers are kept out: they could be first for ever."""
_FIRST_WAIT = 0.25
_LONGEST_WAIT = 5.0
_LOGGED = 10
"""Malformed records of one batch that are logged one by one."""
_COPY_FROM = 50
"""Rows from which PostgreSQL takes them faster by COPY than one by one."""
_LATE = timedelta(hours=1)
"""So long after a customer was forgotten what was told of it before may still arrive, from a worker that had lost its partition. Not for ever: offsets begin
anew where a topic was made again.
"""
_PLACE = itemgetter(SinkRecord._fields.index("topic"), SinkRecord._fields.index("partition"))
_TIME = FindingRecord._fields.index("time")
_AFTER_TIME = _TIME + 1

_log = logging.getLogger(__name__)


class Written(NamedTuple):
    """What a batch changed: rows by table, malformed records by topic, of each new revision the seconds from the
    broker to the database, and of each pulse those from where it was sent.
    """

    findings: int
    alerts: int
    scores: int
    dead_letters: int
    malformed: Mapping[TopicKind, int]
    latencies: Sequence[float]
    pulses: Sequence[float] = ()


class DatabaseWriter:
    """Writes batches to the database, on whatever thread calls it, one call at a time."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        """Take an engine of `sinks.database.create_engine` and a wall clock in microseconds UTC."""
        self._engine = writing(engine)
        self._clock = clock
        self._statements = Statements(engine.dialect.name)
        self._failures = 0

    def write(self, batch: Sequence[SinkRecord]) -> Written:
        """Write a batch; when it returns, the batch is durable.

        Raises `DatabaseUnavailable` when the database cannot take it now: nothing of it is written then, or (the
        connection broke during the commit) all of it, and writing it again is right either way. Any other error is a
        bug.
        """
        parsed = parse(batch)
        changes = _Changes.fold(parsed, batch)
        try:
            counts = self._attempt(parsed, changes)
        except DatabaseUnavailable as error:
            error.retry_after = min(_LONGEST_WAIT, _FIRST_WAIT * 2**self._failures)
            self._failures = min(self._failures + 1, 10)
            raise
        self._failures = 0
        _report(parsed)
        now = self._clock()
        return Written(
            findings=len(counts.findings),
            alerts=counts.alerts,
            scores=len(changes.scores),
            dead_letters=len(changes.letters),
            malformed=Counter(kind for kind, _, _ in parsed.malformed),
            latencies=[max(0, now - record.timestamp) / 1e6 for record in counts.findings if record.timestamp >= 0],
            pulses=[max(0, now - sent) / 1e6 for sent in parsed.pulses],
        )

    def _attempt(self, parsed: Parsed, changes: "_Changes") -> "_Counts":
        def write(connection: Connection, attempt: int) -> _Counts:
            if attempt >= _ALONE_FROM:
                connection.exec_driver_sql(LOCK_TABLES)
            now = _EPOCH + timedelta(microseconds=self._clock())
            return _Transaction(connection, self._statements, now).write(parsed, changes)

        return transact(self._engine, write, _ATTEMPTS)


class _Counts(NamedTuple):
    findings: list[FindingRecord]
    alerts: int


class _Changes(NamedTuple):
    """A batch folded by key, each in the order of its keys: two writers that meet wait for each other in one direction."""

    findings: dict[str, FindingRecord]
    alerts: dict[str, FindingRecord]
    """Every alert that any of the records would have opened, were it alone in its batch; so batches of any size give
    the same alerts.
    """
    scores: dict[Subject, ScoreRecord]
    """These alone as they came: their rows are put in order."""
    briefs: dict[str, BriefRecord]
    letters: dict[tuple[str, int, int], LetterRecord]
    marks: list[Mark | Forgotten]
    newest: dict[tuple[str, int], SinkRecord]
    """Of each partition, well formed or not."""

    @classmethod
    def fold(cls, parsed: Parsed, batch: Sequence[SinkRecord]) -> "_Changes":
        findings, alerts = _folded(parsed.findings)
        letters: dict[tuple[str, int, int], LetterRecord] = {}
        for letter in parsed.letters:
            letters.setdefault((letter.topic, letter.partition, letter.offset), letter)
        newest = dict(zip(map(_PLACE, batch), batch, strict=True))
        return cls(
            findings,
            alerts,
            parsed.scores,
            dict(sorted(parsed.briefs.items())),
            dict(sorted(letters.items())),
            parsed.marks,
            dict(sorted(newest.items())),
        )


def _folded(records: Iterable[FindingRecord]) -> tuple[dict[str, FindingRecord], dict[str, FindingRecord]]:
    """Return of each finding the record that counts, and by the alerts that any would open the first of each."""
    findings: dict[str, FindingRecord] = {}
    alerts: dict[str, FindingRecord] = {}
    for record in records:
        other = findings.setdefault(record.id, record)
        if other is not record and record.rank > other.rank:
            findings[record.id] = record
        if record.standing:
            alerts.setdefault(record.alert, record)
    return dict(sorted(findings.items())), alerts


class _Transaction:
    """One transaction: findings first, then the alerts that they touch, then the rest."""

    def __init__(self, connection: Connection, statements: Statements, now: datetime) -> None:
        self._connection = connection
        self._statements = statements
        self._now = now

    def write(self, parsed: Parsed, changes: _Changes) -> _Counts:
        self._write_marks(changes.marks)
        changes = self._in_time(parsed, changes)
        known = {row[0]: row[1:] for row in self._select(self._statements.known_findings, list(changes.findings))}
        winners: list[FindingRecord] = []
        news: dict[str, list[News]] = {}
        moved: dict[str, set[str]] = {}
        for identity, record in changes.findings.items():
            stood = None
            if identity in known:
                revision, rule_version, alert, was_standing = known[identity]
                if record.rank <= (revision, rule_version):
                    continue
                stood = alert if was_standing else None
            winners.append(record)
            if stood is not None:
                news.setdefault(stood, [])
            if record.standing:
                fresh = news.setdefault(record.alert, [])
                if stood != record.alert:
                    fresh.append(News(record.time, record.rule, record.rule_version))
                    if stood is not None:
                        moved.setdefault(stood, set()).add(record.alert)
        self._write_findings(winners)
        alerts = self._write_alerts(news, changes.alerts, moved)
        self._write_scores(changes.scores)
        self._write_briefs(changes.briefs)
        letters = self._statements.letters
        self._upsert(letters, [letters.row(_letter_row(letter)) for letter in changes.letters.values()])
        self._write_progress(changes.newest)
        return _Counts(winners, alerts)

    def _write_findings(self, records: list[FindingRecord]) -> None:
        time = self._statements.stored_time
        now = time(self._now)
        self._upsert(self._statements.findings, [(*record[:_TIME], time(record.time), *record[_AFTER_TIME:-2], now) for record in records])

    def _upsert(self, upsert: Upsert, rows: list[tuple[Any, ...]]) -> None:
        if len(rows) < _COPY_FROM or self._connection.dialect.name != "postgresql":
            if rows:
                self._connection.exec_driver_sql(upsert.sql, rows)
            return
        driver: Any = self._connection.connection.driver_connection
        with driver.cursor() as cursor:
            cursor.execute(upsert.create_copied)
            with cursor.copy(upsert.copy) as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(upsert.take_copied)

    def _write_alerts(self, news: Mapping[str, list[News]], named: Mapping[str, FindingRecord], moved: Mapping[str, set[str]]) -> int:
        statements = self._statements
        known = {row[0]: row for row in self._select(statements.known_alerts, list(news.keys() | named.keys()))}
        standing = {row[0]: row[1:] for row in self._select(statements.standing, list(news))}
        time = statements.stored_time
        updated = time(self._now)
        rows, changes = [], []
        taken_over = self._taken_over(moved, known, named)
        given = {alert: key for key, takeover in taken_over.items() for alert in takeover.handled}
        # An alert that only is named has nothing new, unless it has no row yet.
        for key in sorted(news.keys() | (named.keys() - known.keys())):
            old, now = known.get(key), standing.get(key)
            occurrences = 0
            if old is None:
                first = named[key]
                subject = key, first.tenant, first.detector, first.customer, first.seam_from, first.seam_to
                severity, before, seen, version = first.severity, None, first.time, 1
                first_seen = last_seen = time(seen)
            else:
                subject, severity, before, seen = old[:6], old.severity, self._verdict(old), statements.read_time(old.last_seen)
                first_seen, last_seen, version = old.first_seen, old.last_seen, old.version + 1
            if now is not None:
                occurrences, rank, first_seen, last_seen = now
                severity = RANK_SEVERITY[rank]
            left, reason = advance(before, occurrences=occurrences, severity=severity, last_seen=seen, news=news.get(key, ()))
            if key in taken_over:
                verdict, fresh = taken_over[key].verdict, taken_over[key].news
                left, _ = advance(verdict, occurrences=occurrences, severity=severity, last_seen=seen, news=fresh)
                version, reason = version + len(taken_over[key].acts), ChangeReason.LINKED
            elif key in given:
                left, reason = Verdict(AlertState.RESOLVED, Resolution.DUPLICATE, seen_until=seen, duplicate_of=given[key]), Resolution.DUPLICATE
            state, assignee = left.state.value, left.assignee
            resolution = None if left.resolution is None else left.resolution.value
            until = None if left.seen_until is None else time(left.seen_until)
            judged = None if left.judged_rules is None else encode_json(left.judged_rules)
            woken = None if left.snoozed_until is None else time(left.snoozed_until)
            seen_now = severity, first_seen, last_seen, occurrences, assignee, version, updated
            rows.append((*subject, state, resolution, until, judged, *seen_now, woken, left.snoozed_severity, left.duplicate_of))
            if reason is not None:
                before_state = None if before is None else before.state.value
                handled = None, assignee, woken, left.duplicate_of, None
                changes.append((key, version, before_state, state, reason.value, STREAM, updated, *handled))
        self._upsert(statements.alerts, rows)
        for key, takeover in taken_over.items():
            takeover.move(self._connection, key, known[key].version if key in known else 0)
        self._upsert(statements.changes, changes)
        return len(rows)

    def _taken_over(self, moved: Mapping[str, set[str]], known: Mapping[str, Any], named: Mapping[str, FindingRecord]) -> dict[str, Takeover]:
        """Return what alerts take over from others, under which findings stood that ``moved`` away."""
        if not moved:
            return {}
        of = {key: known[key] for key in moved.keys() | set().union(*moved.values()) if key in known}
        return takeovers(self._connection, moved, {**named, **of}, {key: self._verdict(row) for key, row in of.items()})

    def _verdict(self, row: Any) -> Verdict:
        judged = json.decode(row.judged_rules) if isinstance(row.judged_rules, str) else row.judged_rules  # as the driver gives it
        time = self._statements.read_time
        return Verdict(
            AlertState(row.state),
            None if row.resolution is None else Resolution(row.resolution),
            time(row.seen_until),
            judged,
            time(row.snoozed_until),
            row.snoozed_severity,
            row.duplicate_of,
            row.assignee,
        )

    def _write_scores(self, records: Mapping[Subject, ScoreRecord]) -> None:
        stored_time = self._statements.stored_time
        kept, gone = [], []
        last, stored = None, None  # neighbours are mostly of one moment
        for subject, (score, as_of, offset) in records.items():
            key = score_key(subject)
            if as_of != last:
                last, stored = as_of, stored_time(as_of)
            if score.value is None:
                gone.append((key, stored, score.sequence, offset))
            else:
                kept.append((key, *subject, score.value, score.samples, json.encode(score.components).decode(), stored, score.sequence, offset))
        kept.sort(key=itemgetter(0))
        gone.sort(key=itemgetter(0))
        self._upsert(self._statements.ended_scores, gone)
        self._upsert(self._statements.scores, kept)
        if gone:
            self._connection.exec_driver_sql(self._statements.delete_scores, gone)

    def _write_briefs(self, records: Mapping[str, BriefRecord]) -> None:
        stored_time = self._statements.stored_time
        rows = []
        for key, (brief, time, body, offset, _) in records.items():
            whose = brief.tenant, brief.journey, brief.customer, brief.id, brief.contact, brief.occasion, brief.to_team
            rows.append((key, *whose, stored_time(time), offset, body))
        self._upsert(self._statements.briefs, rows)

    def _write_marks(self, marks: Sequence[Mark | Forgotten]) -> None:
        """Forget whom the marks say is forgotten, before what was told of them afterwards is written, and note who is whose alias."""
        for mark in marks:
            if isinstance(mark, Forgotten):
                if not self._note_forgotten(mark):
                    continue
                if mark.kind is TopicKind.BRIEFS:
                    forget_briefs(self._connection, mark.tenant, mark.customer, mark.offset)
                else:
                    forget_customer(self._connection, mark.tenant, mark.customer, mark.until, mark.sequence)
            elif mark.alias_of:
                self._upsert(self._statements.aliases, [(*mark[:-1], self._statements.stored_time(mark.time))])
            else:
                own = (customer_aliases.c.tenant == mark.tenant, customer_aliases.c.alias == mark.customer)
                self._connection.execute(delete(customer_aliases).where(*own))

    def _note_forgotten(self, mark: Forgotten) -> bool:
        """Remember for a while that what was told of a customer before is not to come again; return False where that was noted before."""
        if mark.source is None:
            return True
        time, digest = self._statements.stored_time, key_digest(mark.tenant, mark.customer)
        self._connection.exec_driver_sql(self._statements.delete_forgotten, (time(self._now - _LATE),))
        if self._forgotten([digest]).get((digest, mark.kind.value), -1) >= mark.source:
            return False
        self._upsert(self._statements.forgotten, [(digest, mark.kind.value, mark.source, time(self._now))])
        return True

    def _forgotten(self, digests: list[str]) -> dict[tuple[str, str], int]:
        """Return by digest and kind of topic at which offset of their touchpoints customers were forgotten."""
        return {(digest, kind): offset for digest, kind, offset in self._select(self._statements.known_forgotten, digests)}

    def _in_time(self, parsed: Parsed, changes: _Changes) -> _Changes:
        """Return what is left of a batch without what came late of customers who were forgotten meanwhile."""
        if not (changes.findings or changes.briefs):
            return changes
        last = self._connection.exec_driver_sql(self._statements.last_forgotten).scalar()
        if last is None or self._statements.read_time(last) < self._now - _LATE:
            return changes
        told: Iterable[FindingRecord | Brief] = chain(parsed.findings, (each.brief for each in changes.briefs.values()))
        digests = {key: key_digest(*key) for key in {(each.tenant, each.customer) for each in told}}
        forgotten = self._forgotten(list(digests.values()))
        if not forgotten:
            return changes

        def in_time(kind: TopicKind, whose: FindingRecord | Brief, source: int | None) -> bool:
            at = forgotten.get((digests[whose.tenant, whose.customer], kind.value))
            return at is None or source is None or is_after(source, at)

        findings, alerts = _folded(each for each in parsed.findings if in_time(TopicKind.ALERTS, each, each.source))
        briefs = {key: each for key, each in changes.briefs.items() if in_time(TopicKind.BRIEFS, each.brief, each.source)}
        late = len(changes.findings) - len(findings) + len(changes.briefs) - len(briefs)
        if late:
            _log.info("left out %d findings and briefs that came after their customer was forgotten", late)
        return changes._replace(findings=findings, alerts=alerts, briefs=briefs)

    def _write_progress(self, newest: Mapping[tuple[str, int], SinkRecord]) -> None:
        time = self._statements.stored_time
        now = time(self._now)
        appended = {at: _EPOCH + timedelta(microseconds=max(0, record.timestamp)) for at, record in newest.items()}
        self._upsert(self._statements.progress, [(*at, newest[at].offset, time(appended[at]), now) for at in newest])

    def _select(self, lookup: Lookup, keys: list[str]) -> Sequence[Any]:
        return self._connection.exec_driver_sql(lookup.sql, lookup.parameters(keys)).all() if keys else []


def _letter_row(letter: LetterRecord) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "time": letter.time,
        "letter_topic": letter.letter.topic,
        "letter_partition": letter.letter.partition,
        "letter_offset": letter.letter.offset,
    }


def _report(parsed: Parsed) -> None:
    for _, record, why in parsed.malformed[:_LOGGED]:
        _log.error("left out %s partition %d offset %d: %s", record.topic, record.partition, record.offset, why)
    if len(parsed.malformed) > _LOGGED:
        _log.error("left out %d more records of this batch", len(parsed.malformed) - _LOGGED)
