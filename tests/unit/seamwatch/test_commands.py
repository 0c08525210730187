"""The command line: its help, wrong use, and what it says when something fails."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from kafka.errors import InvalidReplicationFactorError

from seamwatch import __version__
from seamwatch.cli import cli
from seamwatch.errors import explain
from tests.unit.seamwatch.support import asked_twice, lines, run, write

ROOT = Path(__file__).parents[3]


def commands() -> list[list[str]]:
    """Return every command and subcommand as words."""
    found: list[list[str]] = []
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, sub] for sub in command.list_commands(context)]
    return found


def test_the_program_lists_its_commands() -> None:
    """`seamwatch --help` names every command with a whole first sentence, and shows how to begin."""
    shown = run("--help")
    assert shown.exit_code == 0
    for words in commands():
        assert f"\n  {words[0]} " in shown.output
    assert "seamwatch replay touchpoints.jsonl" in shown.output
    assert "..." not in shown.output.partition("Commands:")[2].partition("Settings")[0]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_each_command_teaches_with_an_example(words: list[str]) -> None:
    """`--help` and `-h` of every command exit with 0 and show how it is typed."""
    shown = run(*words, "--help")
    assert shown.exit_code == 0
    assert run(*words, "-h").output == shown.output
    assert f"seamwatch {' '.join(words)}" in shown.output.partition("\n")[2]


def test_help_is_quick_and_replay_needs_no_kafka_and_no_database(tmp_path: Path) -> None:
    """Neither Kafka's libraries nor SQLAlchemy are loaded by `--help` or by a whole `replay`."""
    path = write(tmp_path, lines(asked_twice("c-1")))
    code = (
        "import sys; from seamwatch.cli import cli\n"
        "cli(sys.argv[1:], standalone_mode=False)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'kafka', 'aiokafka', 'faust', 'sqlalchemy', 'rich'}))"
    )
    for arguments, loaded in (
        (["--help"], "[]"),
        (["-q", "replay", "--json", path], "[]"),
        (["replay", path], "['rich']"),
    ):
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert ended.stdout.splitlines()[-1] == loaded


def test_the_version_is_that_of_the_project() -> None:
    """`--version` tells what pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert __version__ == project["version"]
    assert project["version"] in run("--version").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reply"], "The commands are alerts"),
        (["replay"], "Missing argument"),
        (["replay", "not-there.jsonl"], "does not exist"),
        (["replay", "--until", "2026-03-02T10:00:00", "-"], "has no time zone"),
        (["replay", "--until", "tomorrow", "-"], "is no time"),
        (["replay", "--set", "slow_handof.mode=on", "-"], "did you mean slow_handoff?"),
        (["replay", "--format", "nothing", "-"], "no source is called nothing"),
        (["replay", "--findings", "not/there.jsonl", "-"], "does not exist"),
        (["replay", "--findings", "-", "--json", "-"], "only one of"),
        (["replay", "--findings", "x", "--briefs", "x", "-"], "--findings and --briefs cannot go to the same file"),
        (["replay", "--briefs", "x", "--against", "shipped", "-"], "--briefs is of no use"),
        (["produce", "--rate", "5", "--speed", "2", "-"], "exclude each other"),
        (["produce", "--rate", "0", "-"], "not in the range"),
        (["worker", "--roles", "watch,sing"], "sing is no role; the roles are ingest, normalise, watch, score, sink"),
        (["worker"], "SEAMWATCH_HASH_KEY is not set"),
        (["rules", "test", "nothing"], "the rules are broken_promise"),
        (["alerts", "list", "--state", "shut"], "is not one of"),
    ],
)
def test_wrong_use_exits_with_2_and_says_what_is_right(arguments: list[str], said: str) -> None:
    """A mistake of whoever typed it is told in a sentence on stderr, and ends with 2."""
    ended = run(*arguments, given=b"")
    assert ended.exit_code == 2
    assert said in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is too short is refused by the name of its variable, and not shown."""
    ended = run("worker", env={"SEAMWATCH_HASH_KEY": "tooshort"})
    assert ended.exit_code == 2
    assert "SEAMWATCH_HASH_KEY" in ended.stderr
    assert "tooshort" not in ended.output


def test_a_bug_is_told_by_its_place_alone() -> None:
    """Of an error that nobody foresaw the message is left out, since it may hold what a customer said."""
    try:
        int("4711-2299")
    except ValueError as error:
        told = explain(error)
    assert told.exit_code == 1
    assert "4711" not in told.message
    assert "ValueError at tests/unit/seamwatch/test_commands.py:" in told.message


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("'All brokers are fenced.'", "InvalidReplicationFactorError: All brokers are fenced; check that Kafka runs, and SEAMWATCH_BROKER"),
        ("None", "InvalidReplicationFactorError: Replication-factor is invalid; check that Kafka runs, and SEAMWATCH_BROKER"),
    ],
)
def test_what_a_broker_refuses_is_told_without_the_request(reason: str, told: str) -> None:
    """The library's sentence holds request and response whole; the command says the broker's reason, else what the error means."""
    whole = f"Request 'CreateTopicsRequest(topics=[...])' failed with response 'CreateTopicsResponse(error_code=38, error_message={reason})'."
    assert explain(InvalidReplicationFactorError(whole)).message == told


def test_debug_lets_an_error_through(tmp_path: Path) -> None:
    """With --debug whoever looks for a bug gets the exception itself."""
    path = write(tmp_path, b"\x1f\x8b broken")
    told = run("replay", path)
    assert told.exit_code == 1
    assert told.stderr.splitlines()[-1].startswith(f"Error: {path}: the compressed data are broken")
    assert type(run("--debug", "replay", path).exception).__name__ == "Unreadable"


def test_no_command_takes_a_secret_as_a_word() -> None:
    """Words of a command stand in the list of processes and in histories: what is secret comes from a file, the environment or a prompt."""
    secret = re.compile("pass(?!ed)|secret|token|credential|private|_key|-key", re.IGNORECASE)
    found = set()
    for words in commands():
        command: click.Command = cli
        for word in words:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), word) or command
        taken = [each for each in command.params if secret.search(" ".join(each.opts)) and not getattr(each, "is_flag", False)]
        assert all(isinstance(each.type, click.Path) for each in taken), words
        found |= {option for each in taken for option in each.opts}
    assert found == {"--password-file"}
