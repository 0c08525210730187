"""Two made-up weeks of a contact centre in a database, as the workers would leave them, for whoever looks at reports."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from time import time_ns
from typing import Any

from sqlalchemy import Engine

from agents.fields import Fingerprinter
from agents.observer import Observer
from agents.partition import Record
from agents.replay import Replay
from config.fields import load_fields
from config.invitations import load_invitations
from config.rules import load_rulebook
from config.settings import Settings
from seamwatch.observing import observe, portfolio_terms
from sinks.observing import ObservedStore
from sinks.records import SinkRecord
from sinks.writer import DatabaseWriter
from streams.simulator import ContactCentre

__all__ = ["paint"]


def paint(engine: Engine, last: datetime, *, days: int, journeys: int) -> None:
    """Let ``journeys`` journeys a day happen in the ``days`` before ``last``, with accounts and surveys, and store what the workers would."""
    settings = Settings()
    rulebook = load_rulebook()
    terms = portfolio_terms(settings, rulebook)
    replay = Replay(rulebook, load_fields(), Fingerprinter(b"a key of at least sixteen bytes"))
    observer, store = Observer(rulebook.engine, load_invitations(), terms), ObservedStore(engine)
    log = []
    for number, touchpoint in enumerate(_touchpoints(last, days, journeys)):
        value = json.dumps(touchpoint).encode()
        replay.feed(number, value)
        key = f"{touchpoint.get('tenant', 'default')}/{touchpoint['customer']}".encode()
        log.append(Record(number, None, key, value))
    with store.batch("touchpoints", 0) as batch:
        observe(batch, observer, terms, log, lambda invited: None)
    until = round(last.timestamp() * 1_000_000)
    replay.finish(until)
    found = [("alerts", each) for each in replay.findings()] + [("scores", each) for each in replay.scores(until)]
    records = [SinkRecord(f"s.{kind}", 0, number, until, None, json.dumps(each).encode(), ()) for number, (kind, each) in enumerate(found)]
    DatabaseWriter(engine, lambda: time_ns() // 1000).write(records)


def _touchpoints(last: datetime, days: int, journeys: int) -> Iterator[dict[str, Any]]:
    random = Random(4)
    for day in range(days):
        start = (last - timedelta(days=days - day)).replace(hour=8, minute=0, second=0, microsecond=0)
        centre = ContactCentre(day, mishap_rate=0.12 + 0.01 * (day % 5))
        for number, journey in enumerate(centre.journeys(journeys - 7 * (day % 6), start)):
            for touchpoint in journey.touchpoints:
                named = {name: f"{touchpoint[name]}-{day}" for name in ("id", "contact", "journey", "previous_contact") if touchpoint.get(name)}
                yield touchpoint | named
            customer = journey.touchpoints[0]["customer"]
            about = {"source": "crm", "customer": customer, "channel": "web", "time": (start + timedelta(hours=9, seconds=number)).isoformat()}
            billed = round(random.lognormvariate(6.6, 0.8), 2)
            system, person = {"actor": {"kind": "system"}}, {"actor": {"kind": "customer"}}
            account = {"billed_revenue": billed, "forecast_revenue": round(billed * random.uniform(0.5, 2.5), 2), "currency": "EUR"}
            yield about | system | {"id": f"a-{day}-{number}", "type": "account.updated", "data": account}
            if number % 3 == 0:
                score = min(10, max(0, round(random.gauss(5 if journey.expected else 8, 2))))
                data = {"survey": "contact", "metric": "nps", "score": score, "minimum": 0, "maximum": 10}
                data["pattern"] = random.choice(["past", "past", "present"])
                yield about | person | {"id": f"s-{day}-{number}", "type": "survey.answered", "data": data}
            if number % 11 == 0:
                promise = {"promise": f"p-{day}-{number}"}
                made = {"due": (start + timedelta(hours=12)).isoformat(), "about": "callback"}
                agent = {"channel": "voice", "actor": {"kind": "agent", "team": "billing"}, "contact": f"p-{day}-{number}"}
                yield about | agent | {"id": f"m-{day}-{number}", "type": "promise.made", "data": promise | made}
                if number % 5:
                    kept = (start + timedelta(hours=11)).isoformat()
                    yield about | agent | {"id": f"k-{day}-{number}", "type": "promise.kept", "time": kept, "data": promise}
