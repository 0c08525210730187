"""Telling others: at least once, in order, never lost; in simulated time, so that an hour takes no time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from standardwebhooks import Webhook

from config.receivers import Receiver, Receivers
from models.alert import Acknowledge, Change, Resolution, Resolve, Snooze
from models.brief import Brief
from sinks.delivery import Courier, Delivery, DeliveryState, DeliveryStore, Message, Post, Poster, brief_message
from sinks.delivery.courier import LEFT_TO_COURIER
from sinks.delivery.sending import Result, Tokens
from sinks.delivery.store import BriefStore, Delivered, list_deliveries, replay
from sinks.identity import forget_customer, is_known
from sinks.transitions import transition
from sinks.writer import DatabaseWriter
from tests.support.receiver import ReceiverServer
from tests.support.workers import until
from tests.unit.sinks.builders import START, brief, clear, finding, record

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


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


@pytest.fixture
def world(engine: Engine) -> World:
    """Give a webhook."""
    return World(engine)


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


def test_an_alert_is_told_with_both_moments(world: World) -> None:
    """A webhook is told of a new alert once: the alert, its newest finding with both moments and the mask, whom it concerns, and where to look."""
    world.find(finding(**MOMENTS))
    world.rounds(3)
    [(identity, body)] = world.place.arrived
    assert identity.startswith("msg_")
    assert (body["type"], body["data"]["alert"]["version"], body["data"]["url"]) == ("alert.open", 1, "https://c.example/alerts/A")
    assert body["data"]["finding"]["first"]["mask"] == "…4711"
    assert body["data"]["finding"]["again"]["team"] == "tech"
    assert (world.states(), world.figures.outcomes["delivered"]) == ({"delivered": 1}, 1)


def test_nothing_is_lost_when_a_receiver_is_away_for_an_hour(world: World) -> None:
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


def test_every_try_has_the_same_id_and_a_crash_repeats_it(world: World) -> None:
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


def test_only_one_process_sends_to_a_receiver(world: World) -> None:
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


def test_what_is_refused_is_dead_and_holds_nothing_up(world: World) -> None:
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


def test_it_is_given_up_in_the_end(engine: Engine) -> None:
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


def test_a_receiver_that_asks_for_a_pause_gets_it(world: World) -> None:
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


def test_no_more_requests_than_the_rate(engine: Engine) -> None:
    """Of a hundred alerts as many are told in a second as the receiver wants."""
    world = World(engine, rate=5, concurrency=64)
    world.find(*(finding(f"f{each}", alert=f"A{each}") for each in range(100)))
    world.rounds(10)
    assert 50 <= len(world.place.arrived) <= 56
    assert Tokens(0.5, lambda: 0.0).most(10) == 1


CHANGES = st.lists(
    st.tuples(st.sampled_from(["find", "up", "down", "restart", "wait"]), st.integers(0, 2), st.integers(0, 200)), min_size=1, max_size=8
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_never_something_older_after_something_newer(engine: Engine, changes: list[tuple[str, int, int]]) -> None:
    """Whatever fails and starts anew in whatever order, versions of an alert never go back, and the last one arrives."""
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


def test_a_new_receiver_is_not_told_of_the_past(engine: Engine) -> None:
    """What changed before it was known is none of its business; from then on everything is, also while no process runs."""
    World(engine).find(finding("old", alert="OLD"))
    world = World(engine)
    world.now += timedelta(hours=1)
    world.find(finding())
    world.now += timedelta(hours=1)
    world.rounds()
    assert (world.versions(), world.versions("OLD")) == ([1], [1])  # the first of the two worlds had made it known


def test_what_no_longer_fits_is_told_once_more(engine: Engine) -> None:
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


def test_forgetting_a_customer_takes_deliveries_along(world: World) -> None:
    """Rows of a forgotten customer go with the alerts, and what was made while that happened goes at the next clearing."""
    world.find(finding())
    world.rounds()
    with world.engine.begin() as connection:
        forget_customer(connection, "acme", "c-1007")
    assert (world.states(), is_known(world.engine, "acme", "c-1007")) == ({}, False)
    world.find(finding("g", alert="B"))
    world.rounds()
    with world.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alert_changes")
        connection.exec_driver_sql("DELETE FROM alerts")
    world.rounds(301, step=300)
    assert world.states() == {}


def test_what_is_done_goes_after_a_week(world: World) -> None:
    """Delivered rows are kept for seven days."""
    world.find(finding())
    world.rounds(6 * 86400, step=86400)
    assert world.states() == {"delivered": 1}
    world.rounds(2 * 86400, step=86400)
    assert world.states() == {}


# --- Alertmanager ---------------------------------------------------------------------------------------------------


@pytest.fixture
def duty(engine: Engine) -> World:
    """Give an Alertmanager."""
    return World(engine, "alertmanager", {"team_lead": {"severity": ["critical"]}})


def posted(world: World, since: int = 0) -> list[dict[str, Any]]:
    """Return the alerts of all requests that arrived."""
    return [alert for _, body in world.place.arrived[since:] for alert in body]


def ended(world: World, alert: dict[str, Any]) -> bool:
    """Return whether an alert is over."""
    return datetime.fromisoformat(alert["endsAt"]) <= world.now


def test_alertmanager_is_told_again_until_it_is_over(duty: World) -> None:
    """An open alert is told every minute with an end ahead; one that is taken up goes on; a resolved one is told once with its end, and then no more."""
    duty.find(finding(**MOMENTS))
    duty.rounds(300, step=5)
    told = posted(duty)
    assert 6 <= len(told) <= 8
    assert not any(ended(duty, each) for each in told[1:])
    assert told[0]["labels"] == {
        "alertname": "repeated_request", "alert": "A", "tenant": "acme", "customer": "c-1007", "severity": "warning", "seam": "billing>tech", "team": "tech",
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
def test_what_waits_for_nobody_ends_in_alertmanager(duty: World, change: Change) -> None:
    """Snoozed and resolved alerts end there."""
    duty.find(finding())
    duty.rounds()
    duty.act("A", change)
    duty.rounds()
    assert ended(duty, posted(duty)[-1])


def test_a_withdrawn_alert_ends_in_alertmanager(duty: World) -> None:
    """An alert whose findings are all taken back ends there; one that nobody was told of is not spoken of."""
    duty.find(finding())
    duty.rounds()
    duty.find(finding(revision=2, withdrawn=True), finding("g", alert="B"), finding("g", 2, alert="B", withdrawn=True))
    duty.rounds()
    assert ended(duty, posted(duty)[-1])
    assert {each["labels"]["alert"] for each in posted(duty)} == {"A"}


def test_labels_that_change_end_what_was_under_the_old_ones(duty: World) -> None:
    """A severity that rises makes another alert in Alertmanager: the old one ends, too, even if the request failed first and the alert changed once more."""
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


def test_one_alert_that_alertmanager_refuses_holds_no_other_up(duty: World) -> None:
    """Many go in one request; where that is refused each goes by itself, and only the one that is wrong is dead."""
    duty.place.refuses = lambda body: any(each["labels"]["alert"] == "A7" for each in body)
    duty.find(*(finding(f"f{each}", alert=f"A{each}") for each in range(30)))
    duty.rounds()
    assert duty.states() == {"delivered": 29, "dead": 1}


# --- briefs ---------------------------------------------------------------------------------------------------------


TOPIC = "seamwatch.briefs"


def told_of(journey: str, offset: int, *, minutes: float | None = None) -> Message:
    """Return a brief of a journey as a message, which says something else at each offset unless it is of the same minute."""
    made = Brief.model_validate_json(brief(journey=journey, customer=f"c-{journey}", minutes=offset if minutes is None else minutes).value or b"")
    return brief_message(made, made.model_dump(mode="json"), offset)


def test_a_brief_goes_out_whole_and_the_newest_of_a_journey_alone(engine: Engine) -> None:
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


def test_a_brief_that_is_made_once_more_is_told_once(engine: Engine) -> None:
    """A worker that was killed appends the same brief again, at another offset: nobody is told twice. What says something else is told under an id of its own,
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


