"""Aliases: whatever key a touchpoint came under, and whenever the link came, the end is that of a stream that knew the customer from the start."""

import json
import random
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import pytest

from agents.engine import CONSISTENCY
from agents.fields import Fingerprinter
from agents.partition import Effects, PartitionWatch, Record
from agents.replay import Replay
from agents.scores import customer_score, entity_score, experience_scores, scores_of
from agents.tallies import Sum
from models.dead_letter import DeadLetterReason
from streams.producer import partition_for
from tests.reference.identity import from_the_start, link, scattered
from tests.reference.scenarios import random_scenario
from tests.reference.timeline import microseconds
from tests.unit.agents.support import KEY, Sink, assert_weighed, clock_after, fields, first_of_each, rulebook

PARTITIONS = 3
Json = dict[str, Any]


class Topic:
    """All partitions of the topic of touchpoints with their owners, in memory; ``effects`` are all that were delivered, in order."""

    def __init__(self, *overrides: str) -> None:
        self.overrides = overrides
        self.now: int | None = None  # the broker's, in milliseconds
        self.logs: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        self.rows: list[list[tuple[bytes, bytes | None]]] = [[] for _ in range(PARTITIONS)]
        self.committed = [0] * PARTITIONS
        self.owners = [self.owner(number) for number in range(PARTITIONS)]
        self.sinks = [Sink() for _ in range(PARTITIONS)]
        self.scores: dict[str, tuple[Any, ...]] = {}
        self.compacted: dict[bytes, bytes] = {}  # what the topic of scores keeps of customers and journeys
        self.refused: list[tuple[str, str]] = []
        self.marks: list[tuple[bytes, str, str]] = []

    def owner(self, number: int) -> PartitionWatch:
        """Make one who knows what the changelog holds."""
        home = partial(partition_for, partitions=PARTITIONS)
        watch = PartitionWatch(rulebook(*self.overrides), fields(), Fingerprinter(KEY), number, home=home)
        for row in self.rows[number]:
            watch.restore(*row)
        watch.restored()
        return watch

    def append(self, key: bytes | None, value: bytes, number: int | None = None) -> None:
        """Add a record, by its key unless a partition is given."""
        log = self.logs[partition_for(key or b"", PARTITIONS) if number is None else number]
        log.append(Record(len(log), self.now, key, value))

    def feed(self, *touchpoints: Json) -> None:
        """Add touchpoints."""
        for each in touchpoints:
            self.append(f"{each.get('tenant', 'default')}/{each['customer']}".encode(), json.dumps(each).encode())

    def waiting(self) -> list[int]:
        """Return the partitions that are not at their end."""
        return [number for number, log in enumerate(self.logs) if self.committed[number] < len(log)]

    def step(self, number: int, size: int, cut: int | None = None) -> int:
        """Process a batch; ``cut``: the owner dies after so many writes. Return how many writes there are."""
        batch = self.logs[number][self.committed[number] : self.committed[number] + size]
        effects = self.owners[number].process(batch)
        assert_weighed(self.owners[number])
        writes = len(effects.onward) + len(effects.rows) + 2
        left = writes if cut is None else cut
        for key, value in effects.onward[:left]:
            self.append(key, value)
        left -= len(effects.onward)
        if left > 0:
            self.deliver(number, effects)
        if left > 1:
            self.sinks[number].take_tallies(effects)
            self.rows[number] += effects.tally_rows
            self.rows[number] += effects.rows[: left - 2]
        if cut is None:
            self.committed[number] += len(batch)
        else:
            self.owners[number] = self.owner(number)
        return writes

    def deliver(self, number: int, effects: Effects) -> None:
        """Take what goes to the sinks."""
        self.sinks[number].take_findings(effects)
        self.refused += [(str(letter.reason), letter.detail) for letter in effects.dead_letters]
        self.marks += [mark[2:5] for mark in effects.marks]
        for key, value in effects.customer_scores:
            self.compacted.pop(key, None)
            if value is None:
                continue
            self.compacted[key] = value
            score = json.loads(value)
            rank = (microseconds(score["as_of"]), score["sequence"])
            if key.decode() not in self.scores or rank >= self.scores[key.decode()][0]:
                self.scores[key.decode()] = rank, score

    def settle(self, chance: random.Random | None = None, crashes: float = 0.0) -> None:
        """Process all there is, in batches of any size, partitions in any order; owners die again and again."""
        while waiting := self.waiting():
            number, size = (waiting[0], 1000) if chance is None else (chance.choice(waiting), chance.randrange(1, 6))
            dies = chance is not None and chance.random() < crashes
            self.step(number, size, chance.randrange(12) if chance is not None and dies else None)

    def end(self, clock: int, chance: random.Random | None = None) -> None:
        """Let every deadline come due."""
        for number in range(PARTITIONS):
            beat = {"id": "end", "source": "seamwatch", "type": "heartbeat", "time": moment(clock)}
            self.append(None, json.dumps(beat).encode(), number)
        self.settle(chance)

    def standing(self) -> dict[str, Json]:
        """Return what stands: of each finding the highest revision, wherever it was told."""
        newest: dict[str, Json] = {}
        for sink in self.sinks:
            for body in sink.bodies.values():
                if body["revision"] > newest.get(body["id"], {"revision": 0})["revision"]:
                    newest[body["id"]] = body
        return {name: {key: each for key, each in body.items() if key != "revision"} for name, body in newest.items() if not body["withdrawn"]}

    def sums(self, as_of: int) -> dict[str, list[float]]:
        """Return what teams, channels, seams and tenants are charged with, over all partitions."""
        found: dict[str, list[float]] = {}
        for sink in self.sinks:
            for key, held in sink.sums(as_of).items():
                entity = key[: key.rindex(",")] + key.rpartition("]")[2]  # the last is the part
                found[entity] = [one + other for one, other in zip(found.get(entity, [0.0] * len(held)), held, strict=True)]
        return {key: held for key, held in found.items() if any(abs(each) > 1e-9 for each in held)}

    def customers(self) -> dict[str, tuple[int | None, float | None]]:
        """Return the scores of customers and journeys, apart from their times: how many findings, and of expectation the value, which does not fade."""
        return {
            name: (score["components"].get("findings"), round(score["value"], 6) if score["score"] == "expectation" else None)
            for name, (_, score) in self.scores.items()
            if score["value"] is not None
        }


