"""The role `insight`: what touchpoints tell of customers, the corridor and whom to ask, once, however they are cut into batches."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from agents.detectors.portfolio_shift import PortfolioShiftRule
from agents.invitations import InvitationRules
from agents.observer import Customer, Observed, Observer
from agents.partition import Record
from agents.portfolio import Terms
from agents.rules import EngineRules, Rulebook
from config.invitations import load_invitations
from models.tables import contact_marks, customers, day_counts, invitations, observed, promises
from models.touchpoint import Refusal, parse_touchpoint
from seamwatch.observing import Observing, observe
from sinks.database import create_engine, upgrade
from sinks.observing import ObservedStore
from streams.observer import Unobserved

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = Terms.of(PortfolioShiftRule(name="portfolio_shift", detector="portfolio_shift"), None, {})
DAY = 86400


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Give an empty database with its tables."""
    url = f"sqlite:///{tmp_path}/observed.db"
    upgrade(url)
    made = create_engine(url)
    yield made
    made.dispose()


def touchpoint(number: int, at: float, kind: str, actor: str = "customer", **more: Any) -> dict[str, Any]:
    """Return a touchpoint ``at`` seconds after the start; ``actor`` is ``agent:billing`` for one of a team."""
    who, _, team = actor.partition(":")
    data = more.pop("data", {})
    told: dict[str, Any] = {"id": f"e{number}", "source": "s", "type": kind, "time": (START + timedelta(seconds=at)).isoformat(), "customer": "c-1"}
    told |= {"channel": "voice", "contact": "k1", "actor": {"kind": who} | ({"team": team} if team else {}), "data": data}
    return told | more


def records(told: Iterable[dict[str, Any]]) -> list[Record]:
    """Return a partition's log."""
    return [Record(n, None, f"default/{each['customer']}".encode(), json.dumps(each).encode()) for n, each in enumerate(told)]


def taken(engine: Engine, log: Sequence[Record], rules: InvitationRules | None = None, cuts: Sequence[int] = ()) -> list[dict[str, Any]]:
    """Take a log in batches that end at ``cuts``; return what was published."""
    published: list[dict[str, Any]] = []
    observer = Observer(EngineRules(moments={"cancellation": 3.0}), rules or InvitationRules(), TERMS)
    store = ObservedStore(engine)
    for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        with store.batch("t", 0) as batch:
            observe(batch, observer, TERMS, log[begin:end], lambda sent: published.extend(json.loads(value) for _, value in sent))
    return published


def counted(engine: Engine) -> dict[tuple[str, str, str], int]:
    """Return all counts by kind and names."""
    with engine.connect() as connection:
        return {(row.kind, row.name, row.other): row._mapping["count"] for row in connection.execute(select(day_counts))}


ACCOUNT = {"contact": None, "channel": "web"}
SURVEY = {"survey": "contact", "metric": "csat", "minimum": 1, "maximum": 5}


def test_the_latest_figures_count_whatever_their_order_and_what_is_off_its_scale_does_not(engine: Engine) -> None:
    """Of two bills the one of the later time stands though it came first; answers 5 and 2 of 1..5 make (1 + 0.25) / 2; a 7 is no touchpoint, 1 of 1..1 none."""
    log = records([
        touchpoint(1, 20, "account.updated", "system", data={"billed_revenue": 1500, "currency": "eur"}, **ACCOUNT),
        touchpoint(2, 10, "account.updated", "system", data={"billed_revenue": 10, "forecast_revenue": 2000}, **ACCOUNT),
        touchpoint(3, 30, "survey.answered", data=SURVEY | {"score": 5}),
        touchpoint(4, 40, "survey.answered", data=SURVEY | {"score": 2}),
        touchpoint(5, 50, "survey.answered", data=SURVEY | {"score": 7}),
        touchpoint(6, 60, "survey.answered", data=SURVEY | {"score": 1, "maximum": 1}),
    ])  # fmt: skip
    taken(engine, log)
    with engine.connect() as connection:
        row = connection.execute(select(customers)).one()
    assert (row.billed, row.billed_currency, row.forecast, row.satisfaction, row.answers) == (1500, "EUR", 2000, 0.625, 2)
    assert counted(engine)["refused", "answer", "csat"] == 1
    assert counted(engine)["answer", "past", "csat"] == 2


