"""Alerts as the console shows them: pages, counts, one with its story."""

import base64
import binascii
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from heapq import nlargest
from http import HTTPStatus
from itertools import chain, product
from typing import Any, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    case,
    collate,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from models.alert import Alert, AlertState
from models.finding import Evidence, Severity, seam_sides
from models.tables import alert_changes, alerts, findings
from sinks.alerts import UNRESOLVED, alert_of, change_of, finding_of, newest_findings
from sinks.briefs import latest_brief
from sinks.console.moments import Sought
from sinks.console.problems import Refusal
from sinks.console.shapes import (
    AlertDetail,
    AlertFilter,
    AlertItem,
    AlertPage,
    AlertQuery,
    Facets,
    FindingNode,
    Group,
    GroupQuery,
    Groups,
    Journey,
    Journeys,
    Latest,
    StoryPart,
    Words,
)
from sinks.database import one_of
from sinks.errors import database_errors
from sinks.identity import aliases_of
from sinks.lifecycle import rank

__all__ = ["Desk"]

_MOST_FINDINGS = 500
_BARS = ("detector", "severity", "state", "seam", "team", "channel", "assignee")
_NOBODY = "-"
_MATCHES = 2000
"""Alerts that a search by words finds at most, and among the newest of which it looks first."""
_COMMON = 600
"""Alerts among these that make words common, more than a page has: then all others are not looked through."""
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)

_judged = select(findings.c.alert, findings.c.rule).where(findings.c.standing).distinct().subquery()
"""By which rules alerts were judged."""

Tell = Callable[[Mapping[str, Any]], Words]
_Position = tuple[datetime, str]
"""Of an alert in the list: the time of its newest finding, and its key."""
_Counted = list[tuple[str, Counter[str]]]
_Question = Callable[[Connection], _Counted]
_AT_ONCE = 3
"""Questions that one request has answered at a time."""


