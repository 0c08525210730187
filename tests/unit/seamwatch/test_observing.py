"""The role `insight`: what touchpoints tell of customers, the corridor and whom to ask, once, however they are cut into batches."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from agents.detectors.portfolio_shift import PortfolioShiftRule
from agents.invitations import InvitationRules
from agents.links import Claim, Forget, Forwarded, encode_internal
from agents.observer import Customer, Observed, Observer
from agents.partition import Record
from agents.portfolio import Terms
from agents.rules import EngineRules, Rulebook
from config.invitations import load_invitations
from models.tables import (
    contact_marks,
    customers,
    day_counts,
    forgotten_keys,
    invitations,
    metadata,
    observed,
    promises,
)
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


def taken(
    engine: Engine, log: Sequence[Record], rules: InvitationRules | None = None, cuts: Sequence[int] = (), partition: int = 0
) -> list[dict[str, Any]]:
    """Take a partition's log in batches that end at ``cuts``; return what was published."""
    published: list[dict[str, Any]] = []
    observer = Observer(EngineRules(moments={"cancellation": 3.0}), rules or InvitationRules(), TERMS)
    store = ObservedStore(engine)
    for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        with store.batch("t", partition) as batch:
            observe(batch, observer, TERMS, log[begin:end], lambda sent: published.extend(json.loads(value) for _, value in sent))
    return published


def counted(engine: Engine) -> dict[tuple[str, str, str], int]:
    """Return all counts by kind and names."""
    of_days = select(day_counts).where(func.length(day_counts.c.day) == 10)
    with engine.connect() as connection:
        return {(row.kind, row.name, row.other): row._mapping["count"] for row in connection.execute(of_days)}


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
    """App, then billing, then tech, and tech again in another contact; an offer shows sales' face; a late one takes its place; after a week it begins anew."""
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
        ("", "app"): 1, ("app", "voice/billing"): 1, ("voice/billing", "voice/late"): 1, ("voice/late", "voice/billing"): 1, ("voice/billing", "voice/tech"): 1,
        ("voice/tech", "voice/tech"): 1, ("", "voice/menu"): 1,
    }  # fmt: skip
    visits = {names[1:]: number for names, number in found.items() if names[0] == "visit" and number}
    assert visits == {("billing", "service"): 2, ("late", "service"): 1, ("tech", "sales"): 1, ("tech", "service"): 1, ("menu", "service"): 1}
    with engine.connect() as connection:
        marks = {tuple(row)[1:4] for row in connection.execute(select(contact_marks))}
    assert marks == {("k1", "sales", "tech"), ("k2", "intent", "cancellation")}
    assert ("late", "", "") not in found


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


