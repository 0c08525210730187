"""How much the engine does between two chances to let others have their turn, with rows at their limits: counted in folded touchpoints, not in time."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from agents import fold
from agents.chunks import NO_REST, chunk_key, write_chunk
from agents.links import Forwarded, encode_internal
from agents.partition import PartitionWatch, Record
from tests.reference.identity import link
from tests.unit.agents.support import partition
from tests.unit.agents.test_partition import asked, line, point, told

pytestmark = pytest.mark.skipif(not fold.__file__.endswith(".py"), reason="calls within the compiled engine cannot be counted")

MOST = 500
"""Touchpoints that a customer keeps, as shipped."""

STEP = 60
"""Seconds between two touchpoints: fewer an hour than a machine's."""


class Work:
    """Counts touchpoints that are folded, and how many were between two chances at most.

    ``chances`` is how many there were while records were taken, ``late_chances`` while their effects were put together.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = self.chances = self.late_chances = self._now = 0
        apply = fold.Fold.apply

        def counted(self_: fold.Fold, entry: Any) -> None:
            self._now += 1
            apply(self_, entry)

        monkeypatch.setattr(fold.Fold, "apply", counted)

    def take(self, watch: PartitionWatch, records: Iterable[Record]) -> list[tuple[bytes, bytes]]:
        """Take ``records`` with a turn at every chance, as where each took too long; return what is sent on."""
        self._now = self.most = self.chances = self.late_chances = 0
        for _ in watch.take(records, self._pause):
            self.chances += 1
        self.most = max(self.most, self._now)
        self._now = 0
        self.late_chances = sum(1 for _ in watch.conclude(lambda: True))
        effects = watch.effects()
        assert self._now == 0, "effects fold nothing"
        return effects.onward

    def _pause(self) -> bool:
        self.most, self._now = max(self.most, self._now), 0
        return True


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Count what is folded."""
    return Work(monkeypatch)


def talk(number: int, after: float, **more: Any) -> dict[str, Any]:
    """Make a request or an answer: a timeline of nothing else has most to be found in it."""
    made = asked(number, after) if number % 2 else told(number, after)
    return made | more


def full_row(start: int = 0, customer: str = "c", shift: float = 0.0, most: int = MOST) -> list[Record]:
    """Make the records of a customer up to the limit."""
    return [_record(start + n, talk(n, n * STEP + shift, customer=customer, id=f"{customer}-{n}")) for n in range(most)]


def _record(offset: int, made: dict[str, Any]) -> Record:
    return Record(offset, None, f"default/{made['customer']}".encode(), json.dumps(made).encode())


def test_records_of_a_full_row_come_one_a_turn(work: Work) -> None:
    """A record beyond the limit folds the timeline once, a late one twice, and once more where the row was encoded; others have a turn between any two."""
    watch = partition()
    work.take(watch, full_row())
    assert work.most == 1
    beyond = [line(talk(MOST + n, (MOST + n) * STEP), MOST + n) for n in range(20)]
    work.take(watch, beyond)
    assert (work.most, work.chances) == (MOST, len(beyond))
    late = [line(talk(2 * MOST + n, 30 * STEP + n + 1), 2 * MOST + n) for n in range(20)]
    work.take(watch, late)
    assert MOST < work.most <= 2 * MOST
    assert work.chances == len(late)
    watch.forget_decoded()
    work.take(watch, [line(talk(3 * MOST, 60 * STEP + 1), 3 * MOST)])
    assert 2 * MOST < work.most <= 3 * MOST


