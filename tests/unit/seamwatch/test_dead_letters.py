"""`seamwatch dead-letters` before it meets Kafka: what it refuses, and what it shows of a record."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.cli import cli
from seamwatch.letters import Refused, masked
from sinks.database import upgrade


@pytest.fixture(autouse=True)
def _database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEAMWATCH_DATABASE", url)
    monkeypatch.setenv("SEAMWATCH_BROKER", "127.0.0.1:1")


def said(arguments: Sequence[str], code: int) -> str:
    """Run a command and return what it prints."""
    result = CliRunner().invoke(cli, ["dead-letters", *arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["list"], 0, "No dead letters."),
        (["list", "--filter", "colour=red"], 2, "expected reason=..., topic=..., since=..."),
        (["list", "--filter", "since=yesterday"], 2, "neither a duration"),
        (["list", "--filter", "reason=bad"], 2, "reason=bad: the reasons are empty_value"),
        (["show", "raw.desk/0/17"], 1, "there is no such dead letter"),
        (["show", "raw.desk"], 2, "is no place; write it as raw.chatwoot/0/17"),
        (["show", "raw.desk/0/x"], 2, "is no place"),
        (["show", "raw.desk/0/17", "--raw"], 2, "--raw and --because TEXT belong together"),
        (["show", "raw.desk/0/17", "--raw", "--because", " "], 2, "belong together"),
        (["show", "raw.desk/0/17", "--because", "x"], 2, "belong together"),
        (["replay"], 2, "say which"),
        (["replay", "--all", "--filter", "reason=unmapped"], 2, "say which"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], code: int, sentence: str) -> None:
    """A wrong filter, place or pair of options is named with what was expected; an empty table is no error."""
    assert sentence in " ".join(said(arguments, code).split())


def test_a_record_is_shown_by_its_structure() -> None:
    """Names of keys that read as names are shown, values by kind and length, long lists cut, and nothing of what is no JSON."""
    record = {
        "event": "message_created",
        "id": 4711,
        "private": False,
        "nothing": None,
        "jo@example.com": {"a b": "x"},
        "parts": ["secret"] * 7,
    }
    refused = Refused(b"acme/c-1", json.dumps(record).encode(), [("ce_id", b"123")], True)
    assert masked(refused) == {
        "key": "8 bytes",
        "headers": {"ce_id": "3 bytes"},
        "value": {
            "event": "text of 15",
            "id": "number",
            "private": False,
            "nothing": None,
            "key of 14": {"key of 3": "text of 1"},
            "parts": ["text of 6"] * 5 + ["… 7 in all"],
        },
        "whole": True,
    }
    assert masked(Refused(None, b"jo,4711", [], False))["value"] == "7 bytes that are no JSON"
    assert masked(Refused(None, None, [], True))["value"] is None
    assert masked(Refused(None, b"[" * 100_000, [], True))["value"] == "100000 bytes that are no JSON"


JSON = st.recursive(
    st.text(st.characters(codec="utf-8"), min_size=1).map(lambda each: f"§{each}§")
    | st.integers(10**9, 10**12)
    | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_no_value_is_shown(value: object) -> None:
    """Whatever a record holds, none of its texts and numbers is in what is shown of it."""
    shown = json.dumps(masked(Refused(None, json.dumps(value).encode(), [], True)), ensure_ascii=False)
    assert "§" not in shown
    assert not any(len(word) > 8 for word in "".join(each if each.isdigit() else " " for each in shown).split())