def moment(clock: int) -> str:
    """Write microseconds UTC."""
    from agents.timeline import moment as written

    return written(clock)


@cache
def crowd(seed: int, customers: int = 2) -> tuple[Json, ...]:
    """Return what some customers do, none of it twice."""
    found = []
    for number in range(customers):
        for each in first_of_each(random_scenario(seed * 10 + number)):
            own = {"journey": f"{number}-{each['journey']}"} if each.get("journey") else {}
            found.append(each | {"id": f"{number}-{each['id']}", "customer": f"c{number}"} | own)
    found.sort(key=lambda each: str(each["time"]))
    return tuple(found)


def scored(topic: Topic, clock: int) -> dict[tuple[Any, ...], Json]:
    """Return all scores at one instant: of customers and journeys, and of entities from the sums of all partitions."""
    found: list[Json] = []
    sums: dict[tuple[Any, ...], list[Sum]] = {}
    engine = rulebook(*topic.overrides).engine
    for owner in topic.owners:
        for entity, held in owner._tallies.sums():
            sums.setdefault(tuple(entity.parts()), []).append(held)
        for customer in owner.customers():
            if customer.contributions:
                found += (customer_score(customer, journey, clock, engine.customer_half_life) for journey in (None, *customer.journeys()))
            found += experience_scores(customer, clock, engine.customer_half_life, engine.fusion_blame)
    for (tenant, kept, *whose), held_sums in sums.items():
        for name in scores_of(held_sums) if kept == CONSISTENCY else (kept,):
            found.append(entity_score((tenant, name, *whose), held_sums, clock, engine.prior_opportunities))
    return {
        (each["tenant"], each["score"], each["scope"], each["name"], each["half_life"]): each
        for each in found
        if each["value"] is not None
    }


def assert_known_from_the_start(topic: Topic, stream: Sequence[Json]) -> None:
    """Compare with a topic that held every touchpoint under its customer from the start."""
    plain = Topic(*topic.overrides)
    plain.feed(*from_the_start(stream))
    plain.settle()
    clock = clock_after(stream)
    plain.end(clock)
    topic.end(clock)
    assert topic.standing() == plain.standing()
    ours, theirs = topic.sums(clock), plain.sums(clock)
    assert ours.keys() == theirs.keys()
    for entity, held in theirs.items():
        assert ours[entity] == pytest.approx(held, abs=1e-9), entity
    assert topic.customers() == plain.customers()
    scores, plain_scores = scored(topic, clock), scored(plain, clock)
    assert scores.keys() == plain_scores.keys()
    for name, score in plain_scores.items():
        assert scores[name]["value"] == pytest.approx(score["value"], abs=1e-9), name
        assert scores[name]["components"] == pytest.approx(score["components"], abs=1e-9), name
    assert timelines(topic) == timelines(plain)


