"""What insights take over a year of findings in PostgreSQL: each question from the counts by day, beside the same question counted anew."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, Text, event, func, insert, select, text

from benchmarks.report import Report, say
from models.tables import alerts, finding_days, findings
from sinks.corridor import corridor, faces, snarls
from sinks.database import create_engine, upgrade
from sinks.insights import BY, Period, Weights, burdens, refresh
from sinks.portfolio import Money, Terms, money_of, needing, portfolio
from sinks.postgres import ImpatientConnection
from tests.support.services import PostgresServer

_DAYS = 365
_CHUNK = 50_000
_NEW = 1_000
"""Findings that have come since the last question."""
_WIDEST = 120
"""Characters of a line of a plan."""
_QUIET = 3600.0
"""Seconds that the server may say nothing while it is filled."""
_UNCOUNTED = {"portfolio", "who needs someone today"}
"""Questions that are answered from what the role `insight` and the writer keep, not from the counts by day."""
_WEIGHTS = Weights({"case.reopened": 2.0, "cancellation": 3.0}, Money(None, {}))
_HARM: Any = {"info": 0.0, "warning": 0.15, "critical": 0.4}

_FILL = text("""
    INSERT INTO findings (id, tenant, revision, withdrawn, detector, reason, severity, customer, journey, contact, seam_from, seam_to, field, time,
        explained_by, alert, rule, rule_version, rule_mode, standing, body, updated, team, channel)
    SELECT md5(n::text), 'default', 1, n % 50 = 0, 'detector_' || d, 'reason', CASE WHEN n % 7 = 0 THEN 'critical' ELSE 'warning' END,
        'c-' || n % 1000003, 'j-' || n % 2000003, 'k-' || n % 3000017, 'team:' || f, 'team:' || t, CASE WHEN d < 4 THEN 'field_' || n % 8 END,
        :first + n * (interval '365 days' / :findings), NULL, md5('a' || n % 4000037), 'rule_' || d, 1, 'on', n % 50 > 0,
        jsonb_build_object('id', md5(n::text), 'silos', jsonb_build_array('silo_' || d % 10), 'summary', repeat('what was said where ', 10),
            'again', jsonb_build_object('type', CASE WHEN n % 9 = 0 THEN 'case.reopened' ELSE 'info.requested' END)),
        :first + n * (interval '365 days' / :findings), t, CASE WHEN n % 2 = 0 THEN 'voice' ELSE 'chat' END
    FROM (
        SELECT n, n * 7919 % 20 AS d, n * 104729 % 11 AS f, n * 1299709 % 7 AS t
        FROM generate_series(CAST(:begin AS bigint), CAST(:end AS bigint)) AS n
    ) AS drawn
