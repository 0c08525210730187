"""Pictures of a report as SVG, drawn here: they need no script, print sharply, and mirror where the language runs from right to left."""

from collections.abc import Sequence
from math import pi, sqrt
from typing import NamedTuple

from markupsafe import Markup

__all__ = ["Bubble", "Flow", "bars", "bubbles", "flows", "ring"]

_WIDE = 720
_RIGHT_TO_LEFT, _POP = "\N{RIGHT-TO-LEFT ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_GOOD, _FAIR, _BAD = "#1f7a6d", "#b7791f", "#b3352b"
_FAINT, _SOFT, _INK = "#e7e3da", "#6b6558", "#2b2a26"


class Flow(NamedTuple):
    """A way from one place to another: how many went, and how much of it went wrong, 0..1; ``told`` is its figure in words."""

    before: str
    after: str
    moves: int
    wrong: float
    told: str


class Bubble(NamedTuple):
    """A quadrant: its name, what is in it in words, and what its circle is large by; ``right`` and ``top`` tell where it lies."""

    name: str
    told: Sequence[str]
    size: float
    right: bool
    top: bool
    colour: str


def ring(value: float, most: float, told: str, label: str, size: int = 190) -> Markup:
    """Draw how much of ``most`` there is as a ring around the number itself."""
    radius, centre = size * 0.42, size / 2
    around = 2 * pi * radius
    share = max(0.0, min(1.0, value / most))
    colour = _GOOD if share >= 0.9 else _FAIR if share >= 0.75 else _BAD
    return Markup(
        '<svg class="ring" viewBox="0 0 {0} {0}" width="{0}" height="{0}" role="img" aria-label="{1}">'
        '<circle cx="{2}" cy="{2}" r="{3:.1f}" fill="none" stroke="{4}" stroke-width="{5:.1f}"/>'
        '<circle cx="{2}" cy="{2}" r="{3:.1f}" fill="none" stroke="{6}" stroke-width="{5:.1f}" stroke-linecap="round"'
        ' stroke-dasharray="{7:.1f} {8:.1f}" transform="rotate(-90 {2} {2})"/>'
        '<text x="{2}" y="{9:.1f}" text-anchor="middle" font-size="{10:.0f}" font-weight="700" fill="{6}">{11}</text></svg>'
    ).format(
        size, label, centre, radius, _FAINT, size * 0.085, colour, around * share, around, centre + size * 0.085, size * 0.235, told
    )  # fmt: skip


def bars(numbers: Sequence[int], labels: Sequence[str], *, rtl: bool, label: str) -> Markup:
    """Draw a bar a day; ``labels`` stand under the first and the last one, the number above the highest."""
    high, foot = 120, 22
    most, step = max([*numbers, 1]), _WIDE / max(1, len(numbers))
    parts = []
    peak = numbers.index(max(numbers))
    for place, number in enumerate(numbers):
        tall = (high - 18) * number / most
        x = _flip(place * step + step * 0.12, step * 0.76, rtl)
        colour = _BAD if place == peak and number else "#8aa5a0"
        parts.append(
            Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2" fill="{}"/>').format(x, high - tall, step * 0.76, tall, colour)
        )
        if place == peak and number:
            middle = min(_WIDE - 20.0, max(20.0, x + step * 0.38))
            parts.append(_text(middle, high - tall - 5, labels[-1], rtl, fill=_BAD))
    edges = [(0.0, labels[0]), (float(_WIDE), labels[1])]
    for x, told in edges:
        anchor = "start" if (x == 0) != rtl else "end"
        where = _WIDE - x if rtl else x
        parts.append(_text(where, high + 17, told, rtl, anchor=anchor))
    parts.append(Markup('<line x1="0" x2="{}" y1="{}" y2="{}" stroke="#cfc9bb"/>').format(_WIDE, high, high))
    return _drawing(high + foot, label, parts)