class Desk:
    """What somebody may see of the alerts: those of ``teams`` alone, None: all. ``name`` is theirs. Every method raises `DatabaseUnavailable`."""

    def __init__(self, engine: Engine, name: str, teams: Collection[str] | None, now: datetime) -> None:
        self._engine = engine
        self._name = name
        self._teams = teams
        self._now = now

    def page(self, wanted: AlertQuery) -> AlertPage:
        """Return a page of alerts. Raises `Refusal` for a cursor that is none."""
        position = None if wanted.cursor is None else _read_cursor(wanted.cursor)
        conditions = self._conditions(wanted)
        with database_errors(self._engine), self._engine.connect() as connection:
            if wanted.q.split():
                number, least, rows = self._page_of_words(connection, conditions, wanted, position)
            else:
                least = False
                number, rows = self._page_of(connection, conditions, wanted, position)
            items = _items(connection, rows[: wanted.limit])
        more = len(rows) > wanted.limit
        return AlertPage(items=items, next=_cursor(items[-1].alert) if more else None, total=number, least=least, as_of=self._now)

    def _page_of(
        self, connection: Connection, conditions: Sequence[ColumnElement[bool]], wanted: AlertQuery, position: _Position | None
    ) -> tuple[int, Sequence[Any]]:
        """Return how many alerts there are, and the rows of a page and the one that follows."""
        after = true() if position is None else _after(*position)
        most = wanted.limit + 1
        if self._teams is None and not (wanted.team or wanted.channel or wanted.rule):
            number = connection.execute(select(func.count()).select_from(alerts).where(*conditions)).scalar_one()
            return number, connection.execute(_newest_first(and_(*conditions, after)).limit(most)).all() if number else []
        # What asks for findings is asked once, for the number and for the rows.
        found = select(alerts.c.last_seen, alerts.c.key).where(*conditions).cte("found")
        total = select(func.count()).select_from(found).scalar_subquery()
        shown = select(found.c.key).where(_after(*position, among=found.c) if position else true()).order_by(found.c.last_seen.desc(), found.c.key.desc())
        rows = connection.execute(_newest_first(alerts.c.key.in_(shown.limit(most))).add_columns(total.label("total"))).all()
        if not rows and position is not None:
            return connection.execute(select(func.count()).select_from(found)).scalar_one(), rows
        return rows[0].total if rows else 0, rows

    def _page_of_words(
        self, connection: Connection, conditions: Sequence[ColumnElement[bool]], wanted: AlertQuery, position: _Position | None
    ) -> tuple[int, bool, Sequence[Any]]:
        """As `_page_of`, and whether there may be more alerts than were counted."""
        found, least = self._found(connection, conditions, wanted.q)
        number = len(found)
        if position is not None:
            found = self._found(connection, [*conditions, _after(*position)], wanted.q)[0] if least else [each for each in found if each < position]
        keys = [key for _, key in found[: wanted.limit + 1]]
        return number, least, connection.execute(_newest_first(one_of(connection.dialect.name, alerts.c.key, keys))).all() if keys else []

    def every(self, wanted: AlertFilter, page: int = 500) -> Iterator[AlertItem]:
        """Yield all alerts of a filter, a page at a time."""
        where = and_(*self._conditions(wanted), *([self._mentioned(wanted.q)] if wanted.q.split() else []))
        query = _newest_first(where).limit(page)
        position: ColumnElement[bool] = true()
        while True:
            with database_errors(self._engine), self._engine.connect() as connection:
                items = _items(connection, connection.execute(query.where(position)).all())
            yield from items
            if len(items) < page:
                return
            position = _after(items[-1].alert.last_seen, items[-1].alert.key)

    def changed(self, since: datetime, limit: int) -> list[AlertItem]:
        """Return at most ``limit`` alerts that were written at ``since`` or later, in the order of their last write."""
        query = select(alerts).where(alerts.c.updated >= since, *self._scope()).order_by(alerts.c.updated, alerts.c.key)
        with database_errors(self._engine), self._engine.connect() as connection:
            return _items(connection, connection.execute(query.limit(limit)).all())

    def some(self, keys: Collection[str]) -> list[AlertItem]:
        """Return those of these alerts that may be seen."""
        query = select(alerts).where(alerts.c.key.in_(keys), *self._scope()).order_by(alerts.c.updated, alerts.c.key)
        with database_errors(self._engine), self._engine.connect() as connection:
            return _items(connection, connection.execute(query).all())

    def visible(self, keys: Collection[str]) -> set[str]:
        """Return which of these keys are those of alerts that may be seen."""
        query = select(alerts.c.key).where(alerts.c.key.in_(keys), *self._scope())
        with database_errors(self._engine), self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def show(self, key: str, tell: Tell, rules: Mapping[str, Mapping[str, Any]]) -> AlertDetail | None:
        """Return an alert with all it rests on, None where there is none that may be seen."""
        of_alert = select(findings).where(findings.c.alert == key)
        with database_errors(self._engine), self._engine.connect() as connection:
            row = connection.execute(select(alerts).where(alerts.c.key == key, *self._scope())).one_or_none()
            if row is None:
                return None
            own = connection.execute(
                of_alert.order_by(findings.c.time.desc(), findings.c.id).limit(_MOST_FINDINGS)
            ).all()
            around = _journeys_of(connection, row.tenant, row.customer, {each.journey for each in own})
            changes = alert_changes.c
            changed = connection.execute(
                select(alert_changes).where(changes.alert == key).order_by(changes.version)
            ).all()
        every = {each.id: each for each in (*own, *around)}
        named = dict.fromkeys(each.rule for each in own)
        nodes = _folded(every, [each.id for each in own], tell)
        journey = nodes[0].finding.journey if nodes else None
        return AlertDetail(
            alert=alert_of(row),
            findings=nodes,
            changes=[change_of(each) for each in changed],
            story=_story(every.values()),
            rules=[dict(rules[name]) for name in named if name in rules],
            brief=None if journey is None else latest_brief(self._engine, journey, tenant=row.tenant, teams=self._teams),
            as_of=self._now,
        )

    def sought(self, key: str, source: str, identity: str) -> Sought | None:
        """Return a touchpoint that a finding of an alert rests on, None where there is none that may be seen."""
        query = select(findings.c.body, findings.c.updated).join(alerts, findings.c.alert == alerts.c.key).where(alerts.c.key == key, *self._scope())
        with database_errors(self._engine), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(findings.c.time.desc(), findings.c.id).limit(_MOST_FINDINGS)).all()
        for body, stored in rows:
            for each in (body["first"], body["again"], *body["evidence"]):
                if each is not None and (each["source"], each["id"]) == (source, identity):
                    tenant, customer = body["tenant"], body["customer"]
                    customers = [customer, *aliases_of(self._engine, tenant, customer)]
                    return Sought(tenant, customers, Evidence.model_validate(each, strict=False), stored)
        return None

    def journeys(self, customer: Collection[str], tenant: str | None, tell: Tell) -> Journeys:
        """Return the journeys of which something was found, of a customer under all its names."""
        query = select(findings).where(findings.c.customer.in_(customer))
        if tenant is not None:
            query = query.where(findings.c.tenant == tenant)
        if self._teams is not None:
            own = select(alerts.c.key).where(alerts.c.customer.in_(customer), *self._scope())
            query = query.where(findings.c.alert.in_(own))
        with database_errors(self._engine), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(findings.c.time.desc(), findings.c.id).limit(_MOST_FINDINGS)).all()
        grouped: dict[tuple[str, str | None], list[Any]] = {}
        for row in rows:
            grouped.setdefault((row.tenant, row.journey), []).append(row)
        return Journeys(items=[_journey(key, found, tell) for key, found in grouped.items()], as_of=self._now)

    def groups(self, wanted: GroupQuery) -> Groups:
        """Put alerts together by what they have in common, the largest groups first."""
        columns = alerts.c
        grouped: dict[str, list[ColumnElement[Any]]] = {
            "customer": [columns.customer],
            "detector": [columns.detector],
            "seam": [columns.seam_from, columns.seam_to],
            "rule": [_judged.c.rule],
        }
        own = grouped[wanted.by]
        number = func.count()
        nobodys = func.sum(case((columns.assignee.is_(None), 1), else_=0))
        worst = func.max(case({name: rank(name) for name in _SEVERITIES}, value=columns.severity))
        query = select(*own, number, nobodys, worst, func.max(columns.last_seen)).group_by(*own)
        if wanted.by == "rule":
            query = query.join(_judged, _judged.c.alert == columns.key)
        with database_errors(self._engine), self._engine.connect() as connection:
            where, _ = self._narrowed(connection, self._conditions(wanted), wanted.q)
            rows = connection.execute(query.where(where).order_by(number.desc(), *own).limit(wanted.limit)).all()
        items = []
        for *name, count, free, severity, last_seen in rows:
            called = ">".join(name) if name[0] is not None else None
            items.append(Group(name=called, alerts=count, nobodys=free, severity=_SEVERITIES[severity], last_seen=last_seen))
        return Groups(items=items, as_of=self._now)

    def facets(self, wanted: AlertFilter) -> Facets:
        """Count alerts by what they can be filtered by; each under all filters but its own."""
        filtered = {bar for bar in _BARS if _filters(wanted, bar)}
        with database_errors(self._engine), self._engine.connect() as connection:
            # Words that few alerts have are looked for once for all bars.
            widest, least = self._narrowed(connection, self._conditions(wanted, without=filtered), wanted.q)

            def where(*without: str) -> ColumnElement[bool]:
                conditions = self._conditions(wanted, without=without)
                return self._narrowed(connection, conditions, wanted.q)[0] if least else and_(*conditions, widest)

            def by_key(*without: str) -> bool:
                others = {name for name in ("team", "channel", "rule", "q") if getattr(wanted, name)}
                return self._teams is not None or bool(others.difference(without))

            questions = _questions(where(), set(_BARS) - filtered, by_key=by_key())
            for bar in filtered:
                questions += _questions(where(bar), {bar}, by_key=by_key(bar))
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for bar, found in chain.from_iterable(self._at_once(questions)):
            counts[bar] += found
        ordered = {bar: dict(sorted(counts[bar].items(), key=lambda item: (-item[1], item[0]))) for bar in _BARS}
        return Facets.model_validate({**ordered, "as_of": self._now})

    def _at_once(self, questions: Sequence[_Question]) -> Iterator[_Counted]:
        """Ask several questions at a time: each of them is work for one processor, of PostgreSQL's server or, in SQLite, of ours, outside Python's lock."""

        def answer(question: _Question) -> _Counted:
            with database_errors(self._engine), self._engine.connect() as connection:
                return question(connection)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(answer, questions)

    def _scope(self, *, among_all: bool = False) -> list[ColumnElement[bool]]:
        return [] if self._teams is None else [self._touches("team", self._teams, among_all=among_all)]

    def _touches(self, kind: str, names: Collection[str], *, among_all: bool) -> ColumnElement[bool]:
        """Return whether an alert's seam has one of these teams or channels, or a finding of it happened there.

        Of all alerts SQLite knows it sooner from one walk through the index of places than from a look for each of them.
        """
        sides = sorted(f"{kind}:{name}" for name in names)
        here = findings.c.standing, findings.c[kind].in_(sorted(names))
        if among_all and self._engine.dialect.name == "sqlite":
            there: ColumnElement[bool] = alerts.c.key.in_(select(findings.c.alert).where(*here))
        else:
            there = exists().where(findings.c.alert == alerts.c.key, *here).correlate(alerts)
        return or_(alerts.c.seam_from.in_(sides), alerts.c.seam_to.in_(sides), there)

    def _conditions(self, wanted: AlertFilter, without: Collection[str] = ()) -> list[ColumnElement[bool]]:
        columns, begin = alerts.c, wanted.begin(self._now)
        states = wanted.state if wanted.state and "state" not in without else UNRESOLVED
        found = self._scope(among_all=True)
        if AlertState.RESOLVED not in states:
            # As the partial index has it, so that it serves.
            found.append(columns.state != literal_column("'resolved'"))
        if set(states) != UNRESOLVED:
            found.append(columns.state.in_(sorted(states)))
        if wanted.tenant is not None:
            found.append(columns.tenant == wanted.tenant)
        for name in ("key", "customer", "severity", "detector"):
            if values := getattr(wanted, name) if name not in without else []:
                found.append(columns[name].in_(values))
        if wanted.rule:
            found.append(columns.key.in_(select(findings.c.alert).where(findings.c.standing, findings.c.rule.in_(wanted.rule))))
        if wanted.seam and "seam" not in without:
            found.append(or_(*(_is_seam(each) for each in wanted.seam)))
        for name in ("team", "channel"):
            if values := getattr(wanted, name) if name not in without else []:
                found.append(self._touches(name, values, among_all=True))
        if wanted.assignee is not None and "assignee" not in without:
            found.append(
                columns.assignee.is_(None) if wanted.assignee == _NOBODY else columns.assignee == wanted.assignee
            )
        if wanted.mine and "assignee" not in without:
            found.append(columns.assignee == self._name)
        if begin is not None:
            found.append(columns.last_seen >= begin)
        if wanted.until is not None:
            found.append(columns.last_seen <= wanted.until)
        return found

    def _narrowed(self, connection: Connection, conditions: Sequence[ColumnElement[bool]], words: str) -> tuple[ColumnElement[bool], bool]:
        """Return ``conditions`` and ``words`` as one, and whether there may be more alerts than it lets through.

        Of words that many alerts have these are the newest ones: nobody reads on, and to count all of them takes as long as to read all findings.
        """
        if not words.split():
            return and_(true(), *conditions), False
        found, least = self._found(connection, conditions, words)
        return one_of(connection.dialect.name, alerts.c.key, [key for _, key in found]), least

    def _found(self, connection: Connection, conditions: Sequence[ColumnElement[bool]], words: str) -> tuple[list[_Position], bool]:
        """Return the alerts that have all words, the newest first, and whether there may be more of them."""
        lately = _newest_first(and_(*conditions)).with_only_columns(alerts.c.last_seen, alerts.c.key).limit(_MATCHES).subquery()
        # Alert by alert, so that common words end early.
        mentions = exists().where(findings.c.alert == lately.c.key, *self._has(words)).correlate_except(findings)
        some = connection.execute(select(lately.c.last_seen, lately.c.key).where(mentions)).all()
        if len(some) >= _COMMON:
            return sorted(some, reverse=True), True
        rows = connection.execute(select(alerts.c.last_seen, alerts.c.key).where(*conditions, self._mentioned(words))).all()
        return nlargest(_MATCHES, rows), len(rows) > _MATCHES

    def _mentioned(self, words: str) -> ColumnElement[bool]:
        """Return whether a finding of an alert has all words: one walk through all findings takes a third of a look for those of each alert."""
        return alerts.c.key.in_(select(findings.c.alert).where(*self._has(words)))

    def _has(self, words: str) -> list[ColumnElement[bool]]:
        """Return whether a finding has each of the words somewhere; those come first that are the rarest by their looks."""
        own = findings.c
        columns = (own.summary, own.customer, own.journey, own.field)
        ordered = sorted(words.split()[:8], key=lambda word: (not any(map(str.isdigit, word)), -len(word)))
        return [or_(*(self._contains(each, word) for each in columns)) for word in ordered]

    def _contains(self, column: ColumnElement[Any], word: str) -> ColumnElement[bool]:
        """Return whether a text has a word in it, in large letters or small; to fold those of all languages takes PostgreSQL twice as long."""
        if self._engine.dialect.name == "sqlite" or word.lower() == word.upper():  # SQLite's LIKE takes A for a by itself
            return column.contains(word, autoescape=True)
        if word.isascii():
            return func.lower(collate(column, "C")).contains(word.lower(), autoescape=True)
        return column.icontains(word, autoescape=True)