# --- handed over: at once, from memory ------------------------------------------------------------------------------


class Desk(World):
    """A receiver of briefs, whose courier is handed what is put."""

    def __init__(self, engine: Engine, **more: Any) -> None:
        super().__init__(engine, "brief", **more)
        self.store = BriefStore(engine)
        self.rounds()  # holds the receiver from here on

    def put(self, *messages: Message) -> list[Delivery]:
        """Put rows, as the reader of the topic does; return what it hands over."""
        left = {"crm": self.now + LEFT_TO_COURIER} if self.courier.sends_at_once else {}
        return self.store.store(TOPIC, {0: messages[-1].version + 1}, {"crm": messages}, [], self.now, left)["crm"].fresh

    def told(self) -> list[int]:
        """Return the minutes of the briefs that arrived, in order."""
        return [datetime.fromisoformat(body["data"]["time"]).minute - START.minute for _, body in self.place.arrived]


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_is_handed_over_goes_at_once(engine: Engine) -> None:
    """It is posted from memory, before any look at the rows, and noted behind; rounds meanwhile and later send it no second time."""
    desk = Desk(engine)

    async def work() -> None:
        put = desk.put(told_of("j-1", 0), told_of("j-2", 1))
        desk.courier.hand_over(put)
        await turns()
        assert len(desk.place.arrived) == 2
        assert desk.states() == {"pending": 2}
        desk.now += timedelta(seconds=10)
        await desk.courier.round()
        await desk.courier.round()

    asyncio.run(work())
    desk.rounds(60)
    assert len(desk.place.tried) == 2
    assert (desk.states(), desk.figures.outcomes["delivered"]) == ({"delivered": 2}, 2)


