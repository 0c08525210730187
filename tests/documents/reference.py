"""The pages that are made from code: commands, settings, metrics, rules, the HTTP API, the messages, and the list of decisions.

`python -m tests.documents` writes them; a test compares them with what is written.
"""

import ast
import html
import inspect
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import click
import yaml
from click.testing import CliRunner
from pydantic.fields import FieldInfo

from agents.rules import EngineRules
from config.rules import SHIPPED_RULES, load_rulebook
from config.settings import Settings
from seamwatch.cli import cli
from seamwatch.rule_facts import rule_facts
from sinks.console.app import create_console
from sinks.console.settings import ConsoleSettings
from sinks.database import create_engine
from sinks.metrics import DEFINITIONS

__all__ = ["DOCS", "PAGES", "examples", "leaves"]

DOCS = Path(__file__).parents[2] / "docs"

_PIPED = re.compile(r"`([^`]*\|[^`]*)`")
_MADE = "<!-- Made from code by `make docs`: change the code. -->"


def leaves(
    command: click.Command = cli, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and group under ``command``, the program itself first, with its words after `seamwatch`."""
    yield words, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from leaves(found, (*words, name))


def examples(command: click.Command) -> list[str]:
    """Return the lines that the help of ``command`` gives as examples."""
    return [
        line.strip()
        for block in _blocks(command)
        if block.startswith("\b")
        for line in block.split("\n")
        if line.startswith("  ")
    ]


def commands() -> str:
    """Return the page of the commands."""
    lines = [
        "# Commands",
        "",
        "What `--help` says. Exit codes: 0 done, 1 failed, 2 wrong use, 3 done, but input was refused and `--strict` was given.",
        "Settings come from the environment and from `.env`: [settings.md](settings.md).",
    ]
    for words, command in leaves():
        lines += ["", f"{'##' if len(words) < 2 else '###'} {' '.join(('seamwatch', *words))}", ""]
        for block in _blocks(command):
            lines += (
                ["```text", *inspect.cleandoc(block[1:]).split("\n"), "```", ""]
                if block[0] == "\b"
                else [_plain(block), ""]
            )
        usage = " ".join(command.collect_usage_pieces(click.Context(command, **cli.context_settings)))
        lines += ["How it is called:", "", "```text", " ".join(("seamwatch", *words, usage)), "```", ""]
        if isinstance(command, click.Group) and words:
            found = [
                " ".join(("seamwatch", *path)) for path, _ in leaves(command, words) if len(path) == len(words) + 1
            ]
            lines += [", ".join(f"[{name}](#{name.replace(' ', '-')})" for name in found), ""]
        options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
        lines += _table(("option", "meaning"), map(_option, options)) if options else []
    return _page(lines)


def settings() -> str:
    """Return the page of the settings."""
    meanings = _attribute_docstrings(Settings)
    rows = []
    for name, field in Settings.model_fields.items():
        row = "" if get_origin(field.annotation) is not dict else "__RECEIVER" if "deliver" in name else "__SOURCE"
        rows.append((f"`SEAMWATCH_{name.upper()}{row}`", _default(field), _kind(field), _plain(meanings[name])))
    lines = [
        "# Settings",
        "",
        "Variables of the environment, or lines of a file `.env` in the directory where a command is started; the environment wins.",
        "An empty one counts as not set. A name that is nearly one of these is told at start.",
        "Secrets print as `***`; each of them, and `SEAMWATCH_DATABASE`, takes `file:` and a path in place of its value.",
        "Durations are written `500ms`, `90s`, `15m`, `24h`, `7d`. Thresholds are not settings but [rules](rules.md).",
        "",
        *_table(("variable", "default", "takes", "meaning"), rows),
    ]
    return _page(lines)


def metrics() -> str:
    """Return the page of the metrics."""
    rows = [
        (
            f"`{item.full_name}`",
            item.kind,
            item.unit,
            ", ".join(f"`{label}`" for label in item.labels) or "-",
            item.help,
        )
        for item in DEFINITIONS
    ]
    lines = [
        "# Metrics",
        "",
        "Served at `/metrics` of the metrics port. Histograms have `_bucket`, `_sum` and `_count`. Besides these there are the usual `process_*`.",
        "",
        "`config/prometheus` has rules and alerts over them, each alert with a [runbook](runbooks/README.md); `config/grafana` has dashboards, which",
        "`python -m config.grafana.make` writes. `docker compose up` starts both.",
        "",
        *_table(("metric", "kind", "unit", "labels", "meaning"), rows),
    ]
    return _page(lines)


def rules() -> str:
    """Return the page of the shipped rules and of what they share."""
    rulebook = load_rulebook()
    nowhere = Settings(database="sqlite:////nowhere/seamwatch.db")
    lines = [
        "# Rules",
        "",
        "Every rule that ships, with its settings and the titles of its cases. How a rule is written, tried and changed: [rules.md](../rules.md).",
        "`seamwatch rules explain RULE` tells the same of your own.",
    ]
    for rule in rulebook.rules:
        facts = rule_facts(rulebook, rule, None, (), "en", nowhere)
        lines += ["", f"## {rule.name}", "", f"{_plain(facts['does'])} {_plain(facts['how'])}", ""]
        lines += [f"People are told: “{facts['texts']['what']}”", ""]
        shown = [each for each in facts["settings"] if not each["shared"]]
        lines += _table(
            ("setting", "value", "meaning"),
            [(f"`{each['key']}`", _value(each["value"]), _plain(each["meaning"])) for each in shown],
        )
        shared = [f"`{each['key']}`" for each in facts["settings"] if each["shared"]]
        lines += ["", f"Detector: `{rule.detector}`. Reasons: {', '.join(f'`{each}`' for each in facts['reasons'])}."]
        lines += [f"It also depends on {', '.join(shared)}, [below](#what-all-rules-share)."] if shared else []
        for heading, cases in (("fire", "fires"), ("keep quiet", "keeps_quiet")):
            lines += ["", f"It must {heading} when:", "", *(f"- {_plain(case)}" for case in facts["cases"][cases])]
    engine = _attribute_docstrings(EngineRules)
    given = yaml.safe_load((SHIPPED_RULES / "engine.yaml").read_text(encoding="utf-8"))
    rows = [
        (f"`{key}`", _value(given.get(key, field.get_default(call_default_factory=True))), _plain(engine[key]))
        for key, field in EngineRules.model_fields.items()
    ]
    lines += [
        "",
        "## What all rules share",
        "",
        "`config/rules/engine.yaml`; what it does not name has the value shown here.",
        "",
    ]
    return _page([*lines, *_table(("key", "value", "meaning"), rows)])


def api() -> str:
    """Return the page of the HTTP API."""
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/none.db")
        app = create_console(engine, ConsoleSettings(forget=lambda *_: (0, False)))
        described_by = app.openapi()
        engine.dispose()
    lines = [
        "# HTTP API",
        "",
        "What the console serves under `/api`, from its OpenAPI description (`/api/openapi.json`).",
        "Who may do what, the live stream and the filters in words: [console.md](../console.md).",
    ]
    for path, methods in sorted(described_by["paths"].items()):
        for method, operation in methods.items():
            lines += [
                "",
                f"## {method.upper()} {path}",
                "",
                _plain(operation.get("description") or operation["summary"]),
            ]
            rows = [
                (f"`{each['name']}`", each["in"], _shape(each["schema"]), "yes" if each.get("required") else "")
                for each in operation.get("parameters", ())
            ]
            lines += ["", *_table(("parameter", "in", "takes", "required"), rows)] if rows else []
            body = operation.get("requestBody")
            lines += ["", f"Body: {_shape(next(iter(body['content'].values()))['schema'])}"] if body else []
            answers = [
                f"{code}: {_answer(answer)}" for code, answer in operation["responses"].items() if code[0] == "2"
            ]
            lines += ["", f"Answer: {'; '.join(answers)}"]
    lines += ["", "## Objects"]
    for name, schema in sorted(described_by["components"]["schemas"].items()):
        lines += ["", f"### {name}", "", *_object(schema)]
    return _page(lines)


def messages() -> str:
    """Return the page of the messages in Kafka and in files."""
    lines = [
        "# Messages",
        "",
        "What goes in and out, from the JSON Schemas that `seamwatch schema` prints. `?` marks what may be left out or null.",
    ]
    schemas = json.loads(CliRunner().invoke(cli, ["schema"]).stdout)
    for name, schema in schemas.items():
        defined = schema.get("$defs", {})
        lines += ["", f"## {name.capitalize()}", ""]
        if name == "touchpoint":
            first = defined[schema["oneOf"][0]["$ref"].rpartition("/")[2]]
            lines += [
                "Every touchpoint has these keys; `data` depends on the type.",
                "",
                *_object(first, leave_out={"type", "data"}),
                "",
                "### Actor",
                "",
                *_object(defined["Actor"]),
            ]
            for type_, reference in sorted(schema["discriminator"]["mapping"].items()):
                each = defined[reference.rpartition("/")[2]]
                data = each["properties"].get("data")
                lines += ["", f"### `{type_}`", ""]
                lines += _object(defined[data["$ref"].rpartition("/")[2]]) if data and "$ref" in data else ["No data."]
            continue
        lines += _object(schema)
        for part, sub in sorted(defined.items()):
            lines += ["", f"### {part} of {name}", "", *_object(sub)]
    return _page(lines)


def decisions() -> str:
    """Return the list of the decisions, by number."""
    rows = []
    for path in sorted((DOCS / "adr").glob("[0-9]*.md")):
        number, _, title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(". ")
        rows.append((number, f"[{title}]({path.name})"))
    lines = [
        "# Decisions",
        "",
        "What was decided and why, what was rejected, and what it costs. A later one may replace an earlier one, and says so.",
        "",
    ]
    return _page([*lines, *_table(("number", "decision"), rows)])


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/settings.md": settings,
    "metrics.md": metrics,
    "reference/rules.md": rules,
    "reference/api.md": api,
    "reference/messages.md": messages,
    "adr/README.md": decisions,
}
"""By path under docs: what makes a page."""


def _page(lines: Iterable[str]) -> str:
    heading, *rest = lines
    return re.sub(r"\n{3,}", "\n\n", "\n".join([heading, "", _MADE, *rest])).rstrip() + "\n"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    cells = [
        [_PIPED.sub(_with_pipe, " ".join(cell.split())).replace("|", "&#124;") for cell in row]
        for row in (heads, *rows)
    ]
    head, *body = [f"| {' | '.join(row)} |" for row in cells]
    return [head, f"|{'---|' * len(heads)}", *body]


def _with_pipe(code: re.Match[str]) -> str:
    """Return code with a pipe as HTML: GitHub and the builder disagree about one inside backticks of a table."""
    return f"<code>{html.escape(code[1], quote=False)}</code>"


def _plain(text: str | None) -> str:
    """Return text of a docstring as Markdown: its literals as code, and no HTML."""
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", " ".join((text or "").split())).replace("``", "`")
    return "".join(
        part if index % 2 else part.replace("<", "&lt;").replace("*", "\\*")
        for index, part in enumerate(re.split(r"(`[^`]*`)", text))
    )


def _blocks(command: click.Command) -> list[str]:
    return [block.strip("\n") for block in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")) if block.strip()]


def _option(option: click.Option) -> tuple[str, str]:
    names, meaning = option.get_help_record(click.Context(click.Command(None))) or ("", "")
    return f"`{names}`", _plain(meaning)


def _attribute_docstrings(model: type) -> dict[str, str]:
    """Return the docstrings that stand below the fields of a model; a field without one has that of the next one that has one."""
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, after in zip(definition.body, [*definition.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and after.value.value
            found[statement.target.id] = str(text or "")
    return found


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return (
        ""
        if value is None or value == {} or value == ""
        else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    )


def _kind(field: FieldInfo) -> str:
    text = f"{field.annotation} {field.metadata}"
    if "Mapping" in text:
        return "a JSON object"
    if options := re.findall(r"'(\w[\w-]*)'", text.partition("Literal")[2]):
        return ", ".join(f"`{each}`" for each in options)
    kinds = {
        "_duration": "a duration",
        "Secret": "a secret",
        "Path": "a path",
        "bool": "`true`, `false`",
        "float": "a number",
        "int": "a whole number",
    }
    return next((kind for word, kind in kinds.items() if re.search(rf"\b{word}\b", text)), "text")


def _value(value: Any) -> str:
    plain = sorted(value) if isinstance(value, frozenset) else value
    return f"`{plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)}`"


def _shape(schema: Mapping[str, Any]) -> str:
    """Return in a few words what a JSON Schema takes."""
    if "$ref" in schema:
        return (
            f"[{(name := schema['$ref'].rpartition('/')[2])}](#{name.lower()})"
            if schema["$ref"].startswith("#/components")
            else schema["$ref"].rpartition("/")[2]
        )
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_shape(each) for each in schema[key] if each.get("type") != "null"))
    if schema.get("type") == "array":
        return f"list of {_shape(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_shape(schema['additionalProperties'])}"
    bounds = [
        f"{word} {schema[key]}"
        for key, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
            ("maxLength", "at most"),
        )
        if key in schema
    ]
    return " ".join([str(schema.get("format") or schema.get("type") or "anything"), *bounds])


def _answer(answer: Mapping[str, Any]) -> str:
    shapes = [_shape(each["schema"]) for each in answer.get("content", {}).values() if each.get("schema")]
    return ", ".join(shapes) or _plain(answer["description"])


def _object(schema: Mapping[str, Any], leave_out: Iterable[str] = ()) -> list[str]:
    lines = [_plain(schema["description"]), ""] if schema.get("description") else []
    if "properties" not in schema:
        return [*lines, _shape({key: value for key, value in schema.items() if key != "description"})]
    required = schema.get("required", ())
    rows = [
        (
            f"`{name}`{'' if name in required else '?'}",
            _shape(each),
            f"`{json.dumps(each['default'])}`" if each.get("default") not in (None, [], {}) else "",
        )
        for name, each in schema["properties"].items()
        if name not in leave_out
    ]
    return [*lines, *(_table(("key", "takes", "default"), rows) if rows else ["No keys."])]