@pytest.mark.parametrize("forwarded", [False, True], ids=["of a customer", "for an alias"])
def test_deadlines_at_once_come_one_a_turn(work: Work, forwarded: bool) -> None:
    """A touchpoint that lets a thousand deadlines of encoded rows come due gives others a turn after each, and again while what they lead to is put together;
    full rows among them are folded once.
    """
    watch, waiting = partition(), 1000
    log = [*full_row(0, "long-a", most=MOST - 1), *full_row(MOST - 1, "long-b", most=MOST - 1)]
    waiting_ones = ["long-a", "long-b", *(f"c{n}" for n in range(waiting - 2))]
    log += [_record(len(log) + n, _handoff(customer, MOST * STEP + n / waiting)) for n, customer in enumerate(waiting_ones)]
    for start in range(0, len(log), 500):
        watch.process(log[start : start + 500])
    assert watch.timers_pending == waiting
    watch.forget_decoded()
    last = _record(len(log), point(1, 3 * 86_400, customer="other"))
    if forwarded:
        last = last._replace(value=encode_internal(Forwarded(offset=0, path=["alias"], touchpoint=msgspec.Raw(last.value or b""))))
    work.take(watch, [last])
    assert watch.timers_pending == 0
    assert work.chances > waiting
    assert work.late_chances > 2 * waiting
    assert work.most == MOST


def _handoff(customer: str, after: float) -> dict[str, Any]:
    data = {"handoff": "h", "to_team": "tech", "mode": "blind", "context": []}
    return point(1, after, "handoff.started", customer=customer, contact="k", actor={"kind": "agent", "team": "sales"}, data=data)


def on_their_way(watch: PartitionWatch, work: Work, log: list[Record], customer: str, aliases: Iterable[str]) -> list[Record]:
    """Link aliases to a customer, and return the records in which their timelines come there."""
    def next_record(key: bytes, value: bytes) -> Record:
        log.append(Record(len(log), None, key, value))
        return log[-1]

    since = point(1, 3 * MOST * STEP)["time"]
    links = [_record(offset, link(0, customer, alias, since) | {"id": f"link-{alias}"}) for offset, alias in enumerate(aliases, len(log))]
    log += links
    claims = [next_record(*claim) for claim in work.take(watch, links)]
    return [next_record(*moved) for moved in work.take(watch, claims)]


def test_a_link_of_two_full_rows_is_one_turn(work: Work) -> None:
    """A customer with a full row takes in that of an alias: both are decoded, cut where the later of them begins, folded as one, and cut to the limit."""
    watch = partition(keyed=True)
    log = [*full_row(0, "c", most=MOST + 1), *full_row(MOST + 1, "alias", 100 * STEP + 0.5, MOST + 1)]
    work.take(watch, log)
    watch.forget_decoded()
    (moved,) = on_their_way(watch, work, log, "c", ["alias"])
    assert work.most <= 2 * MOST
    watch.forget_decoded()
    work.take(watch, [moved])
    assert 5 * MOST < work.most <= 6 * MOST


def test_however_many_full_rows_are_linked_to_one_customer_none_takes_longer_than_the_first(work: Work) -> None:
    """What comes in beyond the limits is dropped at once: neither the fold grows with the links nor what the customer holds, which fits one record of Kafka."""
    watch, aliases = partition(keyed=True), [f"alias-{number}" for number in range(6)]
    log = full_row(0, "c", most=MOST - 1)
    for number, alias in enumerate(aliases):
        log += full_row(len(log), alias, 7.0 * (number + 1), MOST - 1)
    work.take(watch, log)
    for moved in on_their_way(watch, work, log, "c", aliases):
        work.take(watch, [moved])
        assert work.most <= 5 * MOST
    (customer,) = (each for each in watch.customers() if each.entries)
    assert len(customer.aliases) == len(aliases)
    assert len(customer.entries) < MOST
    (moved,) = on_their_way(watch, work, log, "d", ["c"])
    assert len(moved.value or b"") < 500_000


def test_recovery_ends_in_turns() -> None:
    """However many rows a partition has, with a deadline or without, others have a turn after each ten thousand; in the end all deadlines are known."""
    watch, rows = partition(), 25_000
    for number in range(rows):
        deadline = None if number % 2 else 1_000_000 + number
        watch.restore(chunk_key(b"default/c%d" % number, 0), write_chunk(number, deadline, 0, NO_REST, 0, b""))
    pending = list[int]()
    for again in watch.restored_in_turns():
        assert not again
        pending.append(watch.timers_pending)
    assert pending == [5000, 10_000, 12_500, 12_500]
    assert watch.next_deadline == 1_000_000


