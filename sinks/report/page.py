"""The report as one page of HTML: no script, nothing from elsewhere, made to be printed."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from models.finding import seam_sides
from sinks.corridor import Move
from sinks.report.charts import Bubble, Flow, bars, bubbles, flows, ring
from sinks.report.figures import Figures, Tile
from sinks.report.locale import Tongue

__all__ = ["Words", "page"]

_TEMPLATES = Path(__file__).parent
_WAYS = 9
_WRONG = 0.25
"""Findings for each who went a way from which it is drawn in full red."""
_COLOURS = {"model": "#1f7a6d", "growth": "#2f5d8a", "at_risk": "#b3352b", "dangling": "#7a6f5d"}
_PLACES = {"model": (True, True), "growth": (True, False), "at_risk": (False, True), "dangling": (False, False)}
_ISOLATE, _POP = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


class Words(Protocol):
    """What a language calls things, as `config.report_words` loads it."""

    @property
    def sentences(self) -> Mapping[str, str]: ...
    @property
    def scores(self) -> Mapping[str, str]: ...
    @property
    def channels(self) -> Mapping[str, str]: ...
    @property
    def types(self) -> Mapping[str, str]: ...


class _Told(Protocol):
    @property
    def what(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def first(self) -> str: ...


def page(
    figures: Figures,
    language: str,
    words: Words,
    tell: Callable[[Mapping[str, Any]], _Told],
    detectors: Mapping[str, str],
    fields: Mapping[str, str],
    currency: str | None,
) -> str:
    """Return the page in ``language``.

    ``tell`` says what a finding's body tells, ``detectors`` and ``fields`` are what these are called. ``currency`` is that of handling costs.
    """
    writer = _Writer(figures, Tongue(language), words, tell, detectors, fields, currency)
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html").render(f=figures, w=writer)


class _Writer:
    """Says figures in one language; what the template calls."""

    def __init__(
        self,
        figures: Figures,
        tongue: Tongue,
        words: Words,
        tell: Callable[[Mapping[str, Any]], _Told],
        detectors: Mapping[str, str],
        fields: Mapping[str, str],
        currency: str | None,
    ) -> None:
        self.tongue = tongue
        self.tell = tell
        self._figures = figures
        self._words = words
        self._detectors = detectors
        self._fields = fields
        self._currency = currency

    def __call__(self, name: str, **places: Any) -> str:
        """Return a sentence; numbers in it are written as the language does."""
        told = {key: self.tongue.number(value) if isinstance(value, int) else str(value) for key, value in places.items()}
        return self._words.sentences[name].format(**{key: self.inserted(value) for key, value in told.items()})

    def inserted(self, value: str) -> str:
        """Return what stands in a sentence, isolated where the sentence runs from right to left."""
        return f"{_ISOLATE}{value}{_POP}" if self.tongue.rtl else value

    def days(self) -> str:
        """Return the period."""
        period = self._figures.period
        return self("period", first=self.tongue.day(period.first), last=self.tongue.day(period.last))

    def score(self, name: str) -> str:
        """Return what a score is called."""
        return self._words.scores.get(name, name.replace("_", " "))

    def detector(self, name: str) -> str:
        """Return what a kind of failure is called."""
        return self._detectors.get(name, name.replace("_", " "))

    def side(self, name: str) -> str:
        """Return one side of a seam, ``team:x`` or ``channel:y``."""
        kind, _, rest = name.partition(":")
        return self._words.channels.get(rest, rest) if kind == "channel" else rest

    def sides(self, seam: str) -> tuple[str, str]:
        """Return both sides of a seam."""
        before, after = seam_sides(seam)
        return self.side(before), self.side(after)

    def place(self, name: str) -> str:
        """Return a place of the corridor."""
        channel, slash, team = name.partition("/")
        shown = self._words.channels.get(channel, channel)
        return f"{team} · {shown}" if slash else shown

    def change(self) -> tuple[str, str]:
        """Return how the period compares with the one before: a word for its style, and the sentence."""
        headline = self._figures.headline
        if headline is None or headline.before is None:
            return "unknown", self("before_unknown")
        points = headline.value - headline.before
        if abs(points) < 0.05:
            return "same", self("same")
        return ("better" if points > 0 else "worse"), self("better" if points > 0 else "worse", points=self.tongue.number(abs(points), 1))

    def tile_change(self, tile: Tile) -> tuple[str, str]:
        """Return how a score compares with that of as many days before, as `change` does."""
        if tile.before is None:
            return "unknown", self("before_unknown")
        points = tile.value - tile.before.value
        style = "same" if abs(points) < 0.05 else "better" if points > 0 else "worse"
        return style, self("tile_before", before=self.tongue.number(tile.before.value, 1), samples=self.tongue.number(tile.before.samples))

    def money(self, minutes: float) -> str | None:
        """Return what handling of so many minutes costs; None where nobody said what a minute costs."""
        price = self._figures.cost_per_minute
        return None if price is None or not minutes else self.tongue.money(minutes * price, self._currency)

    def hours(self, minutes: float) -> str:
        """Return minutes as hours."""
        return self.tongue.number(minutes / 60, 0 if minutes >= 600 else 1)

    def moment(self, iso: str | datetime) -> str:
        """Return a time, UTC."""
        return self.tongue.moment(datetime.fromisoformat(iso) if isinstance(iso, str) else iso)

    def act(self, seen: Mapping[str, Any]) -> str:
        """Return what happened at a touchpoint of a finding."""
        field = seen["field"] or ""
        base, _, thing = field.partition(" of ")  # "date_of_birth of partner"
        named = self._fields.get(field) or (f"{self._fields[base]} ({thing})" if thing and base in self._fields else field.replace("_", " "))
        sentence: str | None = self._words.types.get(seen["type"])
        # A type that nobody has words for is a name, and no sentence with places to fill in.
        return str(seen["type"]) if sentence is None else sentence.format(field=self.inserted(named))

    def where(self, seen: Mapping[str, Any]) -> str:
        """Return where a touchpoint of a finding was."""
        return " · ".join(filter(None, (seen["team"], self._words.channels.get(seen["channel"], seen["channel"]))))

    # Pictures

    def headline_ring(self) -> Markup:
        """Draw the period's consistency."""
        headline = self._figures.headline
        value = 0.0 if headline is None else headline.value
        return ring(value, 100, self.tongue.number(value, 1), f"{self('consistency')}: {self.tongue.number(value, 1)}", 210)

    def promise_ring(self) -> Markup:
        """Draw how many promises were kept."""
        share = self._figures.promises.share or 0.0
        return ring(share, 1, self.tongue.share(share), f"{self('promises')}: {self.tongue.share(share)}", 150)

    def day_bars(self) -> Markup:
        """Draw the failures of each day."""
        days = self._figures.days
        labels = [self.tongue.short_day(self._figures.period.first), self.tongue.short_day(self._figures.period.last)]
        return bars(list(days.values()), [*labels, self.tongue.number(max(days.values()))], rtl=self.tongue.rtl, label=self("day_by_day"))

    def ways(self) -> Markup:
        """Draw the ways that most customers go."""
        ways = [Flow(self.place(each.before), self.place(each.after), each.count, self._wrong(each), self.tongue.number(each.count)) for each in self._ways()]
        return flows(ways, rtl=self.tongue.rtl, label=self("corridor"))

    def _ways(self) -> list[Move]:
        return self._figures.moves[:_WAYS]

    def _wrong(self, move: Move) -> float:
        return move.findings / move.count / _WRONG

    def quadrants(self) -> Markup:
        """Draw the portfolio."""
        found = self._figures.portfolio
        drawn = []
        for each in [] if found is None else found.quadrants:
            forecast = self.tongue.money(each.forecast, found.currency) if found is not None and each.customers > each.unforecast else self("no_forecast")
            told = [self("customers", number=each.customers), *([forecast] if each.customers else [])]
            drawn.append(Bubble(self(each.name), told, each.forecast, *_PLACES[each.name], _COLOURS[each.name]))
        return bubbles(drawn, self("satisfaction"), self("revenue"), rtl=self.tongue.rtl, label=self("portfolio"))
