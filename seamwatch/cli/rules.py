"""`seamwatch rules`: what is watched for, checked and tried."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from seamwatch.errors import FAILED
from seamwatch.parameters import fields_option, json_option, rules_option
from seamwatch.terminal import console, count, notice, severity, table

if TYPE_CHECKING:
    from agents.rules import Rule, Rulebook

_COMMON = ("name", "detector", "version", "mode", "severity", "silos", "texts")


@click.group
def command() -> None:
    """Check, try and list the rules."""


@command.command
@rules_option
@fields_option
@click.pass_context
def check(ctx: click.Context, rules: Path | None, fields: Path | None) -> None:
    """Read all rules, their cases and texts and the fields, and name what is wrong by file, line and key.

    \b
    The rules that ship with the program:
      seamwatch rules check
    Your own, before a worker gets them:
      seamwatch rules check --rules our-rules/
    """
    from config.errors import ConfigError
    from config.fields import load_fields
    from config.rules import load_cases, load_rulebook
    from config.settings import load_settings
    from config.wording import load_wording

    settings = load_settings()
    rules, fields = rules or settings.rules_dir, fields or settings.fields_dir
    checks: dict[str, Callable[[], Sized]] = {
        "rule": lambda: load_rulebook(rules).rules,
        "case": lambda: load_cases(rules),
        "text": lambda: load_wording(load_rulebook(rules), rules),
        "field": lambda: load_fields(fields).definitions,
    }
    right: list[str] = []
    wrong: dict[str, None] = {}
    for noun, load in checks.items():
        try:
            right.append(count(len(load()), noun))
        except ConfigError as error:
            wrong |= dict.fromkeys(str(error).splitlines())
    for line in wrong:
        click.echo(line, err=True)
    if wrong:
        ctx.exit(FAILED)
    notice(f"Well formed: {', '.join(right)}.")


@command.command
@click.argument("names", nargs=-1, metavar="[RULE]...")
@rules_option
@fields_option
@click.pass_context
def test(ctx: click.Context, names: tuple[str, ...], rules: Path | None, fields: Path | None) -> None:
    """Play the cases that stand beside the rules: each must find what it says, and nothing else.

    Exits with 1 where a case fails.

    \b
      seamwatch rules test
      seamwatch rules test repeated_request --rules our-rules/
    """
    from config.cases import check_case
    from config.fields import load_fields
    from config.rules import load_cases, load_rulebook
    from config.settings import load_settings

    settings = load_settings()
    rules = rules or settings.rules_dir
    rulebook, catalog = load_rulebook(rules), load_fields(fields or settings.fields_dir)
    _require_known(rulebook, names)
    cases = [case for case in load_cases(rules) if not names or case.rule in names]
    wrong = [(case, problems) for case in cases if (problems := check_case(case, rulebook, catalog))]
    out = console()
    played, failed = Counter(case.rule for case in cases), Counter(case.rule for case, _ in wrong)
    rows = [
        [rule.name, f"{played[rule.name]:,}", f"{failed[rule.name]:,}" if failed[rule.name] else ""]
        for rule in rulebook.rules
        if not names or rule.name in names
    ]
    out.print(table("Cases", ["rule", "cases", "failed"], rows, right=(1, 2)))
    for case, problems in wrong:
        out.print(f"{case.where}: {case.case}")
        for problem in problems:
            out.print(f"  {problem}")
    out.print(f"{count(len(cases) - len(wrong), 'case')} passed, {len(wrong):,} failed")
    if wrong:
        ctx.exit(FAILED)


@command.command(name="list")
@rules_option
@json_option
def list_(rules: Path | None, as_json: bool) -> None:
    """List the rules: what each watches for, how loudly, and its thresholds.

    \b
      seamwatch rules list
      seamwatch rules list --json | python3 -m json.tool
    """
    from config.rules import load_rulebook
    from config.settings import load_settings

    rulebook = load_rulebook(rules or load_settings().rules_dir)
    if as_json:
        listed = [
            {name: getattr(rule, name) for name in _COMMON[:5]}
            | {"silos": list(rule.silos), "thresholds": _thresholds(rule)}
            for rule in rulebook.rules
        ]
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    rows = [
        [
            rule.name,
            rule.detector,
            rule.mode,
            severity(rule.severity),
            rule.version,
            ", ".join(f"{k} {v}" for k, v in _thresholds(rule).items()),
        ]
        for rule in rulebook.rules
    ]
    console().print(table("Rules", ["rule", "detector", "mode", "severity", "version", "thresholds"], rows, right=(4,)))


def _require_known(rulebook: "Rulebook", names: tuple[str, ...]) -> None:
    known = {rule.name for rule in rulebook.rules}
    for name in names:
        if name not in known:
            raise click.UsageError(f"no rule is called {name}; the rules are {', '.join(sorted(known))}.")


def _thresholds(rule: "Rule") -> Mapping[str, Any]:
    from agents.rules import Duration

    fields = type(rule).model_fields
    durations = {name for name, info in fields.items() if get_args(Duration)[1] in info.metadata}
    shown: dict[str, Any] = {}
    for name in fields:
        if name not in _COMMON:
            value = getattr(rule, name)
            shown[name] = _duration(value) if name in durations else value
    return shown


def _duration(microseconds: int) -> str:
    for size, unit in ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")):
        if microseconds % size == 0:
            return f"{microseconds // size}{unit}"
    return f"{microseconds}us"