def timelines(topic: Topic) -> dict[str, list[tuple[str, str]]]:
    """Return the touchpoints of each customer in order."""
    return {each.customer: [(entry.source, entry.id) for entry in each.entries] for owner in topic.owners for each in owner.customers() if each.entries}


@pytest.mark.parametrize("seed", range(24))
def test_the_end_is_that_of_a_stream_that_knew_the_customer(seed: int) -> None:
    """Chains and stars of aliases, links early, late and twice, any batches, owners who die at any write: findings, sums, scores and timelines are the same."""
    chance = random.Random(seed)
    stream = scattered(crowd(seed), chance, chance.randrange(1, 9))
    topic = Topic()
    topic.feed(*stream)
    topic.settle(chance, crashes=0.3 * (seed % 3))
    assert_known_from_the_start(topic, stream)


@pytest.mark.parametrize("seed", range(4))
def test_an_owner_may_die_between_any_two_writes_of_a_move(seed: int) -> None:
    """For every write that the claim, the move and what is forwarded make: a death right after it changes nothing in the end."""
    chance = random.Random(seed)
    stream = scattered(crowd(seed, 1)[:12], chance, 2)
    cut, most = 0, 1
    while cut < most:
        topic, died = Topic(), set[int]()
        topic.feed(*stream)
        while waiting := topic.waiting():
            for number in waiting:
                key = (number, topic.committed[number])
                if hash(key) not in died:
                    died.add(hash(key))
                    most = max(most, topic.step(number, 2, cut))
                topic.step(number, 2)
        assert_known_from_the_start(topic, stream)
        cut += 1
    assert most > 4


@pytest.mark.parametrize("seed", range(10))
def test_files_give_the_same_in_any_order_of_lines(seed: int) -> None:
    """`replay` links too: shuffled lines with aliases end as lines that name the customer."""
    chance = random.Random(seed)
    stream = scattered(crowd(seed), chance, 3)
    found = []
    for lines in (chance.sample(stream, len(stream)), from_the_start(stream)):
        replay = Replay(rulebook(), fields(), Fingerprinter(KEY))
        for number, each in enumerate(lines):
            replay.feed(number, json.dumps(each).encode())
        replay.finish(clock_after(stream))
        assert not replay.dead_letters
        found.append({each["id"]: each | {"revision": 0} for each in replay.findings()})
    assert found[0] == found[1]


def chain(length: int) -> list[Json]:
    """Return links of a chain: k0 is the customer."""
    return [link(number, f"k{number}", f"k{number + 1}", "2026-03-02T09:00:00Z") for number in range(length)]


def asked(number: int, customer: str) -> Json:
    """Make a request for what may be known."""
    return {
        "id": f"e{number}", "source": "s", "type": "info.requested", "time": f"2026-03-02T10:{number:02}:00Z", "customer": customer,
        "contact": "k", "channel": "voice", "actor": {"kind": "agent", "team": f"t{number}"}, "data": {"field": "account_number"},
    }  # fmt: skip


def test_eight_links_hold_and_a_ninth_is_refused() -> None:
    """Links that come from the far end on make the longest chain: the ninth would carry an alias nine links away."""
    topic = Topic()
    for each in reversed(chain(9)):
        topic.feed(each)
        topic.settle()
    assert [reason for reason, _ in topic.refused] == [DeadLetterReason.LINK_REFUSED]
    topic.feed(asked(1, "k9"), asked(2, "k1"))
    topic.settle()
    assert timelines(topic)["k1"][-2:] == [("s", "e1"), ("s", "e2")]


def test_a_link_that_closes_a_circle_is_refused() -> None:
    """Who is an alias cannot take in whom it stands for: nothing goes round."""
    topic = Topic()
    for each in [*chain(3), link(9, "k3", "k0", "2026-03-02T09:00:00Z"), link(9, "k0", "k0", "2026-03-02T09:00:00Z")]:
        topic.feed(each)
        topic.settle()
    assert [reason for reason, _ in topic.refused] == [DeadLetterReason.LINK_REFUSED] * 2
    assert list(timelines(topic)) == ["k0"]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("around", [2, 3, 5])