def _newest_first(where: ColumnElement[bool]) -> Select[Any]:
    return select(alerts).where(where).order_by(alerts.c.last_seen.desc(), alerts.c.key.desc())


def _after(last_seen: datetime, key: str, among: Any = alerts.c) -> ColumnElement[bool]:
    return or_(among.last_seen < last_seen, and_(among.last_seen == last_seen, among.key < key))


def _is_seam(text: str) -> ColumnElement[bool]:
    before, after = seam_sides(text)
    return and_(alerts.c.seam_from == before, alerts.c.seam_to == after)


def _filters(wanted: AlertFilter, bar: str) -> bool:
    return bool(getattr(wanted, bar)) or (bar == "assignee" and wanted.mine)


def _questions(where: ColumnElement[bool], bars: Collection[str], *, by_key: bool) -> list[_Question]:
    """Return what is to be asked to count alerts by each of ``bars``; what the answers tell of one is to be added up.

    From combinations: a database sorts all rows anew for each way to group them. ``by_key``: ``where`` asks for keys, which SQLite's index in the order of
    combinations has not; better it sorts the few that are left.
    """
    places = {"team", "channel"}.intersection(bars)

    def alone(connection: Connection) -> _Counted:
        return _of_alerts(connection, where, bars, places, by_key=by_key)

    return [*(partial(_of_places, where=where, kind=kind) for kind in sorted(places)), alone]


