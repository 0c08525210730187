"""`seamwatch replay` from file to findings."""

import gzip
import json
from pathlib import Path

from tests.unit.seamwatch.support import UNTIL, asked_twice, findings, lines, run, touchpoint, write

KEYS = {"SEAMWATCH_HASH_KEY": "0123456789abcdef", "SEAMWATCH_CUSTOMER_KEY": "0123456789abcdef"}
XES = b"""<log xmlns="http://www.xes-standard.org/"><trace><string key="concept:name" value="1-1"/>%s</trace></log>"""


def event(group: str, minute: int, name: str = "Accepted") -> bytes:
    """Return one event of a log."""
    return (
        f'<event><string key="org:group" value="{group}"/><string key="concept:name" value="{name}"/>'
        f'<string key="lifecycle:transition" value="In Progress"/><string key="org:resource" value="Ann"/>'
        f'<date key="time:timestamp" value="2026-03-02T10:{minute:02}:00+00:00"/></event>'
    ).encode()


def test_a_file_gives_its_findings_scores_and_a_summary(tmp_path: Path) -> None:
    """A customer who is asked twice is one finding in the file, one line of the table, and lowers the score of the seam."""
    path = write(tmp_path, lines(asked_twice("c-1")))
    out, scores = str(tmp_path / "findings.jsonl"), tmp_path / "scores.jsonl"
    ended = run("replay", path, "--until", UNTIL, "--findings", out, "--scores", str(scores), env=KEYS)
    assert ended.exit_code == 0
    assert ended.stderr == ""
    assert "6 lines, 6 touchpoints" in ended.stdout
    found = findings(out)
    causes = {each["detector"]: each["again"]["id"] for each in found.values()}
    assert causes == {"repeated_request": "c-1-5", "repeated_answer": "c-1-6"}
    assert "repeated_request" in ended.stdout
    assert "team:sales>team:service" in ended.stdout
    assert "4711-2299" not in Path(out).read_text() + ended.output
    rows = [json.loads(line) for line in scores.read_text().splitlines()]
    assert {row["as_of"] for row in rows} == {UNTIL} or {row["as_of"][:19] for row in rows} == {UNTIL[:19]}
    assert {"team", "seam", "tenant", "customer", "journey"} <= {row["scope"] for row in rows}


def test_any_order_compressed_split_or_piped_gives_the_same_findings(tmp_path: Path) -> None:
    """The lines backwards in two gzipped files, or on standard input, give the findings of the file."""
    stories = [asked_twice(f"c-{number}") for number in range(30)]
    content = lines(*stories)
    expected = run("replay", "-", "--until", UNTIL, "--findings", "-", given=content, env=KEYS).stdout
    assert expected.count("\n") == 60
    backwards = content.splitlines(keepends=True)[::-1]
    parts = [
        write(tmp_path, gzip.compress(b"".join(part)), f"{number}.jsonl.gz")
        for number, part in enumerate((backwards[:70], backwards[70:]))
    ]
    shuffled = run("replay", *parts, "--until", UNTIL, "--findings", "-", env=KEYS).stdout
    without_revision = [
        {key: value for key, value in json.loads(line).items() if key != "revision"} for line in shuffled.splitlines()
    ]
    assert without_revision == [
        {key: value for key, value in json.loads(line).items() if key != "revision"} for line in expected.splitlines()
    ]


def test_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    """`--json` prints one JSON object on standard output; notices and refused lines go to standard error."""
    path = write(tmp_path, lines(asked_twice("c-1")) + b"no json\n")
    ended = run("replay", path, "--until", UNTIL, "--json")
    summary = json.loads(ended.stdout)
    assert summary["lines"] == 7
    assert summary["touchpoints"] == 6
    assert summary["refused"]["reasons"] == {"malformed_json": 1}
    kinds = {kind["rule"]: (kind["count"], kind["for_alerts"]) for kind in summary["findings"]["kinds"]}
    assert kinds == {"repeated_request": (1, 1), "repeated_answer": (1, 0)}  # the question explains the answer
    assert summary["findings"]["alerts"] == 1
    assert "SEAMWATCH_HASH_KEY is not set" in ended.stderr


