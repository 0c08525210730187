"""What becomes of a promise, in whatever order it is told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.promises import told
from models.promise import Promise
from models.touchpoint import Refusal, parse_touchpoint

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def touchpoint(number: int, minute: int, kind: str, about: str | None = None) -> Any:
    """Return a touchpoint of the promise ``p``, due an hour after it was made."""
    time = START + timedelta(minutes=minute)
    data = {"promise": "p"} | ({"due": (time + timedelta(hours=1)).isoformat(), "about": about} if kind == "made" else {})
    made: Any = parse_touchpoint(json.dumps({
        "id": f"e{number}", "source": "s", "type": f"promise.{kind}", "time": time.isoformat(), "customer": "c", "channel": "voice", "contact": f"k{number}",
        "actor": {"kind": "agent", "team": "billing"}, "data": {name: value for name, value in data.items() if value is not None},
    }).encode())  # fmt: skip
    assert not isinstance(made, Refusal)
    return made


def after(*touchpoints: Any) -> Promise:
    """Return what is known after touchpoints."""
    promise = Promise("default", "p", "c")
    for each in touchpoints:
        promise = told(promise, each)
    return promise


def test_the_latest_touchpoint_decides() -> None:
    """Made it is open, kept it is over, made anew it is open again with the new due time; what comes late and lies before changes nothing."""
    made, kept, anew = touchpoint(1, 0, "made", "a refund"), touchpoint(2, 30, "kept"), touchpoint(3, 40, "made")
    assert (after(made).outcome, after(made).about, after(made).team) == (None, "a refund", "billing")
    assert (after(made, kept).outcome, after(made, kept).ended) == ("kept", START + timedelta(minutes=30))
    again = after(anew, kept, made)
    assert (again.outcome, again.ended, again.due, again.contact) == (None, None, START + timedelta(minutes=100), "k3")
    assert (after(kept).due, after(kept).outcome) == (None, "kept")


def test_what_may_be_somebodys_number_is_not_kept() -> None:
    """What a promise is about is there to be read; a number or an address in it is not."""
    assert after(touchpoint(1, 0, "made", "call 0171 5551234")).about is None
    assert after(touchpoint(1, 0, "made", "mail ada@example.org")).about is None


_points = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["made", "kept", "cancelled"])), min_size=1, max_size=6)


@given(_points, st.randoms())
def test_the_order_of_arrival_does_not_matter(points: list[tuple[int, str]], random: Any) -> None:
    """Whatever comes first, and comes twice, in the end the same is known."""
    log = [touchpoint(number, minute, kind) for number, (minute, kind) in enumerate(points)]
    mixed = [*log, *log[:2]]
    random.shuffle(mixed)
    assert after(*mixed) == after(*log)