def test_links_in_flight_that_make_a_circle_come_to_rest(seed: int, around: int) -> None:
    """No one sees the whole circle: what is sent on finds it, and all that came stands with one customer."""
    chance = random.Random(seed)
    links = [link(number, f"k{number}", f"k{(number + 1) % around}", "2026-03-02T09:00:00Z") for number in range(around)]
    points = [asked(number, f"k{number % around}") for number in range(2 * around)]
    topic = Topic()
    topic.feed(*points[:around], *links, *points[around:])
    topic.settle(chance, crashes=0.2)
    [(_, timeline)] = timelines(topic).items()
    assert set(timeline) == {(each["source"], each["id"]) for each in (*links, *points)}


def test_an_alias_has_one_customer() -> None:
    """The first link of a key counts; another customer's later one is refused, and the timeline stays where it is."""
    topic = Topic()
    for each in (link(1, "a", "visitor", "2026-03-02T09:00:00Z"), link(2, "b", "visitor", "2026-03-02T09:00:01Z"), asked(1, "visitor")):
        topic.feed(each)
        topic.settle()
    assert [reason for reason, _ in topic.refused] == [DeadLetterReason.LINK_REFUSED]
    assert ("s", "e1") in timelines(topic)["a"]


@pytest.mark.parametrize(
    ("other", "reason"), [("someone@example.org", DeadLetterReason.RAW_IDENTIFIER), ("anonymous", DeadLetterReason.LINK_REFUSED)]
)
def test_addresses_and_nobody_are_no_aliases(other: str, reason: DeadLetterReason) -> None:
    """What a person is reached at is not kept as a name, and the key of everybody who is not known belongs to nobody."""
    topic = Topic("not_a_customer=[anonymous]")
    topic.feed(link(1, "a", other, "2026-03-02T09:00:00Z"))
    topic.settle()
    assert [each for each, _ in topic.refused] == [reason]


@pytest.mark.parametrize("value", [b'{"seamwatch":', b'{"seamwatch":"moved"}', b'{"seamwatch":"claim","offset":1,"customer":"b"}'])
def test_a_record_that_only_looks_as_if_a_worker_wrote_it_is_a_dead_letter(value: bytes) -> None:
    """Also one without a key."""
    topic = Topic()
    topic.append(None, value, 0)
    topic.settle()
    assert [reason for reason, _ in topic.refused] == [DeadLetterReason.INVALID_VALUE]


def forgotten(number: int, customer: str, time: str) -> Json:
    """Make what tells to forget a customer."""
    return link(number, customer, "x", time) | {"id": f"forget-{number}", "type": "customer.forgotten", "data": {}}


def held(topic: Topic) -> bytes:
    """Return what all owners would find in the changelog after compaction."""
    return b"".join(value for rows in topic.rows for key, value in dict(rows).items() if value is not None and not key.startswith(b"\x00"))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("first", ["links", "forget"])
def test_who_is_forgotten_is_as_nobody_who_ever_was(seed: int, first: str) -> None:
    """State holds no touchpoint of the customer or an alias, whether links came before or are in flight, whoever dies; what is older is not taken in again."""
    chance = random.Random(seed)
    stream = scattered(crowd(seed, 1), chance, 3)
    [customer] = {each["customer"] for each in from_the_start(stream)}
    tenants = {each.get("tenant", "default") for each in stream}
    late = [each | {"id": f"late-{each['id']}"} for each in stream if each["type"] != "identity.linked"]
    topic = Topic()
    topic.feed(*stream)
    if first == "links":
        topic.settle(chance, crashes=0.2)
    topic.feed(*(forgotten(number, customer, moment(clock_after(stream))) | {"tenant": tenant} for number, tenant in enumerate(sorted(tenants))))
    topic.settle(chance, crashes=0.2)
    topic.feed(*late)
    topic.settle(chance, crashes=0.2)
    topic.end(clock_after(stream) + 1)
    assert not timelines(topic)
    assert not any(str(each["id"]).encode() in held(topic) for each in [*stream, *late])
    gone = {key.decode().partition("/")[2] for key, what, _ in topic.marks if what == "forgotten"}
    assert not topic.compacted
    assert gone == {each["customer"] for each in stream} | {each["data"]["other"] for each in stream if each["type"] == "identity.linked"}
    assert not topic.customers()