def _of_alerts(connection: Connection, where: ColumnElement[bool], bars: Collection[str], places: Collection[str], *, by_key: bool) -> _Counted:
    seen, number = alerts.c, func.count()
    counts: dict[str, Counter[str]] = {bar: Counter() for bar in bars}
    names = [bar for bar in ("state", "detector", "severity", "assignee") if bar in bars]
    sides = ["seam_from", "seam_to"] if places or "seam" in counts else []
    # At once from an index of SQLite, in its order; PostgreSQL is faster with few groups at a time.
    for group in [names + sides] if connection.dialect.name == "sqlite" else [names, sides]:
        columns: list[ColumnElement[Any]] = [seen[name] for name in group]
        order = columns if not by_key or connection.dialect.name != "sqlite" else [literal_column(f"+{column}") for column in columns]
        for row in connection.execute(select(number, *columns).where(where).group_by(*order)) if columns else ():
            count = row[0]
            for name in names:
                if name in group:
                    counts[name][getattr(row, name) or _NOBODY] += count
            if "seam_from" not in group or row.seam_from is None:
                continue
            if "seam" in counts:
                counts["seam"][f"{row.seam_from}>{row.seam_to}"] += count
            for kind, side in product(places, {row.seam_from, row.seam_to}):
                if (called := _named(kind, side)) is not None:
                    counts[kind][called] += count
    return list(counts.items())


