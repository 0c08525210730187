"""`seamwatch scores`: how well it goes, for whom, and what that rests on."""

import json
from typing import TYPE_CHECKING, Any

import click

from seamwatch.parameters import json_option
from seamwatch.terminal import console, notice, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.score import Score

_SCOPES = ["tenant", "brand", "channel", "team", "seam", "partner", "customer", "journey"]
_FINDINGS = 10


@click.command
@click.option("--score", help="Only this score, such as three_cs, handoff or fusion.")
@click.option("--scope", type=click.Choice(_SCOPES), help="Only of these; customers and journeys only where asked for.")
@click.option("--name", help="Open the scores of this one: components, and the findings behind them.")
@click.option("--tenant", help="Only of this tenant.")
@click.option("--days/--hours", "trend", default=True, show_default="--days", help="The longest half-life, or the shortest.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@json_option
def command(score: str | None, scope: str | None, name: str | None, tenant: str | None, trend: bool, limit: int, as_json: bool) -> None:
    """Print scores as of now, the lowest first.

    Consistency, handoff, the three Cs (three_cs is their headline, emotional and communication two of them), the laws
    (purpose, difference, value), expectation and fusion: docs/scores.md says what each is made of.

    \b
      seamwatch scores --score three_cs --scope team
      seamwatch scores --name billing
      seamwatch scores --scope customer --name c-1007
    """
    from time import time_ns

    from config.settings import load_settings
    from seamwatch.database import opened
    from seamwatch.worker import decayed
    from sinks.scores import chosen_scores, findings_behind

    now = time_ns() // 1000
    with opened(load_settings()) as engine:
        found = chosen_scores(engine, score=score, scope=scope, name=name, tenant=tenant)
        lives = {each.half_life for each in found}
        kept = [each for each in found if each.half_life == (max(lives) if trend else min(lives))]
        valued = [(value, each) for each in kept if (value := decayed(each, now)) is not None or _left_out(each, now)]
        valued.sort(key=lambda pair: (101.0 if pair[0] is None else pair[0], pair[1].score, pair[1].scope, pair[1].name))
        shown = valued[:limit]
        behind = [findings_behind(engine, each, limit=_FINDINGS) if name is not None else [] for _, each in shown]
    told = [_told(value, each, now, rows) for (value, each), rows in zip(shown, behind, strict=True)]
    if as_json:
        for each in told:
            click.echo(json.dumps(each, ensure_ascii=False))
    elif told:
        _show(told, opened_up=name is not None)
    else:
        notice("There are no such scores.")


def _faded(score: "Score", now: int) -> dict[str, float]:
    from agents.scores import faded

    return faded(score.components, now - round(score.as_of.timestamp() * 1_000_000), score.half_life * 1_000_000)


def _left_out(score: "Score", now: int) -> list[str]:
    from models.score import left_out

    return left_out(score.score, _faded(score, now))


def _told(value: float | None, score: "Score", now: int, behind: "Sequence[Any]") -> dict[str, Any]:
    from agents.engine import left_after
    age, half_life = now - round(score.as_of.timestamp() * 1_000_000), score.half_life * 1_000_000
    return {
        "score": score.score,
        "scope": score.scope,
        "name": score.name,
        "tenant": score.tenant,
        "half_life": score.half_life,
        "value": None if value is None else round(value, 4),
        "samples": round(score.samples * left_after(age, half_life), 4),
        "components": {part: round(each, 4) for part, each in _faded(score, now).items()},
        "left_out": _left_out(score, now),
        "findings": [{"id": row.id, "detector": row.detector, "time": row.time.isoformat(), "summary": row.summary} for row in behind],
    }


def _show(told: list[dict[str, Any]], *, opened_up: bool) -> None:
    from models.score import FEWEST

    out = console()
    values = ["too few" if each["value"] is None else f"{each['value']:.1f}" for each in told]
    rows = [[each["score"], each["scope"], each["name"], value, f"{each['samples']:,.1f}"] for value, each in zip(values, told, strict=True)]
    out.print(table("Scores, the lowest first", ["score", "scope", "name", "of 100", "samples"], rows, right=(3, 4)))
    if not opened_up:
        return
    for each in told:
        parts = ", ".join(f"{part} {amount:,.2f}" for part, amount in sorted(each["components"].items()))
        out.print(f"{each['score']} of {each['scope']} {each['name']}: {parts}", markup=False, highlight=False)
        if each["left_out"]:
            out.print(f"  without {' and '.join(each['left_out'])}: fewer than {FEWEST:.0f} chances are too few", markup=False, highlight=False)
        for row in each["findings"]:
            out.print(f"  {row['time']} {row['detector']}: {row['summary']}", markup=False, highlight=False)