def test_refused_lines_are_told_with_file_and_line(tmp_path: Path) -> None:
    """Blank lines count as lines and are not refused; of many refused ones twenty are told, in the file where they stand, and the rest is counted."""
    first = write(tmp_path, b"\n" + lines(asked_twice("c-1")) + b"\n{}\n", "first.jsonl")
    second = write(tmp_path, b"bad\n" * 30, "second.jsonl")
    ended = run("replay", first, second, "--until", UNTIL, env=KEYS)
    told = ended.stderr.splitlines()
    assert ended.exit_code == 0
    assert told[0].startswith(f"{first}:9: missing_field: ")
    assert told[1].startswith(f"{second}:1: malformed_json: ")
    assert told[20] == "... and 11 more lines refused"
    assert "31 refused" in ended.stdout


def test_strict_exits_with_3_where_a_line_was_refused(tmp_path: Path) -> None:
    """`--strict` tells a program that the input was not whole, once everything is written."""
    whole, broken = lines(asked_twice("c-1")), b"no json\n"
    out = str(tmp_path / "findings.jsonl")
    assert run("replay", "-", "--strict", given=whole, env=KEYS).exit_code == 0
    assert run("replay", "-", "--strict", "--findings", out, given=whole + broken, env=KEYS).exit_code == 3
    assert len(findings(out)) == 2


def test_until_decides_which_deadlines_have_passed(tmp_path: Path) -> None:
    """A handoff that nobody answers is found once its minute is over, and not before."""
    story = [
        touchpoint("1", "09:50:00", "contact.answered", "c-1", "sales"),
        touchpoint(
            "2",
            "10:01:00",
            "handoff.started",
            "c-1",
            "sales",
            data={"handoff": "h", "to_team": "service", "mode": "blind"},
        ),
    ]
    path = write(tmp_path, lines(story))
    for until, count in ("2026-03-02T10:01:59Z", 0), ("2026-03-02T10:03:00+00:00", 1), (None, 1):
        ended = run("replay", path, "--json", *(["--until", until] if until else []), env=KEYS)
        assert json.loads(ended.stdout)["findings"]["total"] == count


def test_a_log_of_events_is_replayed_by_its_mapping(tmp_path: Path) -> None:
    """`--format xes` finds a case that came back, with rules changed by --set; without a key customers get one for this run."""
    path = write(tmp_path, XES % (event("A", 1) + event("B", 2) + event("C", 3) + event("A", 4)), "log.xes")
    returned = ["--set", "ping_pong_return.mode=on", "--set", "memory=1000d"]
    ended = run("replay", path, "--format", "xes", "--json", *returned)
    kinds = {kind["rule"]: kind["count"] for kind in json.loads(ended.stdout)["findings"]["kinds"]}
    assert kinds["ping_pong_return"] == 1
    assert "SEAMWATCH_CUSTOMER_KEY is not set" in ended.stderr
    plain = run("replay", path, "--format", "xes", "--json", env=KEYS)
    assert "ping_pong_return" not in plain.stdout
    assert "is not set" not in plain.stderr


def test_a_file_that_is_read_is_not_overwritten(tmp_path: Path) -> None:
    """`--findings` on the input itself is refused before anything happens to it."""
    content = lines(asked_twice("c-1"))
    path = write(tmp_path, content)
    assert run("replay", path, "--findings", path).exit_code == 2
    assert Path(path).read_bytes() == content


def test_quiet_says_nothing_but_results(tmp_path: Path) -> None:
    """`seamwatch --quiet replay` leaves out its notices."""
    assert run("--quiet", "replay", write(tmp_path, lines(asked_twice("c-1")))).stderr == ""


def test_messages_are_read_unless_told_not_to(tmp_path: Path) -> None:
    """What is asked for twice in messages alone is found, under both sets of rules of a back-test; with --no-text nothing is read."""
    said = [
        ("sales", "What is your account number?"),
        (None, "4711-2299"),
        ("service", "May I have your account number?"),
        (None, "4711-2299, as I said"),
    ]
    messages = [
        touchpoint(f"m-{number}", f"10:0{number}:00", "message", "c-1", team, data={"text": text})
        for number, (team, text) in enumerate(said)
    ]
    path = write(tmp_path, lines(messages[::-1]))
    summary = json.loads(run("replay", path, "--until", UNTIL, "--json", env=KEYS).stdout)
    assert (summary["touchpoints"], summary["recognised"], summary["findings"]["total"]) == (8, 4, 2)
    against = run("replay", path, "--until", UNTIL, "--against", "shipped", "--json", env=KEYS)
    assert json.loads(against.stdout)["comparison"]["findings"]["same"] == 2
    silent = json.loads(run("replay", path, "--until", UNTIL, "--no-text", "--json", env=KEYS).stdout)
    assert (silent["touchpoints"], silent["recognised"], silent["findings"]["total"]) == (4, 0, 0)
