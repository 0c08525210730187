"""Rules: what ships, what is refused, and what the command line may change."""

import shutil
from pathlib import Path

import pytest

from agents.rules import Rule
from config.errors import ConfigError
from config.rules import SHIPPED_RULES, load_rulebook

RULE = "name: own\ndetector: ping_pong\nversion: 2\nmode: off\npattern: direct\n"
DAY = 86_400_000_000


def rule(name: str, directory: Path | None = None, overrides: tuple[str, ...] = ()) -> Rule:
    """Return one rule of a rulebook."""
    return next(each for each in load_rulebook(directory, overrides).rules if each.name == name)


def test_all_shipped_rules_are_on_but_two() -> None:
    """Only the direct ping-pong is watched for unless one asks for more."""
    modes = {each.name: each.mode for each in load_rulebook().rules}
    assert {name for name, mode in modes.items() if mode != "on"} == {"ping_pong_return", "ping_pong_timed"}
    assert set(modes) == {path.stem for path in SHIPPED_RULES.glob("*.yaml")} - {"engine"}


def test_overrides_change_a_key_of_the_engine_or_of_a_rule() -> None:
    """Values are read as in a file, also inside of a mapping, and the last one wins."""
    overrides = (
        "memory=2d",
        "memory=1000d",
        "ping_pong_return.mode=on",
        "transit=[entry-ivr]",
        "answer_limits.voice=10s",
        "harm={info: 0, warning: 0.5, critical: 0.9}",
        "ping_pong_return.texts.en=a = b",
    )
    engine = load_rulebook(None, overrides).engine
    assert engine.memory == 1000 * DAY
    assert engine.transit == {"entry-ivr"}
    assert engine.answer_limits["voice"] == 10_000_000
    assert engine.answer_limits["other"] == DAY
    assert engine.harm["warning"] == 0.5
    changed = rule("ping_pong_return", None, overrides)
    assert (changed.mode, changed.texts["en"].what) == ("on", "a = b")
    assert rule("ping_pong_return").mode == "off"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("ping_pong.mode=on", "no rule is called ping_pong; did you mean ping_pong_direct?"),
        ("memry=3d", "unknown key; did you mean memory?"),
        ("ping_pong_direct.moed=on", "unknown key; did you mean mode?"),
        ("ping_pong_direct.mode=onn", "expected 'off', 'shadow' or 'on'"),
        ("ping_pong_direct", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("ping_pong_direct=on", "expected a key of this rule, such as ping_pong_direct.mode"),
        ("memory=30", "expected a duration such as"),
        ("memory=", "expected a duration such as"),
        ("memory.days=3", "memory has no keys of its own"),
        ("harm.critical=2", "expected less than or equal to 0.95"),
        ("memory=[1", "not YAML"),
        ("ping_pong_direct.name=x", "expected ping_pong_direct, as the file is called"),
    ],
)
def test_wrong_overrides_are_refused_in_the_words_given(override: str, sentence: str) -> None:
    """The override is repeated as it was typed, with what was expected."""
    with pytest.raises(ConfigError) as caught:
        load_rulebook(None, [override])
    assert str(caught.value).startswith(f"--set {override}")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (RULE + "patern: direct\n", "own.yaml:6: patern: unknown key; did you mean pattern?"),
        (RULE.replace("ping_pong", "pingpong"), "own.yaml:2: detector: no detector is called pingpong; did you mean"),
        (RULE.replace("own", "other"), "own.yaml:1: name: expected own, as the file is called"),
        (RULE.replace("mode: off", "mode: 3"), "own.yaml:4: mode: expected 'off', 'shadow' or 'on'"),
        (RULE.replace("version: 2", "version: 0"), "own.yaml:3: version: expected greater than or equal to 1"),
        (RULE.replace("pattern: direct\n", ""), "own.yaml:1: pattern: missing"),
        (RULE + "within: 5 minutes\n", "own.yaml:6: within: expected a duration"),
        (RULE + "mode: on\n", "own.yaml:6: mode: stands twice; first in line 4"),
        (RULE + "silos: [organization, handof]\n", "own.yaml:6: silos[1]: expected 'organization'"),
        ("name: own\n", "own.yaml:1: detector: missing"),
        (RULE + "texts:\n  en: 'to {recever}'\n", "own.yaml:7: texts.en: {recever} stands for nothing; did you mean"),
        (RULE + "texts:\n  en: '{rule.name}'\n", "own.yaml:7: texts.en: {rule.name} stands for nothing"),
        (RULE + "texts:\n  en: '{rule'\n", "own.yaml:7: texts.en: expected '}' before end of string"),
    ],
)
def test_wrong_rules_are_refused_by_file_and_line(tmp_path: Path, text: str, sentence: str) -> None:
    """Every mistake in a rule is told with its file, its line, its key and what was expected."""
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_rulebook(tmp_path)
    assert sentence in str(caught.value)


def test_a_directory_replaces_the_shipped_rules(tmp_path: Path) -> None:
    """What stands there is all that is watched for; without an engine.yaml the shipped one holds."""
    (tmp_path / "own.yaml").write_text(RULE)
    (tmp_path / "notes.txt").write_text("no rule")
    book = load_rulebook(tmp_path)
    assert [(each.name, each.version, each.mode) for each in book.rules] == [("own", 2, "off")]
    assert book.engine == load_rulebook().engine
    (tmp_path / "engine.yaml").write_text("memory: 2d\n")
    assert load_rulebook(tmp_path).engine.memory == 2 * DAY


def test_a_copy_of_the_shipped_rules_is_the_same_rulebook(tmp_path: Path) -> None:
    """Copying the directory is how one starts rules of one's own."""
    shutil.copytree(SHIPPED_RULES, tmp_path / "rules")
    assert load_rulebook(tmp_path / "rules") == load_rulebook()


def test_directories_without_rules_are_refused(tmp_path: Path) -> None:
    """A mistyped directory does not pass for a company without failures."""
    with pytest.raises(ConfigError, match="holds no rule"):
        load_rulebook(tmp_path)
    with pytest.raises(ConfigError, match="expected a directory"):
        load_rulebook(tmp_path / "none")
    (tmp_path / "own.yml").write_text(RULE)
    with pytest.raises(ConfigError, match=r"expected the name own\.yaml"):
        load_rulebook(tmp_path)
