"""Telling others: at least once, in order, never lost, the same on every database; in simulated time, so that an hour takes no time."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from config.receivers import Receivers
from models.alert import Acknowledge, Change, Resolution, Resolve, Snooze
from models.brief import Brief
from sinks.delivery import Courier, DeliveryState, DeliveryStore, Message, Post, brief_message
from sinks.delivery.sending import Result, Tokens
from sinks.delivery.store import (
    BriefStore,
    Delivered,
    count_deliveries,
    find_deliveries,
    list_deliveries,
    receivers_held,
    replay,
)
from sinks.identity import forget_customer, is_known
from sinks.transitions import transition
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import START, brief, clear, finding, record


class Figures:
    """Counts what a courier tells of itself."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.waiting = 0
        self.age = 0.0
        self.open = False

    def deliveries(self, receiver: str, outcome: str, number: int = 1) -> None:
        """Count them."""
        self.outcomes[outcome] += number

    def waiting_deliveries(self, receiver: str, number: int, age: float) -> None:
        """Note them."""
        self.waiting, self.age = number, age

    def circuit(self, receiver: str, open_: bool) -> None:
        """Note it."""
        self.open = open_

    def delivered_after(self, seconds: float) -> None:
        """Note nothing: how long it took is that of the simulation."""


class Place:
    """A receiver's address in the simulation: keeps what arrives, answers as ``result`` says."""

    def __init__(self) -> None:
        self.result = Result(Post.ARRIVED)
        self.tried: list[str] = []
        self.arrived: list[tuple[str, Any]] = []
        self.refuses: Callable[[Any], bool] = lambda body: False
        self.slow = False
        """Whether a request takes until it is answered by `answer`."""
        self.asked: list[asyncio.Future[None]] = []

    def answer(self) -> None:
        """Answer all requests that are under way."""
        for each in self.asked:
            each.set_result(None)
        self.asked.clear()

    async def post(self, identity: str, body: Any) -> Result:
        """Take a request."""
        self.tried.append(identity)
        if self.slow:
            self.asked.append(asyncio.get_running_loop().create_future())
            await self.asked[-1]
        if self.refuses(body):
            return Result(Post.REFUSED, "HTTP 400")
        if self.result.post is Post.ARRIVED:
            self.arrived.append((identity, body))
        return self.result


class World:
    """A database, a clock, one receiver and its courier."""

    def __init__(self, engine: Engine, kind: str = "webhook", roles: Any = None, **more: Any) -> None:
        self.engine = engine
        self.now = START + timedelta(hours=1)
        told = {"name": "crm", "kind": kind, "url": "http://127.0.0.1:1/x"} | more
        self.receivers = Receivers.model_validate({"roles": roles or {}, "receivers": [told]})
        (self.receiver,) = self.receivers.receivers
        self.place = Place()
        self.figures = Figures()
        self.courier = self.made("one")
        DeliveryStore(engine, "crm").register(self.now)

    def made(self, holder: str) -> Courier:
        """Return a courier, as a process has one that starts."""
        place: Any = self.place
        store = DeliveryStore(self.engine, "crm")
        return Courier(self.receivers, self.receiver, store, place, self.figures, holder=holder, console="https://c.example", now=lambda: self.now)

    def find(self, *findings: dict[str, Any]) -> None:
        """Store findings."""
        writer = DatabaseWriter(self.engine, lambda: round(self.now.timestamp() * 1_000_000))
        writer.write([record(each) for each in findings])

    def act(self, key: str, change: Change) -> None:
        """Change an alert, as an operator does."""
        with self.engine.begin() as connection:
            transition(connection, key, change, "ada", self.now)

    def rounds(self, seconds: float = 0, step: float = 1) -> None:
        """Let the courier work: one round, and one each ``step`` of so many seconds."""

        async def work() -> None:
            left = seconds
            while True:
                while await self.courier.round():
                    pass
                if left <= 0:
                    return
                self.now += timedelta(seconds=step)
                left -= step

        asyncio.run(work())

    def versions(self, key: str = "A") -> list[int]:
        """Return the versions of an alert that arrived, in order."""
        told = [body["data"]["alert"] for _, body in self.place.arrived]
        return [each["version"] for each in told if each["key"] == key]

    def states(self) -> Counter[str]:
        """Count the rows by state."""
        return Counter(each.state.value for each in list_deliveries(self.engine, limit=1000))