@pytest.mark.parametrize("cuts", [(), (3,), (2, 4), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize("says", ["touchpoint", "to an alias", "by an alias"])
def test_who_is_forgotten_is_not_known_again_by_what_arrives_late(engine: Engine, cuts: Sequence[int], says: str) -> None:
    """Whoever says so: account, invitations and marks are gone, older touchpoints bring none of it back, newer ones begin anew; the name stands nowhere."""
    gone = touchpoint(3, 9 * DAY, "customer.forgotten", "system")
    log = records([
        touchpoint(1, 0, "intent.stated", data={"intent": "Cancellation"}), ends(2, 1), gone, ends(4, 2), touchpoint(5, 1, "contact.answered", "agent:billing"),
        touchpoint(6, 1, "contact.answered", "agent:billing", customer="c-2"),
    ])  # fmt: skip
    if says != "touchpoint":
        at = round((START + timedelta(days=9)).timestamp() * 1e6)
        message = Forget(offset=1, time=at) if says == "to an alias" else Forwarded(offset=1, path=["v"], touchpoint=msgspec.Raw(log[2].value or b""))
        log[2] = log[2]._replace(value=encode_internal(message))
    taken(engine, log, RULES, cuts)
    with engine.connect() as connection:
        left = [str(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
        assert connection.execute(select(customers.c.customer)).scalars().all() == ["c-2"]
    assert not any("c-1" in row or "Cancellation" in row for row in left)
    taken(engine, [*log, *records([ends(n, 10 + n) for n in range(9)])[6:]], RULES)
    with engine.connect() as connection:
        assert set(connection.execute(select(customers.c.customer)).scalars()) == {"c-1", "c-2"}
        assert len(connection.execute(select(forgotten_keys)).all()) == 1





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
        ({"pattern": "past", "after": ["contact.ended"], "by": "time"}, "by time"),
        ({"pattern": "present", "every": "9d", "by": "time", "when": {"actor": ["bot"]}}, "by time"),
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


def claim(offset: int, alias: str, customer: str = "c-1") -> Record:
    """Return what the owner of ``customer`` sends to an alias."""
    return Record(offset, None, f"default/{alias}".encode(), encode_internal(Claim(offset=0, customer=customer)))


def told_to_forget(offset: int, alias: str, days: float) -> Record:
    """Return what the owner of a forgotten customer sends to an alias."""
    until = round((START + timedelta(days=days)).timestamp()) * 1_000_000
    return Record(offset, None, f"default/{alias}".encode(), encode_internal(Forget(offset=0, time=until)))


def everything(engine: Engine) -> tuple[Any, Any, Any]:
    """Return what is counted, what is known of the customers who stand for themselves, but for what tells touchpoints apart, and all promises."""
    with engine.connect() as connection:
        known = []
        for row in connection.execute(select(customers).where(customers.c.alias_of.is_(None)).order_by(customers.c.customer)):
            state = {name: each for name, each in row.state.items() if name not in {"recent", "invited"}}
            known.append((*row[:10], state))
        counts = {(row.day, row.kind, row.name, row.other): (row._mapping["count"], round(row.sum, 9)) for row in connection.execute(select(day_counts))}
        promised = sorted(map(tuple, connection.execute(select(promises))), key=repr)
    return {name: each for name, each in counts.items() if each[0]}, known, promised


@pytest.mark.parametrize("seed", range(12))
def test_who_is_known_by_two_keys_is_the_customer_who_was_known_from_the_start(seed: int) -> None:
    """Whatever came under which key, wherever the link lies and whichever partition is ahead: account, way, promises, visits and moves of day and month are
    the same.
    """
    random = Random(seed)
    made = []
    for number in range(45):
        kind, who = random.choice([
            ("contact.answered", "agent:a"), ("contact.answered", "agent:b"), ("message", "customer"), ("contact.ended", "agent:b"), ("offer.made", "agent:a"),
            ("intent.stated", "customer"), ("survey.answered", "customer"), ("account.updated", "system"), ("contact.queued", "system"),
            ("promise.made", "agent:a"), ("promise.kept", "agent:b"), ("promise.cancelled", "agent:a"),
        ])  # fmt: skip
        data = {
            "message": {"text": "hello"}, "offer.made": {"offer": "more"}, "intent.stated": {"intent": random.choice(["Cancellation", "bill"])},
            "survey.answered": SURVEY | {"score": random.randint(1, 5)}, "contact.queued": {"team": "b"},
            "account.updated": {"billed_revenue": random.randint(0, 9000)},
        }  # fmt: skip
        if kind.startswith("promise."):
            due = {"due": START.isoformat(), "about": f"call {number}"} if kind == "promise.made" else {}
            data[kind] = {"promise": random.choice("pq"), **due}
        where = {"channel": random.choice(["voice", "chat", "app"]), "contact": f"k{number // 6}", "journey": random.choice([None, "j1", "j2"])}
        made.append(touchpoint(number, random.randint(0, 40 * DAY), kind, who, data=data.get(kind, {}), **where))
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for each in made:
        (ours if random.random() < 0.6 else theirs).append(each)
    link = random.randint(0, len(theirs))
    log = records({**each, "customer": "v-1"} for each in theirs)
    linked = [*log[:link], claim(link, "v-1"), *(record._replace(offset=record.offset + 1) for record in log[link:])]
    found = []
    for logs in ([records(made)], [records(ours), linked]):
        engine = create_engine("sqlite://")
        metadata.create_all(engine)
        queues = dict(enumerate(logs))
        while any(queues.values()):
            partition = random.choice([each for each, queue in queues.items() if queue])
            number = random.randint(1, 12)
            batch, queues[partition] = queues[partition][:number], queues[partition][number:]
            taken(engine, batch, partition=partition)
        found.append(everything(engine))
    assert found[0][2]
    assert found[1][1:] == found[0][1:]
    assert found[1] == found[0]


def test_what_one_key_was_asked_counts_for_the_other(engine: Engine) -> None:
    """The visitor was asked on day 0, the link comes on day 4: on day 5 the customer is spared, on day 11 asked again, and so is who comes as the visitor."""
    assert [each["customer"] for each in taken(engine, records([ends(1, 0, customer="v-1")]), RULES, partition=1)] == ["v-1"]
    assert taken(engine, [claim(1, "v-1"), claim(2, "v-1", "c-2"), claim(3, "v-1")], RULES, partition=1) == []
    asked = taken(engine, records([ends(2, 5), ends(3, 11)]), RULES)
    assert [(each["customer"], each["touchpoint"]) for each in asked] == [("c-1", "e3")]
    log = records([{"filler": None, "customer": ""}] * 4 + [ends(4, 12, customer="v-1"), ends(5, 22, customer="v-1")])
    assert [each["touchpoint"] for each in taken(engine, log[4:], RULES, partition=1)] == ["e5"]
    with engine.connect() as connection:
        assert dict(connection.execute(select(customers.c.customer, customers.c.alias_of)).all()) == {"c-1": None, "v-1": "c-1"}
        assert [row.customer for row in connection.execute(select(invitations).order_by(invitations.c.time))] == ["v-1", "c-1", "v-1"]


@pytest.mark.parametrize("behind", [0, 1, 2, 3])
def test_who_is_forgotten_is_gone_under_every_key_and_what_is_later_stays(engine: Engine, behind: int) -> None:
    """However far the alias's partition lags behind that of the customer, no row, invitation or mark of a contact is left; a day later they are new."""
    data = {"intent": "cancellation"}
    log = [*records([ends(1, 0, customer="v-1"), touchpoint(2, 9, "intent.stated", contact="k1", data=data, customer="v-1")]), claim(2, "v-1")]
    log += [told_to_forget(3, "v-1", 2)]
    taken(engine, log[: 3 - behind], RULES, partition=1)
    own = [touchpoint(3, 20, "intent.stated", data=data), ends(4, 1), touchpoint(5, 2 * DAY, "customer.forgotten", "system")]
    taken(engine, records(own), RULES)
    taken(engine, log[3 - behind :], RULES, partition=1)
    with engine.connect() as connection:
        assert [connection.execute(select(each)).all() for each in (customers, invitations, contact_marks)] == [[], [], []]
    assert len(taken(engine, records([*own, ends(6, 3)])[3:], RULES)) == 1
    with engine.connect() as connection:
        assert [row.customer for row in connection.execute(select(customers))] == ["c-1"]


BY_TIME = InvitationRules.model_validate({
    "fatigue": "10d",
    "invitations": [
        {"name": "after", "pattern": "past", "survey": "contact", "after": ["contact.ended"]},
        {"name": "round", "pattern": "present", "survey": "relationship", "every": "30d", "by": "time", "when": {"channel": ["voice"]}},
    ],
})  # fmt: skip


def beat(days: float) -> dict[str, Any]:
    """Return a heartbeat, which belongs to nobody."""
    return {"id": f"h{days}", "source": "h", "type": "heartbeat", "time": (START + timedelta(days=days)).isoformat(), "customer": ""}


def days_of(published: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return whom which rule asked on which day after the start, and after which touchpoint."""
    return [
        (each["customer"], each["rule"], (datetime.fromisoformat(each["time"]) - START) / timedelta(days=1), each["touchpoint"]) for each in published
    ]


def test_who_is_due_by_time_is_asked_without_a_touchpoint(engine: Engine) -> None:
    """By hand: due on day 30, asked by the heartbeat of day 31 as of day 30, in the language they used last; never in touch again, never asked again.

    Who was asked on day 25 rests ten days and a microsecond. Who was last in a chat is not asked until they call, on day 40.
    """
    say = {"text": "hello"}
    log = records([
        touchpoint(1, 0, "message", data=say, language="de"),
        touchpoint(2, 0, "message", data=say, customer="c-2"),
        touchpoint(3, 0, "message", data=say, customer="c-3", channel="chat"),
        ends(4, 25, customer="c-2"),
        beat(29.9), beat(31), beat(36), beat(39),
        touchpoint(5, 40 * DAY, "message", data=say, customer="c-3"),
        beat(100),
    ])  # fmt: skip
    published = taken(engine, log, BY_TIME)
    rested = 35 + 1e-6 / DAY
    assert days_of(published) == [
        ("c-2", "after", 25, "e4"), ("c-1", "round", 30, None), ("c-2", "round", pytest.approx(rested, abs=1e-10), None), ("c-3", "round", 40, "e5"),
    ]  # fmt: skip
    asked = published[1]
    assert (asked["channel"], asked["language"], asked["contact"], asked["source"]) == ("voice", "de", None, None)
    assert asked["expires"] == "2026-04-04T09:00:00Z"


@pytest.mark.parametrize("seed", range(8))
def test_what_is_due_by_time_does_not_hang_on_batches_and_keeps_the_peace(seed: int) -> None:
    """Touchpoints and heartbeats of 150 days cut anywhere: the same invitations in the same order, and never more than one in ten days for anybody."""
    random, found = Random(seed), []
    times = sorted(random.uniform(0, 150) for _ in range(60))
    made = [beat(each) if random.random() < 0.4 else ends(n, each - 3 * random.random(), customer=f"c-{n % 3}") for n, each in enumerate(times)]
    for cuts in [(), range(1, 60), sorted(random.sample(range(60), 9))]:
        engine = create_engine("sqlite://")
        metadata.create_all(engine)
        found.append(taken(engine, records(made), BY_TIME, cuts))
    assert found == [found[0]] * 3
    assert {each["rule"] for each in found[0]} == {"after", "round"}
    for customer in {each["customer"] for each in found[0]}:
        asked = sorted(datetime.fromisoformat(each["time"]) for each in found[0] if each["customer"] == customer)
        assert all(later - earlier > timedelta(days=10) for earlier, later in pairwise(asked))


def test_a_time_ahead_of_the_broker_is_no_touchpoint(engine: Engine) -> None:
    """A touchpoint of next year, by the broker's clock, counts nowhere, is nobody's newest and makes nobody due; one within five minutes counts."""
    log = [record._replace(timestamp=round(START.timestamp() * 1000)) for record in records([ends(1, 365), ends(2, 200 / DAY), ends(3, 301 / DAY), beat(365)])]
    assert days_of(taken(engine, log, BY_TIME)) == [("c-1", "after", pytest.approx(200 / DAY), "e2")]


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
    assert figures.heard == [("lag", 1, 5), ("batch", 0, 1), ("released", 1, None), ("lag", 0, 3), ("released", 0, None)]
