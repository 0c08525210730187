"""YAML with lines: a small, strict language whose errors name the place."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from config.errors import ConfigError
from config.yaml_lines import parse_value, read_yaml, validate


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: str = ""


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    hops: int
    inner: list[Inner] | None = None


def written(folder: Path, text: str) -> Path:
    """Write a file for a test to read."""
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_stay_words(tmp_path: Path) -> None:
    """Nothing that a person writes as a word, a time or a date becomes something else."""
    path = written(tmp_path, "a: on\nb: off\nc: yes\nd: 12:30\ne: 2026-03-02\nf: 1_000\ng: 0x10\nh: .inf\n<<: x\n")
    assert list(read_yaml(path).data.values()) == [
        "on", "off", "yes", "12:30", "2026-03-02", "1_000", "0x10", ".inf", "x",
    ]  # fmt: skip


def test_numbers_truth_and_nothing_are_told_apart(tmp_path: Path) -> None:
    """Numbers, true, false and null are what they look like; quoted they are text."""
    data = read_yaml(written(tmp_path, 'a: 3\nb: -0.5\nc: true\nd: null\ne:\nf: "3"\ng: 1e3\nh: 2.5e3\n')).data
    assert data == {"a": 3, "b": -0.5, "c": True, "d": None, "e": None, "f": "3", "g": "1e3", "h": 2500.0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: a: stands twice; first in line 1"),
        ("a:\n  b: 1\n  b: 2\n", "x.yaml:3: b: stands twice; first in line 2"),
        ("a: [1\nb: 2\n", "not YAML"),
        ("- a\n", "x.yaml:1: expected keys with values"),
        ("", "x.yaml:1: expected keys with values"),
        ("a: &x 1\nb: *x\n", "x.yaml:1: write it out: no anchors"),
        ("a: !!python/object:os.system {}\n", "x.yaml:1: the tag"),
        ("a: !secret x\n", "x.yaml:1: the tag !secret is not known here"),
        ("[1]: 2\n", "x.yaml:1: expected a word as key"),
        ("a: 123456789012345678901\n", "x.yaml:1: the number is too long; quote it"),
        ("a: " + "[" * 60 + "]" * 60, "at most 32 levels"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
    ],
)
def test_what_is_refused_names_the_line(tmp_path: Path, text: str, sentence: str) -> None:
    """Each mistake is told with the line where it stands."""
    with pytest.raises(ConfigError) as caught:
        read_yaml(written(tmp_path, text))
    assert sentence in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A missing file and one that is no UTF-8 are told in a sentence, not in a traceback."""
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "x.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError, match="byte 3 is not UTF-8"):
        read_yaml(tmp_path / "x.yaml")


def test_every_wrong_key_is_told_with_its_line_and_the_nearest_known(tmp_path: Path) -> None:
    """Missing, wrong and unknown keys, also deep inside, each have a sentence of their own."""
    path = written(tmp_path, "inner:\n  - colour: red\n  - color: blue\nhopss: 3\n")
    with pytest.raises(ConfigError) as caught:
        validate(Outer, read_yaml(path))
    lines = [line.partition("x.yaml")[2] for line in str(caught.value).splitlines()]
    assert sorted(lines) == [
        ":1: hops: missing",
        ":3: inner[1].color: unknown key; did you mean colour?",
        ":4: hopss: unknown key; did you mean hops?",
    ]


def test_paths_are_shown_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file below the working directory is named relative to it, so that an editor can jump there."""
    monkeypatch.chdir(tmp_path)
    assert read_yaml(written(tmp_path, "a: 1\n")).shown == "x.yaml"


def test_a_single_value_is_read_as_in_a_file() -> None:
    """What stands behind an equals sign on the command line means what it means in a file."""
    assert parse_value("on", "--set x=on") == "on"
    assert parse_value("[a, 2]", "--set x=[a, 2]") == ["a", 2]
    assert parse_value("", "--set x=") is None
