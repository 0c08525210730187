"""The live screen: open alerts with what they rest on, what is found most, and which teams and seams hurt."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from models.alert import Alert
from models.finding import Evidence, Finding, Seam
from seamwatch.terminal import severity

__all__ = ["Bar", "Screen", "Shown", "draw", "evidence_line", "plain_line", "words"]

_CHROME = 6
_FEET = 10
"""Lines of the addresses, the head of the list and the status; lines of the panels below."""
_TOLD = 6
"""Alerts that show what they rest on, where there is room."""
_BAR = 8
_SEVERITY, _SEAM, _CUSTOMER, _TIMES, _AGE = 9, 26, 9, 5, 8
_GAPS = 5
_NARROWEST = 24
_WIDE = 100
"""Columns from which there is room for figures and for a third panel."""

_REPETITION = {
    "bot_then_agent": "after a bot",
    "after_handoff": "after a handoff",
    "across_channels": "on another channel",
    "across_contacts": "in another contact",
    "same_segment": "in one conversation",
}
_DONE = {
    "info.provided": "told",
    "info.requested": "asked by",
    "info.confirmed": "read back by",
    "auth.passed": "proved to",
    "auth.requested": "asked for proof by",
    "handoff.started": "passed on by",
    "handoff.accepted": "taken over by",
    "contact.queued": "put into a queue",
    "contact.answered": "answered by",
    "promise.made": "promised by",
}
_ABSENT = {
    "unanswered_handoff": "nobody took over",
    "dead_end": "nothing followed",
    "broken_promise": "not done",
}


class Shown(NamedTuple):
    """An alert, and its newest standing finding where there is one."""

    alert: Alert
    finding: Finding | None


class Bar(NamedTuple):
    """A line with a bar: ``share`` is how much of it is full, from 0 to 1."""

    name: str
    share: float
    figure: str


class Screen(NamedTuple):
    """All that the screen shows at one moment; ``alerts`` with the newest first, ``status`` the parts of the last line."""

    now: datetime
    addresses: Sequence[str]
    alerts: Sequence[Shown]
    detectors: Sequence[Bar]
    teams: Sequence[Bar]
    seams: Sequence[Bar]
    status: Sequence[str]


def words(alert: Alert, finding: Finding | None) -> str:
    """Return in a few words what happened to the customer."""
    field = (finding.field if finding and finding.field else "it").replace("_", " ")
    where = _REPETITION.get(finding.reason, "") if finding else ""
    match alert.detector:
        case "repeated_request":
            return f"asked again for the {field} {where}".rstrip()
        case "repeated_answer":
            return f"told the {field} again {where}".rstrip()
        case "repeated_story":
            return f"explained it all over {where}".rstrip()
        case "context_lost":
            return f"{field} lost in the handoff"
        case "reauthentication":
            return "had to prove who they are again"
        case "unanswered_handoff":
            return "passed on, and nobody took over"
        case "slow_handoff":
            return f"passed on, taken over {_late(finding)}"
        case "ping_pong":
            return "sent back to where they came from"
        case "excessive_handoffs":
            return "passed on once too often"
        case "handoff_flap":
            return "sent back and forth between bot and human"
        case "misroute":
            return "sent to the wrong place"
        case "dead_end":
            return "passed on, and it came to nothing"
        case "broken_promise":
            return "promised something that was not done in time"
        case "contradiction":
            return f"told another {field}"
        case "repeat_contact":
            return "back with what had been called resolved"
        case "premature_closure":
            return "had to open a closed case again"
        case "two_faces":
            return "sold to while a complaint is open"
        case "mood_drop":
            return "mood fell on the way"
        case "expectation_gap":
            return "got less than expected"
        case "portfolio_shift":
            return "worth less to us, or less pleased"
        case other:
            return other.replace("_", " ")


def evidence_line(finding: Finding) -> str:
    """Return where it was said or happened before, and where once more: ``told bot:welcome 10:03:10 …4711 -> asked by team billing 10:04:02``."""
    first, again, day = finding.first, finding.again, finding.time.astimezone().date()
    if again is None:
        nobody = f"{_ABSENT.get(finding.detector, 'nothing')} by {_clock(finding.time, day)}"
        return f"{_told(first, day)} -> {nobody}" if first else nobody
    if first is None or first.id == again.id:
        return _told(again, day)
    return f"{_told(first, day)} -> {_told(again, day)}"


def plain_line(shown: Shown) -> str:
    """Return an alert with its evidence as one line of text."""
    alert, finding = shown
    parts = [_clock(alert.last_seen), f"{alert.severity:8}", words(alert, finding), _seam(alert.seam), alert.customer]
    return "  ".join([*parts, *([evidence_line(finding)] if finding else [])])


def draw(screen: Screen, console: Console) -> RenderableType:
    """Return the screen in the console's size."""
    wide, high = console.size
    roomy = high >= _CHROME + _FEET + _TOLD
    room = high - _CHROME - (_FEET if roomy else 0)
    lines = [*_head(screen, wide), *_alerts(screen, room, wide)]
    parts: list[RenderableType] = [Text("\n", no_wrap=True, overflow="crop").join(lines)]
    if roomy:
        parts.append(_feet(screen, wide))
    parts.append(Text(" · ".join(screen.status), style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _head(screen: Screen, wide: int) -> list[Text]:
    first, *others = screen.addresses
    lines = [
        Text("seamwatch demo", style="bold").append(f"   {first}   Ctrl-C ends it", style="not bold dim"),
        Text("   ".join(others), style="dim"),
        Text(""),
    ]
    for line in lines:
        line.truncate(wide, overflow="ellipsis")
    return lines


def _alerts(screen: Screen, room: int, wide: int) -> list[Text]:
    head = _row("severity", "what happened", "seam", "customer", "times", "age", wide)
    head.stylize("bold")
    lines = [head, Text("─" * wide, style="bright_black")]
    end = len(lines) + room
    for number, (alert, finding) in enumerate(screen.alerts):
        told = finding is not None and number < _TOLD
        if len(lines) + 1 + told > end:
            break
        age = _age((screen.now - alert.last_seen).total_seconds())
        what, seam = words(alert, finding), _seam(alert.seam)
        line = _row(alert.severity, what, seam, alert.customer, str(alert.occurrences), age, wide)
        line.stylize(severity(alert.severity).style, 0, _SEVERITY)
        lines.append(line)
        if told and finding is not None:
            proof = Text(" " * (_SEVERITY + 1) + evidence_line(finding), style="bright_black")
            proof.truncate(wide, overflow="ellipsis")
            lines.append(proof)
    return lines + [Text("")] * (end - len(lines))


def _row(severity: str, what: str, seam: str, customer: str, times: str, age: str, wide: int) -> Text:
    figures = times.rjust(_TIMES) + age.rjust(_AGE) if wide >= _WIDE else ""
    rest = max(_NARROWEST, wide - _SEVERITY - _SEAM - _CUSTOMER - len(figures) - _GAPS)
    row = Text(no_wrap=True)
    for text, width in ((severity, _SEVERITY), (what, rest), (seam, _SEAM), (customer, _CUSTOMER)):
        cell = Text(text)
        cell.truncate(width, overflow="ellipsis", pad=True)
        row.append(cell).append(" ")
    row.append(figures)
    row.truncate(wide)
    return row


def _feet(screen: Screen, wide: int) -> Table:
    grid = Table.grid(expand=True)
    panels = [("found", screen.detectors, 10), ("team consistency, worst first", screen.teams, 9)]
    if wide >= _WIDE:
        panels.append(("seam consistency, worst first", screen.seams, 11))
    for _, _, ratio in panels:
        grid.add_column(ratio=ratio)
    grid.add_row(*(_bars(title, bars) for title, bars, _ in panels))
    return grid


def _bars(title: str, bars: Iterable[Bar]) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=_BAR, no_wrap=True)
    table.add_column(justify="right", width=5)
    shown = list(bars)[: _FEET - 2]
    for name, share, figure in shown:
        full = round(min(1.0, max(0.0, share)) * _BAR)
        table.add_row(name, Text("━" * full, style="yellow").append("━" * (_BAR - full), style="bright_black"), figure)
    for _ in range(_FEET - 2 - len(shown)):
        table.add_row("")
    return Panel(table, title=title, title_align="left", box=box.ROUNDED, border_style="bright_black", padding=(0, 1))


def _age(seconds: float) -> str:
    seconds = max(0.0, seconds)
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )


def _told(evidence: Evidence, day: date) -> str:
    did = _DONE.get(evidence.type, evidence.type)
    parts = [did, _who(evidence), _clock(evidence.time, day), evidence.mask or ""]
    return " ".join(part for part in parts if part)


def _who(evidence: Evidence) -> str:
    if evidence.type == "contact.queued":
        return ""  # what puts a customer into a queue is nobody
    if evidence.team is None:
        return f"on {evidence.channel}"
    return f"{evidence.channel}:{evidence.team}" if evidence.channel in {"bot", "ivr"} else f"team {evidence.team}"


def _late(finding: Finding | None) -> str:
    if finding is None or finding.first is None or finding.again is None:
        return "too late"
    seconds = (finding.again.time - finding.first.time).total_seconds()
    return f"only after {seconds:.0f} s" if seconds < 600 else f"only after {seconds / 3600:.0f} h"


def _seam(seam: Seam | None) -> str:
    if seam is None:
        return "-"
    return f"{_place(seam.from_)} -> {_place(seam.to)}"


def _place(name: str) -> str:
    return name.removeprefix("team:").removeprefix("channel:")


def _clock(time: datetime, day: date | None = None) -> str:
    """Return the local time, with the day of the week where it is not that of ``day``."""
    local = time.astimezone()
    return f"{local:%H:%M:%S}" if day in (None, local.date()) else f"{local:%a %H:%M:%S}"
