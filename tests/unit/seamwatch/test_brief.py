"""`seamwatch brief`, from files and from the database, in every language."""

import json
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import pytest

from agents.detectors import DETECTORS
from agents.rules import Language
from config.brief_words import load_brief_words
from tests.unit.seamwatch.support import UNTIL, asked_twice, lines, run, store, touchpoint, write

LANGUAGES: tuple[Language, ...] = get_args(Language)
HANDOFF = {"handoff": "h", "to_team": "service", "mode": "blind", "context": []}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Replay a story in which the account number is told before a handoff; return the file of its briefs."""
    directory = tmp_path_factory.mktemp("briefs")
    story = asked_twice("c-1")[:3]
    story.append(touchpoint("c-1-h", "10:03:00", "handoff.started", "c-1", "sales", data=HANDOFF, language="en"))
    path = write(directory, lines(story, asked_twice("c-2")))
    ended = run("-q", "replay", path, "--until", UNTIL, "--briefs", str(directory / "briefs.jsonl"))
    assert ended.exit_code == 0, ended.output
    return directory / "briefs.jsonl"


def bodies(path: Path) -> list[dict[str, Any]]:
    """Return the briefs of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_replay_writes_the_briefs_that_a_worker_sends(written: Path) -> None:
    """One a line, each once: of the handoff, and of nobody who had not been handed over."""
    (brief,) = bodies(written)
    assert (brief["journey"], brief["to_team"], brief["language"]) == ("j-c-1", "service", "en")
    assert [(each["field"], each["mask"], each["status"]) for each in brief["given"]] == [("account_number", "…299", "read_back")]


def test_a_brief_is_read_in_ten_seconds(written: Path) -> None:
    """It says for whom it is, what not to ask again and what to read back instead, and what hurt."""
    for name in ("c-1", "j-c-1"):
        assert run("brief", name, "--from", str(written), "--language", "en").stdout.splitlines() == [
            "For service (chat): c-1 is passed on, 2026-03-02 10:03",
            "No authentication holds",
            "Do not ask again:",
            "  account number: read back …299 (told sales, 2026-03-02 10:02)",
            "What hurt so far:",
            "  2026-03-02 10:03 a field was known and not passed on (account number)",
        ]


def test_in_persian_what_is_inserted_stands_in_isolates(written: Path) -> None:
    """Names, masks and times of another direction leave the sentence in order."""
    told = run("brief", "c-1", "--from", str(written), "--language", "fa").stdout
    for value in ("service", "…299", "2026-03-02 10:02", "شماره حساب"):
        assert f"\N{FIRST STRONG ISOLATE}{value}\N{POP DIRECTIONAL ISOLATE}" in told


def test_the_database_is_asked_without_a_file(written: Path) -> None:
    """What the sink stored is printed the same as what replay wrote."""
    store(written, "briefs")
    assert json.loads(run("brief", "j-c-1", "--json").stdout) == bodies(written)[0]


@pytest.mark.parametrize("arguments", [["c-2"], ["c-1", "--tenant", "other"]])
def test_who_has_no_brief_is_told_so(written: Path, arguments: list[str]) -> None:
    """Nothing was handed over: a sentence, and 1."""
    ended = run("brief", *arguments, "--from", str(written))
    assert (ended.exit_code, "there is no brief of" in ended.stderr) == (1, True)


def test_a_file_that_holds_no_briefs_is_refused_by_line(tmp_path: Path) -> None:
    """Another file than one of briefs is wrong use."""
    ended = run("brief", "c-1", "--from", write(tmp_path, lines(asked_twice("c-1"))))
    assert (ended.exit_code, "line 1 is no brief" in ended.stderr) == (2, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same(language: Language) -> None:
    """Each sentence names what the English one does, and each detector's findings have words."""
    english, other = load_brief_words("en"), load_brief_words(language)
    for name, sentence in english.sentences.items():
        ours, theirs = ({place for _, place, _, _ in Formatter().parse(text) if place} for text in (sentence, other.sentences[name]))
        assert ours == theirs, name
    assert set(other.detectors) == set(DETECTORS)
