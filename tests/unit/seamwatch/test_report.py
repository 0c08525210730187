"""`seamwatch report`: the page that a manager reads."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text

from models.tables import score_history, scores
from sinks.database import create_engine, upgrade
from sinks.report.locale import Tongue
from sinks.writer import DatabaseWriter
from tests.support.portrait import paint
from tests.unit.seamwatch.support import run
from tests.unit.sinks.builders import clock, finding, record
from tests.unit.sinks.corridors import at

LAST = datetime(2026, 3, 8, 20, tzinfo=UTC)
PERIOD = ("--from", "2026-03-05", "--to", "2026-03-08")


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a database of a contact centre's eight days."""
    url = f"sqlite:///{tmp_path_factory.mktemp('report')}/painted.db"
    upgrade(url)
    engine = create_engine(url)
    paint(engine, LAST, days=8, journeys=60)
    engine.dispose()
    return url


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a database without anything, as the one that commands use."""
    url = f"sqlite:///{tmp_path}/empty.db"
    upgrade(url)
    monkeypatch.setenv("SEAMWATCH_DATABASE", url)
    return url


class _Balanced(HTMLParser):
    """Complains of an element that is not closed where it should be."""

    VOID = frozenset({"meta", "br", "circle", "rect", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, _: object) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("language", "direction", "says"),
    [
        ("en", "ltr", ["How it went for our customers", "March 5, 2026 to March 8, 2026", "Three stories", "points"]),
        ("de", "ltr", ["So ging es unseren Kunden", "5. März 2026 bis 8. März 2026", "Drei Geschichten"]),
        ("zh-Hans", "ltr", ["客户经历了什么", "2026年3月5日至2026年3月8日", "三个故事"]),
        ("fa", "rtl", ["بر مشتریان ما چه گذشت", "۱۴ اسفند ۱۴۰۴", "سه داستان"]),
    ],
)
def test_the_page_tells_everything_in_each_language(
    painted: str, monkeypatch: pytest.MonkeyPatch, language: str, direction: str, says: list[str]
) -> None:
    """Score with change and sample size, seams, stories, promises, ways and portfolio, complete HTML, no script, nothing from elsewhere."""
    monkeypatch.setenv("SEAMWATCH_DATABASE", painted)
    page = run("report", *PERIOD, "--out", "-", "--language", language).stdout
    plain = re.sub("[\u2066-\u2069]", "", page)
    for each in says:
        assert each in plain
    parser = _Balanced()
    parser.feed(page)
    assert (parser.open, "script" in parser.seen, parser.seen >= {"svg", "article", "ol", "ul"}) == ([], False, True)
    assert f'lang="{language}" dir="{direction}"' in page
    assert page.count('class="story"') == 3
    assert page.count("<li>") == 3 + 5
    assert not re.search(r"(src|href)=|url\(|@import|\{[a-z_]+\}", page)


def test_a_score_is_compared_with_what_it_was_as_many_days_before(painted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noted as 80 and 90 of 40 and 60 samples in the period, 70 of 10 before it and 1 long before: 85 from 50, before 70 from 10."""
    monkeypatch.setenv("SEAMWATCH_DATABASE", painted)
    assert "before 70.0" not in run("report", *PERIOD, "--out", "-").stdout
    engine = create_engine(painted)
    own, seen = scores.c, score_history.c
    noted = [(datetime(2026, 3, 6, 9, tzinfo=UTC), 80, 40), (datetime(2026, 3, 8, 23, tzinfo=UTC), 90, 60)]
    noted += [(datetime(2026, 3, 4, 23, tzinfo=UTC), 70, 10), (datetime(2026, 2, 28, 23, tzinfo=UTC), 1, 1)]
    with engine.begin() as connection:
        key = connection.scalars(select(own.key).where(own.scope == "tenant", own.score == "consistency").order_by(own.half_life.desc())).first()
        connection.execute(insert(score_history), [{"score": key, "hour": hour, "value": value, "samples": samples} for hour, value, samples in noted])
    page = run("report", *PERIOD, "--out", "-").stdout
    assert page.count("before 70.0 from 10") == 1
    assert re.search(r"<b>85\.0</b><span>from 50</span>\s*<span class=\"change better\">before 70\.0", page)
    assert "Scores as of" not in page
    with engine.begin() as connection:
        connection.execute(delete(score_history).where(seen.score == key))
    engine.dispose()