MOMENTS: dict[str, Any] = {
    "first": {
        "source": "ivr", "id": "e-1", "time": "2026-03-02T09:10:00Z", "type": "info.provided", "team": "billing", "channel": "voice", "field": "account_number",
        "mask": "…4711",
    },
    "again": {
        "source": "crm", "id": "e-2", "time": "2026-03-02T09:14:05Z", "type": "info.requested", "team": "tech", "channel": "chat", "field": "account_number",
        "mask": None,
    },
}  # fmt: skip

CHANGES = st.lists(
    st.tuples(st.sampled_from(["find", "up", "down", "restart", "wait"]), st.integers(0, 2), st.integers(0, 200)), min_size=1, max_size=8
)


def posted(world: World, since: int = 0) -> list[dict[str, Any]]:
    """Return the alerts of all requests that arrived."""
    return [alert for _, body in world.place.arrived[since:] for alert in body]


def ended(world: World, alert: dict[str, Any]) -> bool:
    """Return whether an alert is over."""
    return datetime.fromisoformat(alert["endsAt"]) <= world.now


TOPIC = "seamwatch.briefs"


def told_of(journey: str, offset: int, *, minutes: float | None = None) -> Message:
    """Return a brief of a journey as a message, which says something else at each offset unless it is of the same minute."""
    made = Brief.model_validate_json(brief(journey=journey, customer=f"c-{journey}", minutes=offset if minutes is None else minutes).value or b"")
    return brief_message(made, made.model_dump(mode="json"), offset)