@pytest.mark.parametrize("wakes", ["customer", "others"])
@pytest.mark.parametrize("floods", [False, True])
def test_a_customer_keeps_its_aliases_longer_than_its_memory(wakes: str, floods: bool) -> None:
    """Who was quiet for longer than the memory, or flooded, has lost the timeline and not the other keys: a link back is refused, forgetting reaches them."""
    topic = Topic("memory=2d", *(["maximum_an_hour=3"] if floods else []))
    day, begin = 86_400_000, microseconds("2026-03-02T11:00:00Z") // 1000
    topic.now = begin
    topic.feed(asked(1, "k0"), *chain(2), asked(2, "k2"))
    topic.settle()
    topic.feed(*(asked(number, "k0") for number in range(3, 9) if floods))
    topic.settle()
    assert bool(timelines(topic)) is not floods
    topic.now = begin + 4 * day
    others = [asked(number, f"x{number}") | {"time": "2026-03-06T10:59:00Z"} for number in range(9)]
    back = link(7, "k2", "k0", "2026-03-06T11:00:00Z")
    topic.feed(*(others if wakes == "others" else ()), back)
    topic.settle()
    assert [reason for reason, _ in topic.refused] == [DeadLetterReason.LINK_REFUSED]
    assert timelines(topic)["k0"] == [("crm", back["id"])]
    topic.owners = [topic.owner(number) for number in range(PARTITIONS)]
    topic.feed(forgotten(1, "k0", "2026-03-06T11:00:01Z"))
    topic.settle()
    assert {key for key, what, _ in topic.marks if what == "forgotten"} == {b"default/k0", b"default/k1", b"default/k2"}


def test_what_is_newer_than_the_forgetting_stays() -> None:
    """A customer who comes back begins anew, also where the forgetting arrives late; findings of what stayed are told again."""
    old, new = [asked(number, "c") for number in (1, 2)], [asked(number, "c") for number in (5, 6)]
    value = {"field": "account_number", "value": "4711"}
    said = [asked(number, "c") | {"id": f"said{number}", "type": "info.provided", "actor": {"kind": "customer"}, "data": value} for number in (1, 5)]
    topic = Topic()
    topic.feed(old[0], said[0], old[1], new[0], said[1], new[1])
    topic.settle()
    topic.feed(forgotten(1, "c", "2026-03-02T10:03:00Z"))
    topic.settle()
    assert timelines(topic) == {"c": [("s", "e5"), ("s", "said5"), ("s", "e6")]}
    revisions = {body["again"]["id"]: body["revision"] for sink in topic.sinks for body in sink.bodies.values()}
    assert revisions["e6"] == 2
    assert topic.owners[partition_for(b"default/c", PARTITIONS)].counts.unwatched["forgotten"] == 0


def test_a_customer_who_floods_is_forgotten_too() -> None:
    """The mark that says so goes as well: what was found before is in the database."""
    topic = Topic("maximum_an_hour=3")
    topic.feed(*(asked(number, "c") for number in range(9)))
    topic.settle()
    topic.feed(forgotten(1, "c", "2026-03-02T11:00:00Z"))
    topic.settle()
    assert [what for _, what, _ in topic.marks] == ["forgotten"]


def test_files_forget_too() -> None:
    """`replay` tells nothing of a customer who is forgotten at the end, nor of an alias."""
    stream = scattered(crowd(3, 1), random.Random(3), 3)
    [customer] = {each["customer"] for each in from_the_start(stream)}
    tenants = sorted({each.get("tenant", "default") for each in stream})
    end = [forgotten(number, customer, moment(clock_after(stream))) | {"tenant": tenant} for number, tenant in enumerate(tenants)]
    found = []
    for lines in (stream, [*stream, *end]):
        replay = Replay(rulebook(), fields(), Fingerprinter(KEY), briefs=True)
        for number, each in enumerate(lines):
            replay.feed(number, json.dumps(each).encode())
        replay.finish(clock_after(stream))
        found.append((len(list(replay.findings())), len(list(replay.briefs()))))
    assert found[0] > (0, 0)
    assert found[1] == (0, 0)
