"""The live screen: what happened in words, where it was said before, and a screen that fits."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from agents.detectors import RULE_MODELS
from models.alert import Alert, AlertState
from models.finding import Evidence, Finding, RuleStamp, Seam
from seamwatch.live_view import Bar, Screen, Shown, draw, evidence_line, plain_line, words

NOW = datetime(2026, 3, 2, 10, 5, tzinfo=UTC)


def evidence(kind: str, minute: float, **other: Any) -> Evidence:
    """Return a touchpoint that a finding rests on, some minutes before now."""
    given = {"team": "billing", "channel": "voice", "field": None, "mask": None} | other
    return Evidence(source="s", id=f"e-{minute}", type=kind, time=NOW - timedelta(minutes=minute), **given)


def finding(detector: str = "repeated_request", **other: Any) -> Finding:
    """Return a finding: told a bot two minutes ago, asked by a team one minute ago."""
    given: dict[str, Any] = {
        "reason": "bot_then_agent",
        "field": "account_number",
        "first": evidence("info.provided", 2, team="welcome", channel="bot", mask="…4711"),
        "again": evidence("info.requested", 1),
        "time": NOW - timedelta(minutes=1),
    } | other
    return Finding(
        id="f", revision=1, withdrawn=False, detector=detector, severity="warning", tenant="default", customer="c-1",
        journey="j", contact="k", seam=None, silos=["process"], evidence=[], explained_by=None, alert="a",
        rule=RuleStamp(name=detector, version=1, mode="on"), summary="", **given,
    )  # fmt: skip


def alert(detector: str = "repeated_request") -> Alert:
    """Return an alert whose newest finding is a minute old."""
    seen = NOW - timedelta(minutes=1)
    return Alert(
        key="a", tenant="default", detector=detector, customer="c-1", seam=Seam(from_="team:welcome", to="team:billing"),
        state=AlertState.OPEN, resolution=None, severity="warning", first_seen=seen, last_seen=seen, occurrences=2,
        assignee=None, version=1, updated=NOW,
    )  # fmt: skip


def test_where_it_was_said_and_where_it_was_asked_again() -> None:
    """The evidence is one line: whom it was told and when, with the mask, and who asked again."""
    told, asked = (f"{(NOW - timedelta(minutes=minutes)).astimezone():%H:%M:%S}" for minutes in (2, 1))
    assert evidence_line(finding()) == f"told bot:welcome {told} …4711 -> asked by team billing {asked}"


def test_an_absence_says_that_nobody_came() -> None:
    """Where the finding is that nothing happened, the line says until when."""
    waited = finding("unanswered_handoff", first=evidence("handoff.started", 2), again=None)
    assert "passed on by team billing" in evidence_line(waited)
    assert evidence_line(waited).endswith(f"nobody took over by {waited.time.astimezone():%H:%M:%S}")
    promised = finding("broken_promise", first=evidence("promise.made", 2), again=None)
    assert "promised by team billing" in evidence_line(promised)
    assert evidence_line(promised).endswith(f"not done by {promised.time.astimezone():%H:%M:%S}")


def test_another_day_is_named() -> None:
    """What was said on another day shows the day."""
    yesterday = finding(first=evidence("info.provided", 1500, mask="…4711"))
    assert f"told team billing {(NOW - timedelta(minutes=1500)).astimezone():%a %H:%M:%S}" in evidence_line(yesterday)


@pytest.mark.parametrize("detector", sorted(RULE_MODELS))
def test_every_detector_has_words(detector: str) -> None:
    """What every detector finds is told in words of its own, which are not its name."""
    assert words(alert(detector), finding(detector)) not in {detector, detector.replace("_", " ")}


def test_a_plain_line_holds_all_of_it() -> None:
    """Without a terminal an alert is one line with severity, words, seam, customer and evidence."""
    line = plain_line(Shown(alert(), finding()))
    for part in ("warning", "asked again for the account number after a bot", "welcome -> billing", "c-1", "…4711"):
        assert part in line
    assert "\n" not in line


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (200, 60), (60, 12), (120, 20)])
@pytest.mark.parametrize("alerts", [0, 3, 100])
def test_the_screen_fits_the_terminal(size: tuple[int, int], alerts: int) -> None:
    """Whatever the size and however many alerts there are, the screen is as high as the terminal at most, and no wider."""
    wide, high = size
    bars = [Bar(f"team number {number}", 1 - number / 20, "97.5") for number in range(20)]
    shown = [Shown(alert(), finding())] * alerts
    screen = Screen(NOW, ["broker x", "database " + "y" * 150, "metrics z"], shown, bars, bars, bars, ["status"] * 30)
    console = Console(width=wide, height=high, file=io.StringIO(), force_terminal=True)
    lines = console.render_lines(draw(screen, console), pad=False)
    assert len(lines) <= high
    assert all(sum(segment.cell_length for segment in line) <= wide for line in lines)