""")
_BESIDE = [
    """
    INSERT INTO customers (tenant, customer, billed, forecast, satisfaction, answers, state)
    SELECT 'default', 'c-' || n, n % 5000, n % 7000, n % 11 / 10.0, 3, '{}' FROM generate_series(0, :customers) AS n
    """,
    """
    INSERT INTO contact_marks SELECT 'default', 'k-' || n * 7, 'intent', 'cancellation' FROM generate_series(0, :customers / 7) AS n
    """,
    """
    INSERT INTO day_counts SELECT 'default', to_char(day, 'YYYY-MM-DD'), 'move', f, t, 3000, 0
    FROM generate_series(CAST(:first AS timestamptz), now(), interval '1 day') AS day,
        (SELECT c || '/' || f AS f FROM unnest(ARRAY['voice', 'chat']) AS c, generate_series(0, 9) AS f) AS before,
        (SELECT c || '/' || t AS t FROM unnest(ARRAY['voice', 'chat']) AS c, generate_series(0, 9) AS t) AS after
    """,
    """
    INSERT INTO day_counts SELECT 'default', to_char(day, 'YYYY-MM-DD'), 'visit', t, face, 30000, 0
    FROM generate_series(CAST(:first AS timestamptz), now(), interval '1 day') AS day, unnest(ARRAY['sales', 'service']) AS face,
        (SELECT CAST(t AS text) AS t FROM generate_series(0, 9) AS t) AS teams
    """,
    """
    INSERT INTO day_counts SELECT tenant, substr(day, 1, 7), kind, name, other, sum("count"), sum("sum") FROM day_counts GROUP BY 1, 2, 3, 4, 5
    """,
    """
    INSERT INTO alerts (key, tenant, detector, customer, state, severity, first_seen, last_seen, occurrences, version, updated)
    SELECT md5(n::text), 'default', 'detector_' || n % 20, 'c-' || n % 1000003, 'open', 'warning', now(), now(), 1, 1, now()
    FROM generate_series(0, :alerts) AS n
    """,
]
"""What the role `insight` and the writer keep beside a year of findings: a customer for every tenth, an open alert for every hundredth, 20 places."""


def run(year: int, rounds: int) -> Report:
    """Store a year of findings, count them by day and ask; raises ``RuntimeError`` where the counts do not add up."""
    ImpatientConnection.silence = _QUIET
    with PostgresServer() as server:
        url = server.new_database()
        upgrade(url)
        engine = create_engine(url)
        now = datetime.now(UTC)
        _fill(engine, now - timedelta(days=_DAYS), year)
        say("counting the days")
        first = _seconds(lambda: refresh(engine, now, weights=_WEIGHTS))
        with engine.begin() as connection:
            connection.execute(text("ANALYZE finding_days, place_days, place_hits"))
        _verify(engine)
        asked = {by: _questions(engine, by, now, rounds) for by in BY}
        others = {name: median(_seconds(question) for _ in range(rounds)) for name, question in _others(engine, now).items()}
        news = {name: _after_news(engine, question, rounds, counts=name not in _UNCOUNTED) for name, question in _all(engine, now).items()}
        _verify(engine)
        plan = f"{_plan(engine, now)}\n\n{_plan_of_needing(engine)}"
        engine.dispose()
    return Report(
        title="Insights over a year",
        columns=("", "from the counts", f"after {_NEW:,} new findings", "counted anew", "ratio"),
        rows=[
            *((f"{by}, all {_DAYS} days", f"{ours:.3f} s", f"{news[by]:.2f} s", f"{anew:.2f} s", f"{anew / ours:.0f}") for by, (ours, anew) in asked.items()),
            *((name, f"{ours:.3f} s", f"{news[name]:.2f} s", "", "") for name, ours in others.items()),
            ("the counts themselves, the first time", "", f"{first:.0f} s", "", ""),
        ],
        notes=[
            f"{year:,} findings, 20 detectors, 77 seams, in PostgreSQL; medians of {rounds} rounds, in turns. Counted anew is the bare "
            "aggregate over the table, without names and ranking. After new findings means: these are stored, then the days that they are of are counted "
            "and the question is answered. All that stand are in the counts. Portfolio and who needs someone read no counts: there each of the new "
            "findings has opened an alert, and the question is answered.",
        ],
        picture=plan,
    )


def _fill(engine: Engine, first: datetime, year: int) -> None:
    for begin in range(0, year, _CHUNK):
        say(f"{begin:,} of {year:,} findings stored")
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(_FILL, {"first": first, "findings": year, "begin": begin, "end": min(begin + _CHUNK, year) - 1})
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in _BESIDE:
            given = {"first": first, "customers": year // 10, "alerts": year // 100}
            connection.execute(text(statement), {name: value for name, value in given.items() if f":{name}" in statement})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE findings, customers, contact_marks, day_counts, alerts"))
        for index in ("ix_findings_updated", "ix_findings_time"):  # as they are where a year took a year
            connection.execute(select(func.brin_summarize_new_values(index)))


def _questions(engine: Engine, by: Any, now: datetime, rounds: int) -> tuple[float, float]:
    """Return the seconds that a question takes, and that the bare aggregate takes."""
    period = Period(now.date() - timedelta(days=_DAYS), now.date())
    columns = {"seams": ("seam_from", "seam_to"), "fields": ("field", "seam_from", "seam_to")}.get(by, ())
    named = [findings.c.detector, findings.c.severity, *(findings.c[name] for name in columns)]
    named += [findings.c.body["silos"].as_string()] if by == "silos" else []
    query = select(*named, func.count()).where(findings.c.standing).group_by(*named)
    ours, anew = [], []
    for number in range(rounds):
        say(f"{by}, round {number + 1} of {rounds}")
        ours.append(_seconds(lambda: burdens(engine, by, period, harm=_HARM, minutes={})))
        with engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            anew.append(_seconds(lambda: connection.execute(query).all()))
    return median(ours), median(anew)


def _others(engine: Engine, now: datetime) -> dict[str, Callable[[], Any]]:
    """Return the questions that have no like in the findings alone."""
    period, money, terms = Period(now.date() - timedelta(days=_DAYS), now.date()), _WEIGHTS.money, Terms(1000, 0.6)
    return {
        f"snarls, all {_DAYS} days": lambda: snarls(engine, period, _HARM, minimum=50),
        f"corridor, all {_DAYS} days": lambda: corridor(engine, period, _HARM),
        f"teams, all {_DAYS} days": lambda: faces(engine, period, _HARM, 20),
        "portfolio": lambda: portfolio(engine, money_of(engine, None, {}), terms),
        "who needs someone today": lambda: needing(engine, money, terms, _HARM),
    }


def _all(engine: Engine, now: datetime) -> dict[str, Callable[[], Any]]:
    """Return all questions by name."""
    period = Period(now.date() - timedelta(days=_DAYS), now.date())

    def ranked(by: Any) -> Callable[[], Any]:
        return lambda: burdens(engine, by, period, harm=_HARM, minutes={})

    return {**{by: ranked(by) for by in BY}, **_others(engine, now)}


def _after_news(engine: Engine, question: Callable[[], Any], rounds: int, counts: bool) -> float:
    """Return the seconds from when new findings and their alerts are stored to the answer that they are in, ``counts`` brought up to date before it."""
    taken = []
    for _ in range(rounds):
        refresh(engine, datetime.now(UTC), weights=_WEIGHTS)
        with engine.begin() as connection:
            lately = select(findings.c.id).where(findings.c.time > func.now() - timedelta(days=1))
            newest = connection.execute(lately.order_by(findings.c.time.desc()).limit(_NEW))
            copies = [column.name for column in findings.columns if column.name not in {"id", "updated"}]
            new = select(func.md5(findings.c.id + func.now().cast(Text)), func.now(), *(findings.c[name] for name in copies))
            new = new.where(findings.c.id.in_(newest.scalars().all()))
            connection.execute(insert(findings).from_select(["id", "updated", *copies], new))
            opened = [column.name for column in alerts.columns if column.name not in {"key", "updated"}]
            more = select(func.md5(alerts.c.key + func.now().cast(Text)), func.now(), *(alerts.c[name] for name in opened)).limit(_NEW)
            connection.execute(insert(alerts).from_select(["key", "updated", *opened], more))
        if counts:
            taken.append(_seconds(lambda: (refresh(engine, datetime.now(UTC), weights=_WEIGHTS), question())))
        else:
            taken.append(_seconds(question))
    return median(taken)


def _verify(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        counted = connection.execute(select(func.sum(finding_days.c.findings)).where(func.length(finding_days.c.day) == len("2026-03-02"))).scalar_one()
        standing = connection.execute(select(func.count()).where(findings.c.standing)).scalar_one()
    if counted != standing:
        raise RuntimeError(f"{counted:,} findings are counted, {standing:,} stand")


def _plan(engine: Engine, now: datetime) -> str:
    """Return how PostgreSQL answers where the seams hurt most."""
    own = finding_days.c
    named = own.seam_from, own.seam_to, own.detector, own.severity
    with engine.connect() as connection:
        period = Period(now.date() - timedelta(days=_DAYS), now.date())
        query = select(*named, func.sum(own.findings)).where(*period.rolled(connection, finding_days, None)).group_by(*named)
        written = query.compile(engine, compile_kwargs={"literal_binds": True})
        return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF) {written}"))


def _plan_of_needing(engine: Engine) -> str:
    """Return how PostgreSQL finds who needs someone today, the longest of its statements; what ranks them is left out."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        asked.append((statement, given))

    event.listen(engine, "before_cursor_execute", note)
    needing(engine, _WEIGHTS.money, Terms(1000, 0.6), _HARM)
    event.remove(engine, "before_cursor_execute", note)
    (longest,) = [(statement, given) for statement, given in asked if "AS waiting" in statement]
    with engine.connect() as connection:
        lines = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF, BUFFERS) {longest[0]}", longest[1])]
    return "\n".join(line if len(line) <= _WIDEST else f"{line[:_WIDEST]} …" for line in lines)


def _seconds(work: Callable[[], Any]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
