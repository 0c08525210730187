"""What is shown while the demonstration runs: a screen that changes, or a line for each new alert."""

import io
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic

import click
from rich.console import Console
from rich.live import Live

from seamwatch.demo.stage import Stage
from seamwatch.live_data import Found, Observatory, Progress, WorkerFigures
from seamwatch.live_view import Bar, Screen, draw, plain_line
from seamwatch.terminal import console, count
from sinks.database import create_engine

__all__ = ["Show"]

_EVERY = 0.5
_MOST = 60
_MOST_LINES = 1000
_PICTURE = (120, 40)


class Show:
    """Shows what `stage` does until `stop` is set."""

    def __init__(self, stage: Stage, stop: Event) -> None:
        self._stage = stage
        self._stop = stop
        self._engine = create_engine(stage.settings.database)
        self._observatory = Observatory(self._engine)
        self._figures = WorkerFigures(*stage.metrics)

    def run(self, seconds: float | None, picture: Path | None) -> None:
        """Show it for this long (None: without end), and draw the last screen into ``picture``.

        Raises `Failed` where the worker or the traffic ends, `DatabaseUnavailable`.
        """
        deadline = None if seconds is None else monotonic() + seconds
        out = console()
        try:
            if out.is_terminal:
                self._screen(out, deadline)
            else:
                self._lines(deadline)
            last = self._look()
            if picture is not None:
                _draw_picture(last, picture)
            click.echo(self._summary())
        finally:
            self._engine.dispose()

    def _screen(self, out: Console, deadline: float | None) -> None:
        with Live(console=out, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
            while self._goes_on(deadline):
                live.update(draw(self._look(), out), refresh=True)
                self._stop.wait(_EVERY)

    def _lines(self, deadline: float | None) -> None:
        for address in self._addresses():
            click.echo(address)
        told: set[str] = set()
        while self._goes_on(deadline):
            self._figures.read()
            shown = self._observatory.newest(_MOST_LINES)
            for each in sorted(shown, key=lambda each: each.alert.last_seen):
                if each.alert.key not in told and each.alert.updated >= self._stage.began:
                    told.add(each.alert.key)
                    click.echo(plain_line(each))
            self._stop.wait(_EVERY)

    def _goes_on(self, deadline: float | None) -> bool:
        self._stage.check()
        return not self._stop.is_set() and (deadline is None or monotonic() < deadline)

    def _look(self) -> Screen:
        observatory, found = self._observatory, self._observatory.found()
        return Screen(
            now=datetime.now(UTC),
            addresses=self._addresses(),
            alerts=observatory.newest(_MOST),
            detectors=_detector_bars(found.detectors),
            teams=observatory.worst("team"),
            seams=observatory.worst("seam"),
            status=_status(self._stage.traffic.sent, self._figures.read(), found),
        )

    def _addresses(self) -> list[str]:
        settings = self._stage.settings
        host, port = self._stage.metrics
        shown = settings.shown()
        return [
            f"console {self._stage.link} (once)",
            f"broker {settings.broker}",
            f"database {shown['database']}",
            f"metrics http://{host}:{port}/metrics, of insight http://{host}:{self._stage.insight_port}/metrics",
        ]

    def _summary(self) -> str:
        found = self._observatory.found()
        sent = count(self._stage.traffic.sent, "touchpoint")
        return f"{sent}, {count(found.detectors.total(), 'finding')} ({found.withdrawn:,} taken back), {count(found.alerts, 'alert')}"


def _detector_bars(detectors: Counter[str]) -> list[Bar]:
    most = max(detectors.values(), default=1)
    return [Bar(name.replace("_", " "), number / most, f"{number:,}") for name, number in detectors.most_common()]


def _status(sent: int, progress: Progress | None, found: Found) -> list[str]:
    parts = [f"{sent:,} touchpoints"]
    if progress is not None:
        parts[0] += f", {progress.rate:,.0f} a second, {progress.lag:,} behind"
    parts.append(f"{count(found.detectors.total(), 'finding')}, {found.withdrawn:,} taken back")
    parts.append(count(found.alerts, "alert"))
    if progress is not None and progress.latency is not None:
        parts.append(f"stored in {progress.latency:.2f} s")
    return parts


def _draw_picture(screen: Screen, picture: Path) -> None:
    wide, high = _PICTURE
    recorder = Console(
        record=True, width=wide, height=high, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    recorder.print(draw(screen, recorder))
    svg = recorder.export_svg(title="seamwatch demo", unique_id="demo")
    # Rich's own fetches a font from elsewhere; the reader's will do. Gaps at the beginning of a line are meant.
    svg = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL).replace(
        "<text ", '<text xml:space="preserve" '
    )
    picture.write_text(svg, encoding="utf-8")
