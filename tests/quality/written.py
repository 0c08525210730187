"""Short dialogues that we wrote ourselves, where no annotated ones ask for the shipped fields: German, Persian, and Chinese in traditional script.

`written/LANGUAGE.txt` holds them, with an empty line between two: who speaks (A one who serves, C the customer), the text, and behind `` = `` what it says.
They were written from general knowledge before the recogniser was run on them; what is mended since is mended (docs/quality.md), so they show what is
covered, not what strangers would say.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agents.text import Act, Conversation, Recogniser
from config.fields import load_vocabulary

__all__ = ["KINDS", "LANGUAGES", "Line", "dialogues", "judged"]

_FOLDER = Path(__file__).parent / "written"
LANGUAGES = tuple(sorted(path.stem for path in _FOLDER.glob("*.txt")))
_TYPES = {
    "requested": "info.requested",
    "provided": "info.provided",
    "confirmed": "info.confirmed",
    "promise": "promise.made",
    "handoff": "handoff.started",
    "intent": "intent.stated",
}
KINDS = (*_TYPES.values(), "auth.requested", "auth.passed")
_WEDNESDAY = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Line(NamedTuple):
    """What somebody says, and what that should be: types of touchpoints, with their field where they have one."""

    by_customer: bool
    text: str
    expected: frozenset[tuple[str, str]]


def dialogues(language: str) -> Iterator[list[Line]]:
    """Yield the dialogues of a language."""
    for dialogue in (_FOLDER / f"{language}.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        yield [_line(written) for written in dialogue.splitlines()]


def judged(language: str) -> Iterator[tuple[Line, frozenset[tuple[str, str]]]]:
    """Yield each line with what it is taken to say, in the shipped fields; the language is not told."""
    recogniser = Recogniser(load_vocabulary())
    for dialogue in dialogues(language):
        conversation = Conversation()
        for line in dialogue:
            acts = recogniser.acts(line.text, conversation, time=_WEDNESDAY, tag=None, by_customer=line.by_customer)
            yield line, frozenset((act.type, _field(act)) for act in acts)


def _line(written: str) -> Line:
    said, _, expected = written.partition(" = ")
    speaker, _, text = said.partition(" ")
    parts = [each.strip().partition(" ") for each in expected.split(",") if each.strip()]
    return Line(speaker == "C", text, frozenset((_TYPES.get(kind, kind), field) for kind, _, field in parts))


def _field(act: Act) -> str:
    return str(act.data["field"]) if act.type.startswith("info.") else ""
