"""`seamwatch rules`: what is watched for, checked and tried."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from seamwatch.errors import FAILED
from seamwatch.parameters import SINCE, fields_option, json_option, language_option, overrides_option, rules_option
from seamwatch.terminal import console, count, duration, notice, severity, table

if TYPE_CHECKING:
    from agents.rules import Language, Rule, Rulebook

_COMMON = ("name", "detector", "version", "mode", "severity", "silos", "texts")


@click.group
def command() -> None:
    """Check, try, list and explain the rules.

    A rule is data: thresholds, severity, texts, and the cases that it must and must not fire in; docs/rules.md describes it.

    \b
    What does a rule do?
      seamwatch rules explain repeated_request
    Is a change of your own well formed, does it pass its cases, and what would it have found?
      seamwatch rules check --rules our-rules/
      seamwatch rules test --rules our-rules/
      seamwatch replay --rules our-rules/ --against shipped touchpoints.jsonl
    """


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
    rulebook, catalog = load_rulebook(rules), load_fields(fields or settings.fields_dir, settings.region)
    _require_known(rulebook, names)
    cases = load_cases(rules, names)
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
            ", ".join(f"{k} {'/'.join(v) if isinstance(v, tuple) else v}" for k, v in _thresholds(rule).items()),
        ]
        for rule in rulebook.rules
    ]
    console().print(table("Rules", ["rule", "detector", "mode", "severity", "version", "thresholds"], rows, right=(4,)))


@command.command
@click.argument("name", metavar="RULE")
@rules_option
@overrides_option
@language_option
@json_option
def explain(name: str, rules: Path | None, overrides: tuple[str, ...], language: str, as_json: bool) -> None:
    """Explain a rule: what it does, what people are told, what decides it, its cases, and how often it fired.

    How often it fired, was taken back and was called a false positive is read from SEAMWATCH_DATABASE, where there is
    one; all else needs no server.

    \b
      seamwatch rules explain repeated_request
      seamwatch rules explain slow_handoff --language de
      seamwatch rules explain slow_handoff --rules our-rules/ --json
    """
    from typing import cast

    from config.rules import load_rulebook
    from config.settings import load_settings
    from seamwatch.rule_facts import rule_facts
    from seamwatch.rule_view import show_rule

    settings = load_settings()
    rules = rules or settings.rules_dir
    rulebook = load_rulebook(rules, overrides)
    _require_known(rulebook, (name,))
    [rule] = [each for each in rulebook.rules if each.name == name]
    facts = rule_facts(rulebook, rule, rules, overrides, cast("Language", language), settings)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
    else:
        show_rule(console(), facts)


@command.command
@click.option("--since", type=SINCE, default="30d", show_default=True, help="What happened since then: 24h, 7d, or a time.")
@rules_option
@json_option
def shadow(since: int, rules: Path | None, as_json: bool) -> None:
    """Tell what rules in shadow found: what it would be like to have them on.

    A rule whose mode is shadow judges live, and its findings are stored, but neither alerted nor scored.

    \b
      seamwatch rules shadow
      seamwatch rules shadow --since 7d --json
    """
    from datetime import UTC, datetime, timedelta

    from config.rules import load_rulebook
    from config.settings import load_settings
    from seamwatch.database import opened
    from seamwatch.rule_view import show_shadow
    from seamwatch.shadow import shadow_facts
    from sinks.rule_figures import shadow_findings

    settings = load_settings()
    in_shadow = [rule.name for rule in load_rulebook(rules or settings.rules_dir).rules if rule.mode == "shadow"]
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=since)
    with opened(settings) as engine:
        found = shadow_facts(shadow_findings(engine, moment))
    if as_json:
        told = {"since": moment.isoformat(), "in_shadow": in_shadow, "rules": found}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    show_shadow(console(), found)
    silent = [name for name in in_shadow if name not in {rule["name"] for rule in found}]
    if silent:
        notice(f"In shadow, and nothing found since {moment:%Y-%m-%d %H:%M}Z: {', '.join(silent)}")
    if not in_shadow and not found:
        notice("No rule is in shadow: set its mode to shadow, and it judges without alerting.")


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
            shown[name] = duration(value) if name in durations else value
    return shown
