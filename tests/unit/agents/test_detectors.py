"""What the cases beside the rules cannot say of the detectors: what is shown, another key, and rows from before they were there."""

import json
import random
from typing import Any

from agents.engine import Customer
from agents.entry import Entry
from agents.fields import Fingerprinter
from agents.fold import Panel
from agents.partition import PartitionWatch, Record
from tests.reference.scenarios import random_scenario
from tests.support.stories import eventful
from tests.unit.agents.support import KEY, clock_after, fields, partition, records, rulebook, run

Json = dict[str, Any]

KEPT_BEFORE = {"contact.ended": 1, "message": 1}
KEPT_NOT_BEFORE = {
    *("contact.started", "intent.stated", "fact.stated", "case.closed", "case.reopened"),
    *("offer.made", "survey.answered", "account.updated", "brand.exposure"),
}
READ_WHAT_IS_NEW = {
    *("contradiction", "repeat_contact", "premature_closure", "two_faces", "mood_drop"),
    *("expectation_gap", "portfolio_shift"),
}
"""How many parts of a type's data rows held before, of which types none, and the rules that read the rest."""


def stated(number: int, team: str, value: str, fact: str = "delivery date") -> Json:
    """Let a team state a fact."""
    return {
        "id": f"t{number}",
        "source": "crm",
        "type": "fact.stated",
        "time": f"2026-03-02T09:00:{number:02d}Z",
        "customer": "c-1",
        "contact": "k1",
        "channel": "voice",
        "actor": {"kind": "agent", "team": team},
        "data": {"fact": fact, "value": value},
    }


def test_evidence_shows_what_we_said_but_not_what_is_the_customers() -> None:
    """A stated value is shown, at most 80 characters and no control ones; of a field that is the customer's, only the mask."""
    touchpoints = [
        *(stated(1, "sales", "on\x00Thursday " + "x" * 100), stated(2, "sales", "4711-2299", "acct_no")),
        *(stated(3, "service", "on Friday"), stated(4, "service", "4711-2300", "account_number")),
    ]
    found = run(touchpoints, clock_after(touchpoints)).standing().values()
    shown = {each["field"]: [(part["field"], part["mask"]) for part in each["evidence"]] for each in found}
    assert shown == {
        "delivery date": [("delivery date", "on\ufffdThursday " + "x" * 68), ("delivery date", "on Friday")],
        "account_number": [("account_number", "…299"), ("account_number", "…300")],
    }


def test_values_under_two_keys_do_not_contradict_each_other() -> None:
    """After a change of the key nobody can tell whether an earlier statement was another one."""
    found = {}
    for name, key in (("same", KEY), ("other", b"another key of sixteen bytes")):
        rows = partition().process(records([stated(1, "sales", "Thursday")])).rows
        watch = PartitionWatch(rulebook(), fields(), Fingerprinter(key), 0, keyed=False)
        for row in rows:
            watch.restore(*row)
        watch.restored()
        effects = watch.process([Record(1, None, None, json.dumps(stated(2, "service", "Friday")).encode())])
        found[name] = [json.loads(value)["detector"] for _, value in effects.findings]
    assert found == {"same": ["contradiction"], "other": []}


def test_what_an_old_row_does_not_hold_counts_as_not_told() -> None:
    """Touchpoints as rows held them before are folded like touchpoints that say less: nothing that rests on the rest is found in them."""
    panel = Panel(rulebook(), fields())
    for seed in range(40):
        touchpoints = eventful(random_scenario(seed), random.Random(seed))
        watch = partition()
        watch.process(records(touchpoints))
        for customer in watch.customers():
            old = Customer(
                panel, customer.tenant, customer.customer, entries=[as_before(each) for each in customer.entries]
            )
            assert not READ_WHAT_IS_NEW & {found.rule.name for found in old.fold.standing.values()}


def as_before(entry: Entry) -> Entry:
    """Return a touchpoint as a row held it before facts, intents, cases, moods, offers and figures were kept."""
    place = 0 if entry.type in KEPT_NOT_BEFORE else KEPT_BEFORE.get(entry.type, len(entry.data))
    values = {name: getattr(entry, name) for name in Entry.__slots__}
    return Entry(**values | {"data": entry.data[:place]})