class Couriers:
    """What couriers promise; a subclass gives the fixture ``engine``."""

    @pytest.fixture
    def world(self, engine: Engine) -> World:
        """Give a webhook."""
        return World(engine)

    @pytest.fixture
    def duty(self, engine: Engine) -> World:
        """Give an Alertmanager."""
        return World(engine, "alertmanager", {"team_lead": {"severity": ["critical"]}})

    def test_an_alert_is_told_with_both_moments(self, world: World) -> None:
        """A webhook is told of a new alert once: the alert, its newest finding with both moments and the mask, whom it concerns, and where to look."""
        world.find(finding(**MOMENTS))
        world.rounds(3)
        [(identity, body)] = world.place.arrived
        assert identity.startswith("msg_")
        assert (body["type"], body["data"]["alert"]["version"], body["data"]["url"]) == ("alert.open", 1, "https://c.example/alerts/A")
        assert body["data"]["finding"]["first"]["mask"] == "…4711"
        assert body["data"]["finding"]["again"]["team"] == "tech"
        assert (world.states(), world.figures.outcomes["delivered"]) == ({"delivered": 1}, 1)

    def test_nothing_is_lost_when_a_receiver_is_away_for_an_hour(self, world: World) -> None:
        """While it is away the circuit opens and few tries are made; when it is back, the newest version of every alert arrives within a minute, each once."""
        world.place.result = Result(Post.FAILED, "no connection: Connection refused")
        for minute in range(0, 60, 5):
            number = minute // 5
            world.find(finding(f"f{number}", alert=f"A{number % 4}", minutes=minute))
            world.rounds(300, step=50)
        assert world.place.arrived == []
        assert (world.figures.open, world.figures.waiting, world.figures.age) == (True, 4, 1200)
        assert len(world.place.tried) < 80
        assert world.states() == {"failed": 4, "superseded": 8}
        world.place.result = Result(Post.ARRIVED)
        world.rounds(60, step=20)
        assert sorted(body["data"]["alert"]["key"] for _, body in world.place.arrived) == sorted(f"A{each}" for each in range(4))
        assert all(world.versions(f"A{each}") == [3] for each in range(4))
        assert (world.states(), world.figures.waiting, world.figures.open) == ({"delivered": 4, "superseded": 8}, 0, False)

    def test_every_try_has_the_same_id_and_a_crash_repeats_it(self, world: World) -> None:
        """A try that failed, one whose end was never noted because the process died, and the one that arrives have one webhook-id."""
        world.find(finding())
        world.place.result = Result(Post.FAILED, "HTTP 503")
        world.rounds(5)
        world.place.result = Result(Post.ARRIVED)
        store, dead = DeliveryStore(world.engine, "crm"), world.courier
        store.settle([], world.now)
        dead._store.settle = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]  # dies after the request
        world.now += timedelta(minutes=1)
        with pytest.raises(KeyboardInterrupt):
            world.rounds()
        world.courier = world.made("two")
        world.rounds(60, step=5)
        assert len(world.place.arrived) == 2
        assert len(set(world.place.tried)) == 1
        assert len(world.place.tried) > 3

    def test_only_one_process_sends_to_a_receiver(self, world: World) -> None:
        """A second process waits until the first has let go, or has not been heard of for the length of its lease."""
        world.find(finding())
        other = world.made("two")
        world.rounds()
        world.find(finding("g", alert="B"))
        assert asyncio.run(other.round()) is False
        assert world.versions("B") == []
        world.now += timedelta(minutes=2)
        asyncio.run(other.round())
        assert world.versions("B") == [1]
        world.find(finding("h", alert="C"))
        world.rounds()
        assert world.versions("C") == []

    def test_what_is_refused_is_dead_and_holds_nothing_up(self, world: World) -> None:
        """Another try of a refused message would be the same: it is dead with its reason, others go on, and a replay sends it under the same id."""
        world.place.refuses = lambda body: body["data"]["alert"]["key"] == "A"
        world.find(finding(), finding("g", alert="B"))
        world.rounds(600, step=10)
        assert (world.states(), world.versions("B")) == ({"dead": 1, "delivered": 1}, [1])
        [dead] = list_deliveries(world.engine, states=[DeliveryState.DEAD])
        assert (dead.error, dead.tries) == ("HTTP 400", 1)
        world.place.refuses = lambda body: False
        assert list(replay(world.engine, world.now, states=[DeliveryState.DEAD])) == [(1, 0)]
        world.rounds()
        assert world.place.arrived[-1][0] == dead.id
        world.find(finding("f2", minutes=5))
        world.rounds()
        assert list(replay(world.engine, world.now, ids=[dead.id])) == [(0, 1)]
        world.rounds()
        assert world.versions() == [1, 2]

    def test_it_is_given_up_in_the_end(self, engine: Engine) -> None:
        """What could not be delivered for as long as the receiver's `give_up` is dead; a replay begins anew."""
        world = World(engine, give_up="1h")
        world.place.result = Result(Post.FAILED, "HTTP 500")
        world.find(finding())
        world.rounds(2 * 3600, step=300)
        [dead] = list_deliveries(engine)
        assert dead.state is DeliveryState.DEAD
        assert dead.error is not None
        assert dead.error.startswith("given up after")
        list(replay(engine, world.now, ids=[dead.id]))
        world.place.result = Result(Post.ARRIVED)
        world.rounds(60)
        assert world.states() == {"delivered": 1}

    def test_a_receiver_that_asks_for_a_pause_gets_it(self, world: World) -> None:
        """After Retry-After no request at all goes there before that time."""
        world.place.result = Result(Post.FAILED, "HTTP 429", timedelta(minutes=10))
        world.find(finding())
        world.rounds()
        world.place.result = Result(Post.ARRIVED)
        world.find(finding("g", alert="B"))
        world.rounds(590, step=10)
        assert len(world.place.tried) == 1
        world.rounds(30)
        assert len(world.place.arrived) == 2

    def test_no_more_requests_than_the_rate(self, engine: Engine) -> None:
        """Of a hundred alerts as many are told in a second as the receiver wants."""
        world = World(engine, rate=5, concurrency=64)
        world.find(*(finding(f"f{each}", alert=f"A{each}") for each in range(100)))
        world.rounds(10)
        assert 50 <= len(world.place.arrived) <= 56
        assert Tokens(0.5, lambda: 0.0).most(10) == 1

    def test_never_something_older_after_something_newer(self, engine: Engine) -> None:
        """Whatever fails and starts anew in whatever order, versions of an alert never go back, and the last one arrives."""

        @settings(max_examples=10)
        @given(CHANGES)
        def check(changes: list[tuple[str, int, int]]) -> None:
            clear(engine)
            world = World(engine)
            for number, (act, which, seconds) in enumerate(changes):
                if act == "find":
                    world.find(finding(f"f{number}", alert=f"A{which}", minutes=number))
                elif act == "restart":
                    world.courier, world.now = world.made(f"p{number}"), world.now + timedelta(minutes=2)
                elif act != "wait":
                    world.place.result = Result(Post.ARRIVED) if act == "up" else Result(Post.FAILED, "HTTP 500")
                world.rounds(seconds, step=50)
            world.place.result = Result(Post.ARRIVED)
            world.rounds(1200, step=100)
            for which in range(3):
                arrived = world.versions(f"A{which}")
                assert arrived == sorted(set(arrived))
                assert len(arrived) == 0 or arrived[-1] == sum(act == "find" and each == which for act, each, _ in changes)
            assert not world.states().keys() & {"pending", "failed", "dead"}

        check()

    def test_what_became_of_many_is_counted_and_found(self, engine: Engine) -> None:
        """Of three hundred alerts some arrive, some are refused and some wait, in one round; they are counted by state, found by any beginning of their ids,
        and who sends is known for as long as its lease.
        """
        world = World(engine, rate=1000, concurrency=64)
        world.place.refuses = lambda body: body["data"]["alert"]["key"].endswith("7")
        world.find(*(finding(f"f{each}", alert=f"A{each}") for each in range(300)))
        world.rounds(2)
        world.place.result = Result(Post.FAILED, "HTTP 503")
        world.find(*(finding(f"g{each}", minutes=1, alert=f"A{each}") for each in range(0, 300, 10)))
        world.rounds(2)
        tallies = {each.state: each.number for each in count_deliveries(engine, receivers=["crm"], what="alert", since=START)}
        assert tallies == {DeliveryState.DELIVERED: 270, DeliveryState.DEAD: 30, DeliveryState.FAILED: 30}
        assert count_deliveries(engine, receivers=["nobody"]) == []
        [dead, *_] = list_deliveries(engine, states=[DeliveryState.DEAD], limit=3)
        assert [each.id for each in find_deliveries(engine, dead.id[:14])] == [dead.id]
        assert find_deliveries(engine, "msg_%") == []
        assert [receivers_held(engine, world.now + timedelta(minutes=later)) for later in (0, 2)] == [["crm"], []]

    def test_a_new_receiver_is_not_told_of_the_past(self, engine: Engine) -> None:
        """What changed before it was known is none of its business; from then on everything is, also while no process runs."""
        World(engine).find(finding("old", alert="OLD"))
        world = World(engine)
        world.now += timedelta(hours=1)
        world.find(finding())
        world.now += timedelta(hours=1)
        world.rounds()
        assert (world.versions(), world.versions("OLD")) == ([1], [1])  # the first of the two worlds had made it known

    def test_what_no_longer_fits_is_told_once_more(self, engine: Engine) -> None:
        """An alert whose severity falls below what a receiver is told of is told with `matches: false`, and then no more."""
        world = World(engine, only={"severity": ["critical"]})
        world.find(finding(severity="critical"))
        world.rounds()
        world.find(finding(revision=2, severity="warning"))
        world.rounds()
        world.find(finding("g", minutes=3))
        world.rounds()
        assert world.versions() == [1, 2]
        assert [each.body["matches"] for each in list_deliveries(engine)] == [False, True]

    def test_forgetting_a_customer_takes_deliveries_along(self, world: World) -> None:
        """Rows of a forgotten customer go with the alerts, and what was made while that happened goes at the next clearing."""
        world.find(finding())
        world.rounds()
        with world.engine.begin() as connection:
            forget_customer(connection, "acme", "c-1007", datetime(2026, 3, 2, tzinfo=UTC), None)
        assert (world.states(), is_known(world.engine, "acme", "c-1007")) == ({}, False)
        world.find(finding("g", alert="B"))
        world.rounds()
        with world.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM alert_changes")
            connection.exec_driver_sql("DELETE FROM alerts")
        world.rounds(301, step=300)
        assert world.states() == {}

    def test_an_alert_that_is_made_anew_is_told_anew(self, world: World) -> None:
        """Who comes back after being forgotten may have an alert with the key and the version of one that was told."""
        world.find(finding())
        world.rounds()
        with world.engine.begin() as connection:
            forget_customer(connection, "acme", "c-1007", datetime(2026, 3, 2, tzinfo=UTC), None)
        world.now += timedelta(seconds=1)
        world.find(finding())
        world.rounds()
        assert (world.versions(), world.states()) == ([1, 1], {"delivered": 1})

    def test_what_is_done_goes_after_a_week(self, world: World) -> None:
        """Delivered rows are kept for seven days."""
        world.find(finding())
        world.rounds(6 * 86400, step=86400)
        assert world.states() == {"delivered": 1}
        world.rounds(2 * 86400, step=86400)
        assert world.states() == {}

    def test_alertmanager_is_told_again_until_it_is_over(self, duty: World) -> None:
        """An open alert is told every minute with an end ahead; one that is taken up goes on; a resolved one is told once with its end, and then no more."""
        duty.find(finding(**MOMENTS))
        duty.rounds(300, step=5)
        told = posted(duty)
        assert 6 <= len(told) <= 8
        assert not any(ended(duty, each) for each in told[1:])
        assert told[0]["labels"] == {
            "alertname": "repeated_request", "alert": "A", "tenant": "acme", "customer": "c-1007", "severity": "warning", "seam": "billing>tech",
            "team": "tech",
        }  # fmt: skip
        assert told[0]["annotations"]["said_first"] == "2026-03-02 09:10:00Z, billing (voice), account number: …4711"
        assert told[0]["annotations"]["asked_again"] == "2026-03-02 09:14:05Z, tech (chat), account number"
        duty.act("A", Acknowledge())
        duty.rounds(120, step=5)
        assert not ended(duty, posted(duty)[-1])
        duty.act("A", Resolve(outcome=Resolution.FIXED))
        before = len(duty.place.arrived)
        duty.rounds(300, step=5)
        [last] = posted(duty, before)
        assert ended(duty, last)
        assert last["annotations"]["state"] == "resolved (fixed)"

    @pytest.mark.parametrize("change", [Snooze(until=START + timedelta(days=1)), Resolve(outcome=Resolution.FALSE_POSITIVE)])
    def test_what_waits_for_nobody_ends_in_alertmanager(self, duty: World, change: Change) -> None:
        """Snoozed and resolved alerts end there."""
        duty.find(finding())
        duty.rounds()
        duty.act("A", change)
        duty.rounds()
        assert ended(duty, posted(duty)[-1])

    def test_a_withdrawn_alert_ends_in_alertmanager(self, duty: World) -> None:
        """An alert whose findings are all taken back ends there; one that nobody was told of is not spoken of."""
        duty.find(finding())
        duty.rounds()
        duty.find(finding(revision=2, withdrawn=True), finding("g", alert="B"), finding("g", 2, alert="B", withdrawn=True))
        duty.rounds()
        assert ended(duty, posted(duty)[-1])
        assert {each["labels"]["alert"] for each in posted(duty)} == {"A"}

    def test_labels_that_change_end_what_was_under_the_old_ones(self, duty: World) -> None:
        """A severity that rises makes another alert in Alertmanager: the old one ends, too, even if the request failed and the alert changed once more."""
        duty.find(finding())
        duty.rounds()
        duty.place.result = Result(Post.FAILED, "HTTP 503")
        duty.find(finding(revision=2, severity="critical"))
        duty.rounds()
        duty.find(finding("g", minutes=2))
        duty.place.result = Result(Post.ARRIVED)
        duty.rounds(60, step=5)
        last = {(each["labels"]["severity"], each["labels"].get("roles")): ended(duty, each) for each in posted(duty)}
        assert last == {("warning", None): True, ("critical", "team_lead"): False}

    def test_one_alert_that_alertmanager_refuses_holds_no_other_up(self, duty: World) -> None:
        """Many go in one request; where that is refused each goes by itself, and only the one that is wrong is dead."""
        duty.place.refuses = lambda body: any(each["labels"]["alert"] == "A7" for each in body)
        duty.find(*(finding(f"f{each}", alert=f"A{each}") for each in range(30)))
        duty.rounds()
        assert duty.states() == {"delivered": 29, "dead": 1}

    def test_a_brief_goes_out_whole_and_the_newest_of_a_journey_alone(self, engine: Engine) -> None:
        """A brief is told with its body as it is; a newer one of its journey replaces it while it waits; a forgotten customer's goes."""
        world = World(engine, "brief")
        store = BriefStore(engine)
        messages = [told_of("j-1", 0), told_of("j-1", 1), told_of("j-2", 2)]
        assert store.store(TOPIC, {3: 2}, {"crm": messages[:2]}, [], world.now)["crm"].replaced == 1
        store.store(TOPIC, {3: 3, 4: 9}, {"crm": messages[2:]}, [], world.now)
        assert (store.next_offset(TOPIC, 3), store.next_offset(TOPIC, 4)) == (3, 9)
        store.store(TOPIC, {3: 4}, {}, [("acme", "c-j-2")], world.now)
        world.rounds()
        [(_, told)] = world.place.arrived
        assert (told["type"], told["data"]) == ("brief.handoff", messages[1].body["data"])
        store.store(TOPIC, {3: 3}, {"crm": messages}, [], world.now)  # read again after a crash
        world.rounds()
        assert [body["data"]["journey"] for _, body in world.place.arrived] == ["j-1", "j-2"]

    def test_a_brief_that_is_made_once_more_is_told_once(self, engine: Engine) -> None:
        """A worker that was killed appends the same brief again, at another offset: nobody is told twice. What says something else is told under its own id,
        also when it says again what was said before that; what a receiver refused is told again."""
        world, store = World(engine, "brief"), BriefStore(engine)

        def tell(offset: int, minutes: float) -> None:
            store.store(TOPIC, {0: offset + 1}, {"crm": [told_of("j-1", offset, minutes=minutes)]}, [], world.now)
            world.rounds()

        for offset, minutes in enumerate((0, 0, 5, 5, 0)):
            tell(offset, minutes)
        assert len(world.place.arrived) == 3
        assert len(set(world.place.tried)) == 3
        world.place.refuses = lambda body: True
        tell(5, 7)
        world.place.refuses = lambda body: False
        tell(6, 7)
        assert len(world.place.arrived) == 4

    def test_a_try_that_was_replaced_meanwhile_stays_replaced_unless_it_arrived(self, world: World) -> None:
        """Between request and answer a newer version may come: what failed is not tried again, what arrived is told as delivered."""
        store = DeliveryStore(world.engine, "crm")
        world.find(finding())
        world.place.result = Result(Post.FAILED, "HTTP 500")
        world.rounds()
        [old] = list_deliveries(world.engine)
        world.find(finding("g", minutes=1))
        world.rounds()
        store.settle([Delivered(old.id, DeliveryState.FAILED, world.now, "HTTP 500")], world.now)
        assert [each.state for each in list_deliveries(world.engine) if each.id == old.id] == [DeliveryState.SUPERSEDED]
        store.settle([Delivered(old.id, DeliveryState.DELIVERED, world.now)], world.now)
        assert [each.state for each in list_deliveries(world.engine) if each.id == old.id] == [DeliveryState.DELIVERED]
