"""What is put is posted at once, from memory, beside the rounds of rows: the same promises, on every database."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from sinks.delivery import Delivery, Message, Post
from sinks.delivery.courier import LEFT_TO_COURIER
from sinks.delivery.sending import Result
from sinks.delivery.store import BriefStore
from tests.support.workers import until
from tests.unit.sinks.builders import START, clear
from tests.unit.sinks.couriers import TOPIC, World, told_of

DEEDS = st.lists(st.tuples(st.sampled_from(["put", "lost", "up", "down", "restart", "round", "wait"]), st.integers(0, 1)), min_size=1, max_size=12)


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


class HandedOver:
    """What a courier promises of what it is handed; a subclass gives the fixture ``engine``."""

    def test_what_is_handed_over_goes_at_once(self, engine: Engine) -> None:
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

    def test_a_process_that_runs_notes_what_it_sent(self, engine: Engine) -> None:
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
    def test_a_process_that_is_killed_loses_nothing(self, engine: Engine, when: str) -> None:
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

    def test_a_row_is_left_to_who_was_handed_it(self, engine: Engine) -> None:
        """A round that reads the rows between the commit and the handing over does not send what is about to go; two seconds later it does."""
        desk = Desk(engine)
        desk.put(told_of("j-1", 0))
        desk.rounds()
        assert desk.place.tried == []
        desk.rounds(3)
        assert (desk.told(), desk.states()) == ([0], {"delivered": 1})

    def test_a_newer_one_waits_until_the_one_under_way_has_ended(self, engine: Engine) -> None:
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

    def test_a_request_that_takes_long_is_not_made_twice(self, engine: Engine) -> None:
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

    def test_what_was_read_before_something_newer_went_is_not_sent_after_it(self, engine: Engine) -> None:
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

    def test_what_is_handed_over_keeps_to_the_receivers_limits(self, engine: Engine) -> None:
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

    def test_what_cannot_go_at_once_goes_by_its_row(self, engine: Engine) -> None:
        """While the circuit is open, or another process sends to the receiver, nothing is handed over; what just was goes when its row is due."""
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

    def test_briefs_never_go_back_whatever_happens(self, engine: Engine) -> None:
        """Handed over or lost before that, with failures, restarts and rounds in any order: briefs of a journey never go back, and the last one arrives."""

        @settings(max_examples=15, deadline=None)
        @given(DEEDS)
        def check(deeds: list[tuple[str, int]]) -> None:
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

        check()