def test_what_it_costs_is_told_where_it_is_known(painted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without minutes the page says how to set them; with both there is money in the currency of the accounts."""
    monkeypatch.setenv("SEAMWATCH_DATABASE", painted)
    assert "SEAMWATCH_HANDLING_MINUTES" in run("report", *PERIOD, "--out", "-").stdout
    monkeypatch.setenv("SEAMWATCH_HANDLING_MINUTES", '{"repeated_request": 60, "repeated_answer": 60, "context_lost": 60, "ping_pong": 60}')
    monkeypatch.setenv("SEAMWATCH_COST_PER_MINUTE", "2")
    page = run("report", *PERIOD, "--out", "-").stdout
    cost = re.search(r"together cost ([\d,]+) hours of work: €([\d,]+)", page)
    assert cost is not None
    assert int(cost[2].replace(",", "")) == 120 * int(cost[1].replace(",", ""))


def test_names_are_text_whatever_they_hold(empty: str, tmp_path: Path) -> None:
    """A team that is called like an element stays a name; a finding alone, without volumes, has no score of the period and says why."""
    engine = create_engine(empty)
    first = {"source": "s", "id": "x", "time": "2026-03-05T10:00:00Z", "type": "message", "team": "<b>", "channel": "voice", "field": None, "mask": None}
    seam = {"from": "team:<b>", "to": 'team:"><script>'}
    DatabaseWriter(engine, clock).write([record(at("f1", "tech", seam=seam, first=first, time="2026-03-06T10:00:00Z"))])
    engine.dispose()
    file = tmp_path / "report.html"
    ended = run("report", *PERIOD, "--out", str(file))
    page = file.read_text()
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert "Nobody counted how often customers were served" in page
    assert "print makes a PDF" in ended.stderr


def test_a_period_without_anything_or_the_wrong_way_round_is_a_reason(empty: str) -> None:
    """No page is written: nothing is known of the days, from lies after to, a day is none."""
    nothing = run("report", *PERIOD, "--out", "-")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "nothing is known of 2026-03-05 to 2026-03-08" in nothing.stderr
    turned = run("report", "--from", "2026-03-08", "--to", "2026-03-05", "--out", "-")
    assert (turned.exit_code, "is after --to" in turned.stderr) == (2, True)
    assert "is no day" in run("report", "--from", "soon", "--to", "2026-03-05", "--out", "-").stderr


def test_mixed_currencies_leave_the_portfolio_out_and_say_why(empty: str) -> None:
    """The rest of the page stands."""
    engine = create_engine(empty)
    DatabaseWriter(engine, clock).write([record(finding(time="2026-03-06T10:00:00Z"))])
    with engine.begin() as connection:
        for number, currency in enumerate(["EUR", "USD"]):
            values = {"customer": str(number), "currency": currency}
            statement = "INSERT INTO customers (tenant, customer, billed, billed_currency, answers, state) VALUES ('acme', :customer, 5, :currency, 0, '{}')"
            connection.execute(text(statement), values)
    engine.dispose()
    page = run("report", *PERIOD, "--out", "-").stdout
    assert "revenue is in EUR, USD: set SEAMWATCH_CURRENCY" in page
    assert "The three seams that hurt most" in page


@pytest.mark.parametrize(
    ("language", "number", "share", "money", "day"),
    [
        ("en", "1,234.5", "12.5%", "€1,235", "March 8, 2026"),
        ("de", "1.234,5", "12,5\xa0%", "1.235\xa0€", "8. März 2026"),
        ("zh-Hans", "1,234.5", "12.5%", "€1,235", "2026年3月8日"),
        ("fa", "۱٬۲۳۴٫۵", "۱۲٫۵٪", "\u200e€\xa0۱٬۲۳۵", "۱۷ اسفند ۱۴۰۴"),
    ],
)
def test_figures_are_written_as_the_language_does(language: str, number: str, share: str, money: str, day: str) -> None:
    """Separators, digits, the place of the currency, and in Persian the Persian calendar."""
    tongue = Tongue(language)
    written = tongue.number(1234.5, 1), tongue.share(0.125, 1), tongue.money(1234.56, "EUR"), tongue.day(LAST.date())
    assert written == (number, share, money, day)
