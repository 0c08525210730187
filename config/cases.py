"""Cases: short stories beside a rule, with the findings that it must have in them, and no others.

The form is described in docs/rules.md.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agents.fields import FieldCatalog, Fingerprinter
from agents.rules import Rulebook
from config.errors import did_you_mean
from config.yaml_lines import Document, Location, validate
from models.touchpoint import Refusal, parse_touchpoint

__all__ = ["BASE", "Case", "Change", "Expected", "check_case", "read_cases"]

BASE = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""The moment 0s of every case."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_PART = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_OFFSET = re.compile(r"-?(?:[0-9]+(?:ms|s|m|h|d))+")
_ENVELOPE = (
    "id", "source", "tenant", "brand", "customer", "journey", "contact", "segment", "previous_contact", "channel",
    "language", "sequence", "schema_version",
)  # fmt: skip


def _offset(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _OFFSET.fullmatch(value):
        raise ValueError("expected a time since the start of the case, such as 0s, 90s or 1h30m")
    span = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(value))
    return -span if value.startswith("-") else span


Offset = Annotated[int, BeforeValidator(_offset)]
"""Microseconds since the start of the case."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expected(_Form):
    """A finding that must be there; keys that are not given are not compared.

    ``cause`` is the touchpoint that the finding's id is made of: ``again``, for an absence the one that started the
    wait. ``seam`` is written ``team:sales>team:service``, ``explained_by`` is the name of a rule.
    """

    cause: str | None = None
    again: str | None = None
    first: str | None = None
    reason: str | None = None
    severity: str | None = None
    field: str | None = None
    seam: str | None = None
    silos: list[str] | None = None
    journey: str | None = None
    contact: str | None = None
    time: Offset | None = None
    explained_by: str | None = None
    evidence: list[str] | None = None
    summary: str | None = None
    measured: dict[str, float] | None = None


class _CaseForm(_Form):
    case: Annotated[str, Field(min_length=1)]
    touchpoints: Annotated[list[dict[str, Any]], Field(min_length=1)]
    until: Offset | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    findings: list[Expected]


class _CaseList(_Form):
    cases: list[_CaseForm] = Field(default_factory=list)


class Change(NamedTuple):
    """A key of a rule, or of the engine (``rule`` is None), that a case sets, with its value."""

    rule: str | None
    key: str
    value: Any


@dataclass(frozen=True)
class Case:
    """One story; ``where`` is its file and line, ``touchpoints`` are JSON, ``until`` is in microseconds UTC."""

    rule: str
    case: str
    where: str
    touchpoints: tuple[bytes, ...]
    until: int
    changes: tuple[Change, ...]
    findings: tuple[Expected, ...]

    def rulebook(self, rulebook: Rulebook) -> Rulebook:
        """Return ``rulebook`` with what this case sets; the case's own rule is on unless the case says otherwise."""
        engine = rulebook.engine.model_copy(update={each.key: each.value for each in self.changes if each.rule is None})
        rules = []
        for rule in rulebook.rules:
            update = {each.key: each.value for each in self.changes if each.rule == rule.name}
            if rule.name == self.rule:
                update.setdefault("mode", "on")
            rules.append(rule.model_copy(update=update))
        return Rulebook(engine=engine, rules=tuple(rules))


def read_cases(
    rule: str, document: Document, changes: Callable[[Mapping[str, Any], str], tuple[Change, ...]]
) -> Iterator[Case]:
    """Yield the cases in the file of ``rule``; ``changes`` validates what a case sets, and names where it stands.

    Raises :class:`ConfigError` where a case is malformed or one of its touchpoints is none.
    """
    forms = validate(
        _CaseList,
        Document(
            document.shown, {key: value for key, value in document.data.items() if key == "cases"}, document.lines
        ),
    )
    for index, form in enumerate(forms.cases):
        location: Location = ("cases", index)
        lines = [
            _touchpoint(document, (*location, "touchpoints", position), short)
            for position, short in enumerate(form.touchpoints)
        ]
        newest = max(_micros(json.loads(line)["time"]) for line in lines)
        yield Case(
            rule=rule,
            case=form.case,
            where=document.where(location),
            touchpoints=tuple(lines),
            until=newest if form.until is None else _micros(BASE.isoformat()) + form.until,
            changes=changes(form.set, document.where((*location, "set"))) if form.set else (),
            findings=tuple(form.findings),
        )


def check_case(case: Case, rulebook: Rulebook, fields: FieldCatalog) -> list[str]:
    """Play ``case`` and return what is not as it says: nothing where the rule has exactly the findings expected."""
    from agents.replay import Replay

    if case.rule not in {rule.name for rule in rulebook.rules}:
        return [f"there is no rule {case.rule}"]
    replay = Replay(case.rulebook(rulebook), fields, Fingerprinter(b"cases hold no secrets"))
    for number, line in enumerate(case.touchpoints, 1):
        replay.feed(number, line)
    replay.finish(case.until)
    problems = [
        f"{json.loads(case.touchpoints[each.offset - 1])['id']} was refused: {each.reason}: {each.detail}"
        for each in replay.dead_letters
    ]
    return problems + _compare(case, list(replay.findings()))