def test_the_corridor_counts_visits_and_moves_and_the_face_that_a_team_shows(engine: Engine) -> None:
    """App, then billing, then tech, and tech again in another contact; an offer shows sales' face; a late one counts nowhere; after a week it begins anew."""
    log = records([
        touchpoint(1, 0, "contact.started", channel="app", contact="a", data={"direction": "inbound"}),
        touchpoint(2, 60, "contact.answered", "agent:billing"),
        touchpoint(3, 70, "message", "agent:billing", data={"text": "hello"}),
        touchpoint(4, 65, "message", "agent:late", data={"text": "late"}),
        touchpoint(5, 80, "contact.queued", "system", data={"team": "tech"}),
        touchpoint(6, 90, "contact.answered", "agent:tech"),
        touchpoint(7, 95, "offer.made", "agent:tech", data={"offer": "more"}),
        touchpoint(8, 3600, "contact.answered", "agent:tech", contact="k2"),
        touchpoint(9, 3660, "intent.stated", contact="k2", data={"intent": "Cancellation"}),
        touchpoint(10, 9 * DAY, "contact.answered", "ivr:menu", channel="ivr", contact="k3"),
    ])  # fmt: skip
    taken(engine, log)
    found = counted(engine)
    moves = {names: number for (kind, *names_), number in found.items() if kind == "move" for names in [tuple(names_)]}
    assert moves == {
        ("", "app"): 1, ("app", "voice/billing"): 1, ("voice/billing", "voice/tech"): 1, ("voice/tech", "voice/tech"): 1, ("", "voice/menu"): 1,
    }  # fmt: skip
    visits = {names[1:]: number for names, number in found.items() if names[0] == "visit" and number}
    assert visits == {("billing", "service"): 1, ("tech", "sales"): 1, ("tech", "service"): 1, ("menu", "service"): 1}
    with engine.connect() as connection:
        marks = {tuple(row)[1:] for row in connection.execute(select(contact_marks))}
    assert marks == {("k1", "sales", "tech"), ("k2", "intent", "cancellation")}
    assert found["late", "", ""] == 1


def test_what_comes_again_counts_once_and_who_is_forgotten_is_gone(engine: Engine) -> None:
    """The same touchpoints under other offsets, and the same records once more, change nothing; a forgotten customer's row goes."""
    promise = {"promise": "p", "due": START.isoformat()}
    told = [touchpoint(1, 0, "promise.made", "agent:billing", data=promise), touchpoint(2, 5, "contact.answered", "agent:billing")]
    log = records(told + told)
    taken(engine, log)
    before = counted(engine)
    taken(engine, log)
    assert counted(engine) == before
    assert before["promise", "made", ""] == before["move", "", "voice/billing"] == 1
    taken(engine, records([*told, *told, touchpoint(3, 9, "customer.forgotten", "system")]))
    with engine.connect() as connection:
        assert connection.execute(select(customers)).all() == []
        assert connection.execute(select(observed.c.next_offset)).scalar() == 5


def test_promises_are_known_once_whatever_the_batches_and_go_with_their_customer(engine: Engine) -> None:
    """One that is kept before it is heard of, one cancelled, one open; cut and told again they are the same; who is forgotten takes theirs along."""
    made = {name: {"promise": name, "due": (START + timedelta(hours=2)).isoformat()} for name in "abc"}
    told = [
        touchpoint(1, 300, "promise.kept", "agent:billing", data={"promise": "a"}),
        touchpoint(2, 0, "promise.made", "agent:billing", data=made["a"]),
        touchpoint(3, 10, "promise.made", "agent:billing", data=made["b"]),
        touchpoint(4, 20, "promise.cancelled", "agent:tech", data={"promise": "b"}),
        touchpoint(5, 30, "promise.made", "agent:tech", data=made["c"]),
        touchpoint(6, 40, "promise.made", "agent:tech", customer="c-2", data=made["c"]),
    ]
    taken(engine, records([*told, *told]), cuts=[1, 2, 5, 9])
    query = select(promises.c.customer, promises.c.promise, promises.c.outcome, promises.c.team).order_by(promises.c.customer, promises.c.promise)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [("c-1", "a", "kept", "billing"), ("c-1", "b", "cancelled", "billing"), ("c-1", "c", None, "tech"), ("c-2", "c", None, "tech")]
    last = [touchpoint(7, 50, "customer.forgotten", "system"), touchpoint(8, 60, "promise.made", "agent:tech", data=made["b"])]
    taken(engine, records([*told, *told, *told, *last]))
    with engine.connect() as connection:
        assert [tuple(row)[:3] for row in connection.execute(query)] == [("c-1", "b", None), ("c-2", "c", None)]