def test_a_process_that_runs_notes_what_it_sent(engine: Engine) -> None:
    """While it rests between two looks it notes what arrived within a moment; told to stop, it ends what is under way and notes that."""
    desk = Desk(engine)
    desk.courier.look = 60.0

    async def work() -> None:
        stop = asyncio.Event()
        running = asyncio.ensure_future(desk.courier.run(stop))
        await asyncio.sleep(0.2)
        desk.courier.hand_over(desk.put(told_of("j-1", 0)))
        await asyncio.to_thread(until, lambda: desk.states() == {"delivered": 1}, 10)
        desk.place.slow = True
        desk.courier.hand_over(desk.put(told_of("j-2", 1)))
        await turns()
        stop.set()
        await asyncio.sleep(0.1)
        assert not desk.courier.sends_at_once
        desk.place.answer()
        await running

    asyncio.run(work())
    assert (desk.states(), len(desk.place.tried)) == ({"delivered": 2}, 2)


@pytest.mark.parametrize("when", ["before the request", "before it is noted"])
def test_a_process_that_is_killed_loses_nothing(engine: Engine, when: str) -> None:
    """Killed between the commit of a row and its request, or between the request and the note: when its lease is over the next process tells it, under the
    same id."""
    desk = Desk(engine)
    put = desk.put(told_of("j-1", 0))

    async def work() -> None:
        if when == "before it is noted":
            desk.courier.hand_over(put)
            await turns()

    asyncio.run(work())
    before = len(desk.place.arrived)
    assert before == (when == "before it is noted")
    desk.courier = desk.made("two")
    desk.rounds(20)
    assert len(desk.place.arrived) == before  # the first one may still be at it
    desk.rounds(20)
    assert len(desk.place.arrived) == before + 1
    assert (set(desk.place.tried), desk.states()) == ({put[0].id}, {"delivered": 1})