def _of_places(connection: Connection, where: ColumnElement[bool], kind: str) -> _Counted:
    """Count alerts by where their findings happened, but for what is a side of the seam, as it mostly is: that is counted with the alerts."""
    seen, own = alerts.c, findings.c
    here = literal(f"{kind}:") + own[kind]
    beside = and_(*(or_(side.is_(None), side != here) for side in (seen.seam_from, seen.seam_to)))
    there = select(own[kind], func.count(own.alert.distinct())).join(alerts, seen.key == own.alert)
    rows = connection.execute(there.where(where, own.standing, own[kind].is_not(None), beside).group_by(own[kind]))
    return [(kind, Counter(dict(rows.all())))]


def _named(kind: str, side: str | None) -> str | None:
    """Return the team or channel of one side of a seam, None where it is none of that kind."""
    return side[len(kind) + 1 :] if side is not None and side.startswith(f"{kind}:") else None


def _items(connection: Connection, rows: Sequence[Any]) -> list[AlertItem]:
    keys, newest = [row.key for row in rows], dict[str, Any]()
    if keys:
        own = findings.c
        columns = (
            own.alert, own.id, own.reason, own.time, own.journey, own.contact, own.field, own.team, own.channel, own.rule,
            own.standing, own.summary,
        )  # fmt: skip
        newest = {row.alert: row for row in connection.execute(newest_findings(columns, keys))}
    return [AlertItem(alert=alert_of(row), latest=_latest(newest.get(row.key))) for row in rows]