RULES = InvitationRules.model_validate({
    "fatigue": "10d",
    "invitations": [
        {"name": "rescue", "pattern": "potential", "survey": "rescue", "when": {"quadrant": ["at_risk"], "type": ["contact.ended"]}},
        {"name": "after", "pattern": "past", "survey": "contact", "after": ["contact.ended"], "when": {"channel": ["voice"]}},
        {"name": "round", "pattern": "present", "survey": "relationship", "every": "30d", "when": {"actor": ["customer"]}},
    ],
})  # fmt: skip


def ends(number: int, days: float, **more: Any) -> dict[str, Any]:
    """Return the end of a contact."""
    return touchpoint(number, days * DAY, "contact.ended", "agent:billing", contact=f"k{number}", **more)


def test_a_customer_is_asked_after_a_transaction_by_period_and_on_a_condition_but_never_too_often(engine: Engine) -> None:
    """Day 0 asks about the contact; day 5 is too early, day 10 still (both ends count), day 11 asks again; on day 40 the month is over; at risk goes first."""
    log = records([
        ends(1, 0),
        ends(2, 5),
        ends(3, 10),
        ends(4, 11),
        touchpoint(5, 40 * DAY, "message", contact="k5", data={"text": "hello"}),
        touchpoint(6, 41 * DAY, "account.updated", "system", data={"billed_revenue": 5000}, **ACCOUNT),
        touchpoint(7, 42 * DAY, "survey.answered", contact=None, data=SURVEY | {"score": 1}),
        ends(8, 60, channel="chat"),
        ends(9, 59),
    ])  # fmt: skip
    published = taken(engine, log, RULES)
    assert [(each["rule"], each["pattern"], each["touchpoint"]) for each in published] == [
        ("after", "past", "e1"), ("after", "past", "e4"), ("round", "present", "e5"), ("rescue", "potential", "e8"),
    ]  # fmt: skip
    assert published[0]["expires"] == "2026-03-05T09:00:00Z"
    assert counted(engine)["declined", "after", "fatigue"] == 1
    with engine.connect() as connection:
        assert {row.id for row in connection.execute(select(invitations.c.id))} == {each["id"] for each in published}


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False), st.lists(st.floats(0, 100), min_size=1, max_size=30), st.integers(1, 3))
def test_no_span_of_fatigue_holds_more_than_the_most_and_the_same_log_decides_the_same(random: Random, days: list[float], most: int) -> None:
    """Whatever comes in whatever order: in no ten days more than so many; the same log gives the same ones, also from a state that was stored between."""
    rules = RULES.model_copy(update={"most": most})
    told = [ends(number, day, channel=random.choice(["voice", "chat"])) for number, day in enumerate(days)]
    observer = Observer(EngineRules(), rules, TERMS)
    runs = []
    for stores in (False, True):
        customer, seen = Customer(), Observed()
        for each in told:
            parsed = parse_touchpoint(json.dumps(each).encode())
            assert not isinstance(parsed, Refusal)
            observer.take(customer, parsed, seen)
            if stores:
                customer = _stored(customer)
        runs.append(seen.invitations)
    assert runs[0] == runs[1]
    times = [datetime.fromisoformat(each["time"]) for each in runs[0]]
    assert all(sum(timedelta() <= other - each <= timedelta(days=10) for other in times) <= most for each in times)


def _stored(customer: Customer) -> Customer:
    import msgspec

    return msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(customer))), Customer)


