"""What people did with an alert of an alias goes to the customer's alert, when its findings do: who has it, how it was left, and their notes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec
from sqlalchemy import Connection, select, update

from models.alert import AlertState
from models.tables import alert_changes, alerts, findings
from sinks.lifecycle import STREAM, News, Verdict

__all__ = ["Subject", "Takeover", "takeovers"]


class Subject(Protocol):
    """Whose an alert is, and where: a row of it, or a finding."""

    @property
    def customer(self) -> Any: ...
    @property
    def seam_from(self) -> Any: ...
    @property
    def seam_to(self) -> Any: ...


class Takeover(NamedTuple):
    """What the alert of a customer takes over.

    ``handled`` are the alerts of aliases that it comes from, ``verdict`` how whoever acted last left it, there or under an alias, ``acts`` the
    (alert, version) of all that people did there, oldest first; ``news`` is all that stands now.
    """

    handled: Sequence[str]
    verdict: Verdict
    acts: Sequence[tuple[str, int]]
    news: Sequence[News]

    def move(self, connection: Connection, key: str, version: int) -> None:
        """Enter the acts in the audit of the alert ``key``, which has its row, after ``version``; duplicates of the alerts of aliases are its own now."""
        for number, (alert, was) in enumerate(self.acts, version + 1):
            act = (alert_changes.c.alert == alert, alert_changes.c.version == was)
            connection.execute(update(alert_changes).where(*act).values(alert=key, version=number))
        connection.execute(update(alerts).where(alerts.c.duplicate_of.in_(self.handled), alerts.c.key != key).values(duplicate_of=key))


def takeovers(
    connection: Connection, left: Mapping[str, Iterable[str]], subjects: Mapping[str, Subject], verdicts: Mapping[str, Verdict]
) -> dict[str, Takeover]:
    """Return what alerts take over, by their keys; of those that nobody handled, nothing.

    ``left`` tells of alerts under which ones their findings stand now; ``subjects`` are those of all, ``verdicts`` of all that there are.
    """
    aliases: defaultdict[str, list[str]] = defaultdict(list)
    for old, keys in left.items():
        was = subjects[old]
        places = sorted((_seam(subjects[key]) != _seam(was), key) for key in keys if subjects[key].customer != was.customer)
        if places:
            aliases[places[0][1]].append(old)
    if not aliases:
        return {}
    acts: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    people = select(alert_changes.c.alert, alert_changes.c.version, alert_changes.c.time).where(alert_changes.c.actor != STREAM)
    for row in connection.execute(people.where(alert_changes.c.alert.in_([*aliases, *left]))):
        acts[row.alert].append((row.time, row.version))
    found = {}
    for key, others in aliases.items():
        handled = sorted(each for each in others if acts[each])
        if handled:
            # A duplicate of one of the others has nothing to say of how that is left.
            words = [each for each in (key, *handled) if acts[each] and verdicts[each].duplicate_of not in {key, *others}]
            last = [verdicts[each] for each in sorted(words, key=lambda each: (max(acts[each]), each))]
            verdict = last[-1] if last else verdicts.get(key, Verdict(AlertState.OPEN))
            assignees = [each.assignee for each in last if each.assignee is not None]
            moved = sorted((time, each, version) for each in handled for time, version in acts[each])
            found[key] = Takeover(
                handled,
                msgspec.structs.replace(verdict, assignee=assignees[-1] if assignees else verdict.assignee),
                [(each, version) for _, each, version in moved],
                [News(*row) for row in connection.execute(_standing(key))],
            )
    return found


def _seam(of: Subject) -> tuple[Any, Any]:
    return of.seam_from, of.seam_to


def _standing(key: str) -> Any:
    return select(findings.c.time, findings.c.rule, findings.c.rule_version).where(findings.c.alert == key, findings.c.standing)