def flows(ways: Sequence[Flow], *, rtl: bool, label: str) -> Markup:
    """Draw ways as bands between the places on the one side and those on the other."""
    before, after = _sides(ways)
    gap, room = 14.0, 330.0
    total = sum(way.moves for way in ways) or 1
    scale = max(0.05, (room - gap * (max(len(before), len(after)) - 1)) / total)
    tops = []
    for side in (before, after):
        y, places = 0.0, {}
        for name, number in side.items():
            places[name] = y
            y += max(16.0, number * scale) + gap
        tops.append((places, y - gap))
    high = max(bottom for _, bottom in tops)
    left, right, thick = 190.0, _WIDE - 190.0, 10.0
    used: list[dict[str, float]] = [dict(tops[0][0]), dict(tops[1][0])]
    bands, marks = [], []
    for way in ways:
        wide = max(1.5, way.moves * scale)
        start, end = used[0][way.before] + wide / 2, used[1][way.after] + wide / 2
        used[0][way.before] += wide
        used[1][way.after] += wide
        x1, x2, middle = (_mirror(x, rtl) for x in (left + thick, right, (left + thick + right) / 2))
        red = min(1.0, way.wrong)
        colour = f"rgb({round(138 + 41 * red)},{round(165 - 112 * red)},{round(160 - 117 * red)})"
        bands.append(
            Markup(
                '<path d="M{0:.1f},{1:.1f} C{2:.1f},{1:.1f} {2:.1f},{3:.1f} {4:.1f},{3:.1f}" fill="none" stroke="{5}" stroke-width="{6:.1f}"'
                ' stroke-opacity="0.72"><title>{7}</title></path>'
            ).format(x1, start, middle, end, x2, colour, wide, f"{way.before} → {way.after}: {way.told}")
        )
    for side, (places, _), x, anchor in ((before, tops[0], left, "end"), (after, tops[1], right, "start")):
        for name, y in places.items():
            tall = max(16.0, side[name] * scale)
            corner = _mirror(x, rtl) - (thick if rtl else 0)
            told = _mirror(x - 8 if anchor == "end" else x + thick + 8, rtl)
            turned = {"end": "start", "start": "end"}[anchor] if rtl else anchor
            marks.append(Markup('<rect x="{:.1f}" y="{:.1f}" width="{}" height="{:.1f}" rx="3" fill="#3c4a47"/>').format(corner, y, thick, tall))
            marks.append(_text(told, y + tall / 2 + 5, name, rtl, anchor=turned, size=14, fill=_INK))
    return _drawing(high + 6, label, [*bands, *marks])


def bubbles(quadrants: Sequence[Bubble], across: str, up: str, *, rtl: bool, label: str) -> Markup:
    """Draw the four quadrants with a circle in each."""
    high, wide, foot = 380.0, 520.0, 26.0
    left = (_WIDE - wide) / 2
    most = max([quadrant.size for quadrant in quadrants] or [0.0]) or 1.0
    parts = []
    for quadrant in quadrants:
        x = left + wide * (0.75 if quadrant.right else 0.25)
        y = high * (0.25 if quadrant.top else 0.75)
        x = _mirror(x, rtl)
        radius = 78 * sqrt(max(0.0, quadrant.size) / most)
        corner = _mirror(x, False) - wide / 4
        parts.append(
            Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" fill-opacity="0.07" stroke="#fff" stroke-width="3"/>').format(
                corner, y - high / 4, wide / 2, high / 2, quadrant.colour
            )
        )
        parts.append(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}" fill="{}" fill-opacity="0.28"/>').format(x, y, radius, quadrant.colour))
        lines = [quadrant.name, *quadrant.told]
        for number, line in enumerate(lines):
            weight, size, colour = (700, 17.0, quadrant.colour) if number == 0 else (400, 13.5, _INK)
            y_line = y + 5 + 20 * (number - (len(lines) - 1) / 2)
            parts.append(_text(x, y_line, line, rtl, size=size, weight=weight, fill=colour))
    parts.append(_text(_WIDE / 2, high + 19, f"{across} {'←' if rtl else '→'}", rtl))
    side = _mirror(left - 12, rtl)
    parts.append(_text(side, high / 2, f"{up} {'←' if rtl else '→'}", rtl, turn=90 if rtl else -90))
    return _drawing(high + foot, label, parts)


def _sides(ways: Sequence[Flow]) -> tuple[dict[str, int], dict[str, int]]:
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for way in ways:
        before[way.before] = before.get(way.before, 0) + way.moves
        after[way.after] = after.get(way.after, 0) + way.moves
    return before, after


def _text(
    x: float, y: float, told: str, rtl: bool, *, anchor: str = "middle", size: float = 13, weight: int = 400, fill: str = _SOFT, turn: int = 0
) -> Markup:
    """Draw a text in its own direction, whatever that of the picture."""
    turned = Markup(' transform="rotate({} {:.1f} {:.1f})"').format(turn, x, y) if turn else ""
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" font-size="{}" font-weight="{}" fill="{}"{}>{}</text>').format(
        x, y, anchor, size, weight, fill, turned, f"{_RIGHT_TO_LEFT}{told}{_POP}" if rtl else told
    )


def _mirror(x: float, rtl: bool) -> float:
    return _WIDE - x if rtl else x


def _flip(x: float, wide: float, rtl: bool) -> float:
    return _WIDE - x - wide if rtl else x


def _drawing(high: float, label: str, parts: Sequence[Markup]) -> Markup:
    inside = Markup("").join(parts)
    return Markup('<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}" style="direction:ltr">{}</svg>').format(_WIDE, high, label, inside)