def test_batches_may_be_cut_anywhere(tmp_path: Path) -> None:
    """Forty touchpoints of three customers give the same customers, counts and invitations whether they come at once or in pieces."""
    random = Random(7)
    kinds = ["contact.answered", "contact.ended"]
    told = [
        touchpoint(n, n * DAY / 3, random.choice(kinds), f"agent:{random.choice('abc')}", customer=f"c-{n % 3}", contact=f"k{n // 4}")
        for n in range(40)
    ]
    found = []
    for number, cuts in enumerate([(), (1,), (3, 3, 7), tuple(range(1, 40))]):
        url = f"sqlite:///{tmp_path}/{number}.db"
        upgrade(url)
        engine = create_engine(url)
        published = taken(engine, records(told), RULES, cuts)
        with engine.connect() as connection:
            found.append((published, counted(engine), connection.execute(select(customers)).all()))
        engine.dispose()
    assert found == [found[0]] * 4
    assert len(found[0][0]) > 3


def test_a_crash_before_the_transaction_ends_publishes_the_same_again(engine: Engine) -> None:
    """What was published and not stored is published again with the same id, and stored once."""
    log, sent = records([ends(1, 0)]), list[bytes]()

    def crash(told: Iterable[tuple[bytes, bytes]]) -> None:
        sent.extend(value for _, value in told)
        raise KeyboardInterrupt

    observer = Observer(EngineRules(), RULES, TERMS)
    with pytest.raises(KeyboardInterrupt), ObservedStore(engine).batch("t", 0) as batch:
        observe(batch, observer, TERMS, log, crash)
    again = taken(engine, log, RULES)
    assert [json.loads(each)["id"] for each in sent] == [each["id"] for each in again]
    assert taken(engine, log, RULES) == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"pattern": "past"}, "after is missing"),
        ({"pattern": "present"}, "every is missing"),
        ({"pattern": "potential"}, "when is missing"),
        ({"pattern": "future"}, "pattern"),
        ({"pattern": "past", "after": ["contact.ended"], "when": {"mood": ["bad"]}}, "mood"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(tmp_path: Path, wrong: dict[str, Any], why: str) -> None:
    """A rule without what its pattern needs, with an unknown pattern or condition, names file and key."""
    from config.errors import ConfigError

    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps({"invitations": [{"name": "x", "survey": "s"} | wrong]}))
    with pytest.raises(ConfigError, match=r"mine\.yaml") as told:
        load_invitations(file)
    assert why in str(told.value)
    assert [rule.pattern.value for rule in load_invitations().invitations] == ["potential", "past", "present"]


class Figures(Unobserved):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, int | None]] = []

    def batch_done(self, topic: str, partition: int, records: int, seconds: float) -> None:
        self.heard.append(("batch", partition, records))

    def lag(self, topic: str, partition: int, records: int) -> None:
        self.heard.append(("lag", partition, records))

    def released(self, topic: str, partition: int) -> None:
        self.heard.append(("released", partition, None))


class Polls:
    """A reader that has the partition 1 until the first batch, and 0 from then on."""

    def __init__(self, stop: Event) -> None:
        self._lags = iter([{1: 5}, {0: 3}])
        self._polled = iter([{}, {0: records([touchpoint(1, 0, "contact.started", data={"direction": "inbound"})])}])
        self._stop = stop

    def poll(self) -> dict[int, list[Any]]:
        """Give the next batch."""
        return next(self._polled)

    def back(self, partition: int, offset: int) -> None:
        """Fail: nothing is read twice here."""
        raise AssertionError

    def lag(self) -> dict[int, int]:
        """Give the records that wait, and tell to stop when there are no more figures."""
        now = next(self._lags)
        if 0 in now:
            self._stop.set()
        return now

    def tell(self) -> None:
        """Have no group to tell."""


def test_what_is_read_is_measured(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches, what waits, and partitions that are another's by now are told to who measures."""
    monkeypatch.setattr("seamwatch.observing._FIGURES", -1.0)  # after every poll
    figures, stop = Figures(), Event()
    rulebook = Rulebook(rules=(), engine=EngineRules())
    store = ObservedStore(engine)
    Observing(Polls(stop), store, "t", rulebook, InvitationRules(), TERMS, lambda sent: None, figures).run(stop)
    assert figures.heard == [("lag", 1, 5), ("batch", 0, 1), ("released", 1, None), ("lag", 0, 3)]