def test_a_row_is_left_to_who_was_handed_it(engine: Engine) -> None:
    """A round that reads the rows between the commit and the handing over does not send what is about to go; two seconds later it does."""
    desk = Desk(engine)
    desk.put(told_of("j-1", 0))
    desk.rounds()
    assert desk.place.tried == []
    desk.rounds(3)
    assert (desk.told(), desk.states()) == ([0], {"delivered": 1})


def test_a_newer_one_waits_until_the_one_under_way_has_ended(engine: Engine) -> None:
    """Two briefs of a journey are never under way together, nor is one of memory with one of the rows; of those that wait the newest alone goes."""
    desk = Desk(engine)
    desk.place.slow = True

    async def work() -> None:
        desk.courier.hand_over(desk.put(told_of("j-1", 0)))
        await turns()
        for offset in (1, 2):
            desk.courier.hand_over(desk.put(told_of("j-1", offset)))
            await turns()
        assert await desk.courier.round() is False
        assert len(desk.place.tried) == 1
        desk.place.answer()
        await turns()
        assert len(desk.place.tried) == 2
        desk.now += timedelta(seconds=5)
        desk.put(told_of("j-1", 3))  # its process is killed before it is handed over: here it waits for its row
        assert await desk.courier.round() is False
        desk.place.answer()
        await turns()
        desk.place.slow = False

    asyncio.run(work())
    desk.rounds(5)
    assert desk.told() == [0, 2, 3]
    assert desk.states() == {"delivered": 3, "superseded": 1}


def test_a_request_that_takes_long_is_not_made_twice(engine: Engine) -> None:
    """A row that is due again while its request is still under way is not taken."""
    desk = Desk(engine)
    desk.place.slow = True

    async def work() -> None:
        desk.courier.hand_over(desk.put(told_of("j-1", 0)))
        await turns()
        desk.now += timedelta(seconds=5)
        async with asyncio.timeout(10):
            await desk.courier.round()
        desk.place.answer()
        await turns()

    asyncio.run(work())
    desk.rounds(5)
    assert (len(desk.place.tried), desk.states()) == (1, {"delivered": 1})


def test_what_was_read_before_something_newer_went_is_not_sent_after_it(engine: Engine) -> None:
    """A round has read a row; before it sends, a newer brief of the journey is handed over and arrives: the older one stays where it is."""
    desk = Desk(engine)
    desk.put(told_of("j-1", 0))
    desk.now += timedelta(seconds=5)

    async def work() -> None:
        loop, take = asyncio.get_running_loop(), desk.courier._store.take

        async def newer() -> None:
            desk.courier.hand_over(desk.put(told_of("j-1", 1)))
            await turns()

        def taken(most: int, now: datetime) -> list[Delivery]:
            found = take(most, now)
            asyncio.run_coroutine_threadsafe(newer(), loop).result(10)
            return found

        desk.courier._store.take = taken  # type: ignore[method-assign]
        await desk.courier.round()
        desk.courier._store.take = take  # type: ignore[method-assign]

    asyncio.run(work())
    desk.rounds(5)
    assert (desk.told(), desk.states()) == ([1], {"delivered": 1, "superseded": 1})


def test_what_is_handed_over_keeps_to_the_receivers_limits(engine: Engine) -> None:
    """Never more requests at once than its concurrency, of memory and rows together, nor more a second than its rate; the rest goes later, each once."""
    desk = Desk(engine, concurrency=4, rate=10)
    desk.place.slow = True

    async def work() -> None:
        desk.now += timedelta(seconds=1)
        desk.courier.hand_over(desk.put(*(told_of(f"j-{each}", each) for each in range(30))))
        for _ in range(5):
            await turns()
            await desk.courier.round()
            assert len(desk.place.asked) <= 4
            desk.place.answer()
        await turns()
        assert len(desk.place.tried) == 10
        desk.place.slow = False
        desk.place.answer()

    asyncio.run(work())
    desk.rounds(4, step=0.5)
    assert 30 <= len(desk.place.tried) <= 50
    assert (len(desk.place.arrived), len(set(desk.place.tried)), desk.states()) == (30, 30, {"delivered": 30})