def _latest(row: Any) -> Latest | None:
    return None if row is None else Latest.model_validate({name: getattr(row, name) for name in Latest.model_fields})


def _journeys_of(connection: Connection, tenant: str, customer: str, journeys: set[str | None]) -> Sequence[Any]:
    own, known = findings.c, sorted(filter(None, journeys))
    query = select(findings).where(own.customer == customer, own.tenant == tenant, own.journey.in_(known))
    return connection.execute(query.order_by(own.time.desc(), own.id).limit(_MOST_FINDINGS)).all()


def _folded(rows: Mapping[str, Any], shown: Iterable[str], tell: Tell) -> list[FindingNode]:
    """Return the findings of ``shown`` that no other explains, each with those that it explains."""
    explained: dict[str, list[str]] = {}
    for row in rows.values():
        if row.explained_by in rows and not row.withdrawn:
            explained.setdefault(row.explained_by, []).append(row.id)
    told = set[str]()

    def node(identity: str) -> FindingNode:
        told.add(identity)
        row = rows[identity]
        under = [node(each) for each in explained.get(identity, ()) if each not in told]
        return FindingNode(finding=finding_of(row), standing=row.standing, words=tell(row.body), explains=under)

    wanted = list(shown)
    causes = [each for each in wanted if rows[each].explained_by not in rows]
    return [node(each) for each in [*causes, *wanted] if each not in told]


def _story(rows: Iterable[Any]) -> list[StoryPart]:
    parts: dict[tuple[str, str], StoryPart] = {}
    for row in rows:
        if row.withdrawn:
            continue
        finding = finding_of(row)
        for place, evidence in (
            ("first_of", finding.first),
            ("again_of", finding.again),
            *(("of", each) for each in finding.evidence),
        ):
            if evidence is None:
                continue
            part = parts.setdefault(
                (evidence.source, evidence.id),
                StoryPart(evidence=evidence, contact=None, first_of=[], again_of=[], of=[]),
            )
            ids = getattr(part, place)
            if row.id not in ids:
                ids.append(row.id)
            if place == "again_of" and part.contact is None:
                parts[evidence.source, evidence.id] = part.model_copy(update={"contact": row.contact})
    return sorted(parts.values(), key=lambda part: _moment(part.evidence))


def _moment(evidence: Evidence) -> tuple[datetime, str, str]:
    return evidence.time, evidence.source, evidence.id


def _journey(key: tuple[str, str | None], rows: list[Any], tell: Tell) -> Journey:
    every = {row.id: row for row in rows}
    story = _story(rows)
    times = [row.time for row in rows] + [part.evidence.time for part in story]
    return Journey(
        tenant=key[0],
        journey=key[1],
        first=min(times),
        last=max(times),
        findings=_folded(every, list(every), tell),
        story=story,
        alerts=list(dict.fromkeys(row.alert for row in rows if row.standing)),
    )


def _cursor(alert: Alert) -> str:
    return base64.urlsafe_b64encode(f"{alert.last_seen.isoformat()} {alert.key}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> _Position:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
        time, _, key = text.partition(" ")
        if "\x00" in key:
            raise ValueError("no key has it")
        return datetime.fromisoformat(time).astimezone(UTC), key
    except (ValueError, OverflowError, binascii.Error) as error:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY, "cursor", "the cursor is none that this API gave: start without"
        ) from error