def _compare(case: Case, findings: Sequence[Mapping[str, Any]]) -> list[str]:
    rule_of = {finding["id"]: finding["rule"]["name"] for finding in findings}
    left = [_flat(case, finding, rule_of) for finding in findings if finding["rule"]["name"] == case.rule]
    problems = []
    for expected in case.findings:
        wanted = expected.model_dump(include=expected.model_fields_set)
        best = min(left, key=lambda found: _distance(wanted, found), default=None)
        if best is None or any(key in wanted and wanted[key] != best[key] for key in ("cause", "again")):
            problems.append(f"missing: a finding with {_words(wanted)}")
            continue
        left.remove(best)
        wrong = [key for key in wanted if wanted[key] != best[key]]
        problems += [
            f"the finding at {best['cause']}: {key} is {_shown(key, best[key])}, expected {_shown(key, wanted[key])}"
            for key in wrong
        ]
    keys = ("cause", "first", "reason", "severity", "field")
    problems += [f"unexpected: a finding with {_words({key: found[key] for key in keys})}" for found in left]
    return problems


def _distance(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[bool, bool, int]:
    wrong = [key for key in wanted if wanted[key] != found[key]]
    return "cause" in wrong or "again" in wrong, "field" in wrong, len(wrong)


def _flat(case: Case, finding: Mapping[str, Any], rule_of: Mapping[str, str]) -> dict[str, Any]:
    seam = finding["seam"]
    return {
        "cause": _cause(case, finding),
        "again": finding["again"] and finding["again"]["id"],
        "first": finding["first"] and finding["first"]["id"],
        "seam": seam and f"{seam['from']}>{seam['to']}",
        "time": _micros(finding["time"]) - _micros(BASE.isoformat()),
        "explained_by": finding["explained_by"] and rule_of.get(finding["explained_by"]),
        "evidence": [each["id"] for each in finding["evidence"]],
        "measured": finding.get("measured", {}),
        **{key: finding[key] for key in ("reason", "severity", "field", "silos", "journey", "contact", "summary")},
    }


def _cause(case: Case, finding: Mapping[str, Any]) -> str | None:
    """Return the id of the touchpoint that the finding's id is made of."""
    touchpoints = [json.loads(line) for line in case.touchpoints]
    named = {touchpoint["data"].get(key) for touchpoint in touchpoints for key in ("fact", "promise")}
    discriminators = {"", finding["field"], *named} - {None}
    for touchpoint in touchpoints:
        if any(finding["id"] == _finding_id(case.rule, touchpoint, each) for each in discriminators):
            return str(touchpoint["id"])
    return None


def _finding_id(rule: str, touchpoint: Mapping[str, Any], discriminator: str) -> str:
    parts = [touchpoint["tenant"], rule, touchpoint["source"], touchpoint["id"], discriminator]
    encoded = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.sha256(encoded).hexdigest()[:32]


def _touchpoint(document: Document, location: Location, short: Mapping[str, Any]) -> bytes:
    """Write out one short touchpoint."""
    rest = dict(short)

    def offset(key: str, value: Any) -> str:
        try:
            return (BASE + timedelta(microseconds=_offset(value))).isoformat().replace("+00:00", "Z")
        except ValueError as error:
            raise document.error((*location, key), str(error)) from error

    full: dict[str, Any] = {"id": f"t{int(location[-1]) + 1}", "source": "case", "tenant": "default"}
    full |= {"time": offset("at", rest.pop("at", None)), "type": rest.pop("type", None)}
    if full["type"] != "heartbeat":
        full |= {"customer": "c-1", "channel": "voice", "actor": _actor(document, location, rest.pop("by", None))}
    full |= {key: rest.pop(key) for key in _ENVELOPE if key in rest}
    data = rest.pop("data", {})
    if not isinstance(data, dict):
        raise document.error((*location, "data"), "expected keys with values")
    full["data"] = {**rest, **data}
    due = full["data"].get("due")
    if isinstance(due, str) and _OFFSET.fullmatch(due):
        full["data"]["due"] = offset("due", due)
    line = json.dumps(full, ensure_ascii=False).encode()
    touchpoint = parse_touchpoint(line)
    if isinstance(touchpoint, Refusal):
        raise document.error(location, touchpoint.detail)
    known = touchpoint.data if isinstance(touchpoint.data, BaseModel) else None
    for key in (known.model_extra or ()) if known else ():
        fields = [*type(known).model_fields, *_ENVELOPE, "at", "by"] if known else []
        raise document.error((*location, key), f"unknown key{did_you_mean(key, fields)}")
    return line


def _actor(document: Document, location: Location, by: Any) -> dict[str, str]:
    if not isinstance(by, str) or not by:
        raise document.error((*location, "by"), "expected who acts, such as customer, agent:sales or ivr:entry-ivr")
    kind, _, team = by.partition(":")
    return {"kind": kind, "team": team} if team else {"kind": kind}


def _micros(time: str) -> int:
    return (datetime.fromisoformat(time) - _EPOCH) // timedelta(microseconds=1)


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_shown(key, value)}" for key, value in values.items()) or "nothing given"


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "none"
    if key == "time":
        return f"{value / 1e6:g}s"
    return ", ".join(value) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)