def test_what_cannot_go_at_once_goes_by_its_row(engine: Engine) -> None:
    """While the circuit is open, or another process sends to the receiver, nothing is handed over; what just was is dropped, and goes when the row is due."""
    desk = Desk(engine, failures=1, open_for="10s")
    desk.place.result = Result(Post.FAILED, "HTTP 503")

    async def work() -> None:
        desk.courier.hand_over(desk.put(told_of("j-1", 0)))
        await turns()
        assert not desk.courier.sends_at_once
        desk.courier.hand_over(desk.put(told_of("j-2", 1)))
        await turns()

    asyncio.run(work())
    assert len(desk.place.tried) == 1
    desk.place.result = Result(Post.ARRIVED)
    desk.rounds(30)
    assert (desk.courier.sends_at_once, sorted(desk.told())) == (True, [0, 1])
    desk.now += timedelta(minutes=2)
    other = desk.made("two")
    asyncio.run(other.round())
    assert (desk.courier.sends_at_once, other.sends_at_once) == (False, True)
    desk.rounds()
    assert not desk.courier.sends_at_once


DEEDS = st.lists(st.tuples(st.sampled_from(["put", "lost", "up", "down", "restart", "round", "wait"]), st.integers(0, 1)), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DEEDS)
def test_briefs_never_go_back_whatever_happens(engine: Engine, deeds: list[tuple[str, int]]) -> None:
    """Handed over or lost on the way to that, with failures, restarts and rounds in any order: briefs of a journey never go back, and the last one arrives."""
    clear(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM deliveries")
        connection.exec_driver_sql("DELETE FROM receivers")
        connection.exec_driver_sql("DELETE FROM observed")
    desk = Desk(engine)

    async def work() -> None:
        for offset, (deed, which) in enumerate(deeds):
            if deed in ("put", "lost"):
                put = desk.put(told_of(f"j-{which}", offset))
                if deed == "put":
                    desk.courier.hand_over(put)
                    await turns()
            elif deed == "restart":
                desk.courier, desk.now = desk.made(f"p{offset}"), desk.now + timedelta(minutes=2)
            elif deed == "round":
                await desk.courier.round()
            elif deed == "wait":
                desk.now += timedelta(seconds=3)
            else:
                desk.place.result = Result(Post.ARRIVED) if deed == "up" else Result(Post.FAILED, "HTTP 500")

    asyncio.run(work())
    desk.place.result = Result(Post.ARRIVED)
    desk.rounds(1200, step=100)
    for which in range(2):
        offsets = [offset for offset, (deed, of) in enumerate(deeds) if deed in ("put", "lost") and of == which]
        arrived = [(body["timestamp"], body["data"]["journey"]) for _, body in desk.place.arrived if body["data"]["journey"] == f"j-{which}"]
        assert arrived == sorted(arrived)
        assert len(offsets) == 0 or arrived[-1][0] == told_of(f"j-{which}", offsets[-1]).body["timestamp"]
    assert not desk.states().keys() & {"pending", "failed", "dead"}


# --- requests -------------------------------------------------------------------------------------------------------


def posting(
    server: ReceiverServer, secrets: Sequence[str] = (SECRET,), kind: str = "webhook", body: Any = MappingProxyType({"was": "über"}), **more: Any
) -> Result:
    """Make one request to a server."""
    receiver = Receiver.model_validate({"name": "crm", "kind": kind, "url": f"{server.url}/hook", "timeout": "500ms"} | more)

    async def post() -> Result:
        async with ClientSession(cookie_jar=DummyCookieJar()) as session:
            return await Poster(receiver, secrets, session).post("msg_1", dict(body))

    return asyncio.run(post())


def test_requests_are_signed_after_the_specification() -> None:
    """The specification's own library takes what is sent, under each of two secrets, so that secrets can be changed one by one."""
    other = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
    with ReceiverServer() as server:
        assert posting(server, [SECRET, other]) == Result(Post.ARRIVED)
        [told] = server.told
    for secret in (SECRET, other):
        assert Webhook(secret).verify(told.body, dict(told.headers)) == {"was": "über"}
    assert (told.path, told.headers["webhook-id"], told.headers["content-type"]) == ("/hook", "msg_1", "application/json")


def test_every_try_sends_the_same_bytes() -> None:
    """A row gives its body back with its keys in another order, as PostgreSQL does: the request is the same."""
    with ReceiverServer() as server:
        posting(server, body={"type": "brief.handoff", "data": {"b": 1, "a": "ü"}})
        posting(server, body={"data": {"a": "ü", "b": 1}, "type": "brief.handoff"})
        once, twice = server.told
    assert once.body == twice.body == '{"data":{"a":"ü","b":1},"type":"brief.handoff"}'.encode()


def test_alertmanager_gets_a_token_and_its_own_path() -> None:
    """The alerts go to /api/v2/alerts under the address, with the secret as the bearer's token where there is one."""
    with ReceiverServer() as server:
        posting(server, ["a-secret-of-some-length"], "alertmanager")
        posting(server, [], "alertmanager")
        assert [(each.path, each.headers.get("authorization")) for each in server.told] == [
            ("/hook/api/v2/alerts", "Bearer a-secret-of-some-length"),
            ("/hook/api/v2/alerts", None),
        ]


@pytest.mark.parametrize(
    ("status", "answer", "result"),
    [
        (200, {}, Result(Post.ARRIVED)),
        (302, {"Location": "/elsewhere"}, Result(Post.REFUSED, "HTTP 302: redirects are not followed")),
        (404, {}, Result(Post.REFUSED, "HTTP 404")),
        (408, {}, Result(Post.FAILED, "HTTP 408")),
        (429, {"Retry-After": "120"}, Result(Post.FAILED, "HTTP 429", timedelta(seconds=120))),
        (503, {"Retry-After": "999999"}, Result(Post.FAILED, "HTTP 503", timedelta(hours=1))),
        (503, {"Retry-After": "soon"}, Result(Post.FAILED, "HTTP 503")),
        (500, {}, Result(Post.FAILED, "HTTP 500")),
    ],
)
def test_what_an_answer_means(status: int, answer: dict[str, str], result: Result) -> None:
    """What another try can mend is tried again, no sooner than asked for; all else is final; nothing is redirected; an endless body is not read."""
    with ReceiverServer() as server:
        server.status, server.answer, server.content = status, answer, b"x" * 1_000_000
        assert posting(server) == result
        assert len(server.told) == 1


def test_a_date_in_retry_after_is_understood() -> None:
    """Retry-After may be a date."""
    with ReceiverServer() as server:
        server.status = 503
        server.answer = {"Retry-After": f"{datetime.now(UTC) + timedelta(seconds=90):%a, %d %b %Y %H:%M:%S} GMT"}
        pause = posting(server).pause
    assert pause is not None
    assert timedelta(seconds=60) < pause <= timedelta(seconds=90)


def test_who_is_silent_or_away_is_tried_again() -> None:
    """A receiver that takes the request and says nothing, and one that is not there, fail; the reason holds nothing of what was told."""
    with ReceiverServer() as server:
        server.silent.set()
        assert posting(server) == Result(Post.FAILED, "no answer within 0.5 s")
        server.stop()
        assert posting(server) == Result(Post.FAILED, "no connection: Connection refused")


def test_a_try_that_was_replaced_meanwhile_stays_replaced_unless_it_arrived(world: World) -> None:
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
