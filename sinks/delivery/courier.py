"""Brings one receiver what it is to be told: rows first, then requests, then what became of them.

Round by round from the rows that are due; what this process has put a moment ago goes at once, from memory, beside the rounds.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from config.receivers import Receiver, Receivers
from models.alert import Alert
from models.finding import Finding
from sinks.delivery.messages import Message, alert_message
from sinks.delivery.sending import Circuit, Post, Poster, Result, Tokens, backoff
from sinks.delivery.store import Delivered, Delivery, DeliveryState, DeliveryStore
from sinks.errors import Conflict, DatabaseUnavailable

__all__ = ["LEFT_TO_COURIER", "LOOK", "Courier", "CourierFigures"]

LOOK = 0.5
"""Seconds between two looks at the alerts and the rows."""
LEFT_TO_COURIER = timedelta(seconds=2)
"""How long a row that is handed over is left to the courier that was handed it."""
_FRESH = timedelta(seconds=1)
"""How long what was handed over may wait for its request; after that it goes by its row."""
_MOST_FRESH = 2_000
"""Deliveries that wait in memory."""
_BEHIND = 0.25
"""Seconds from a request's end until it is noted, with all that end meanwhile."""
_MARGIN = timedelta(seconds=1)
"""Of a lease: how long before its end the last request must be over."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_PURGE = timedelta(minutes=5)
_COUNTED = timedelta(seconds=1)
"""What waits is counted that often, however much comes."""
_AT_ONCE = 50
"""Deliveries that Alertmanager takes in one request."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class CourierFigures(Protocol):
    """`sinks.metrics.Metrics`, as far as it is fed here."""

    def deliveries(self, receiver: str, outcome: str, number: int = 1) -> None:
        """Add deliveries by outcome."""

    def waiting_deliveries(self, receiver: str, number: int, age: float) -> None:
        """Set how many deliveries wait, and how long the oldest has."""

    def circuit(self, receiver: str, open_: bool) -> None:
        """Set whether a receiver is left alone."""

    def delivered_after(self, seconds: float) -> None:
        """Add how long a delivery took, from its row to the answer."""


class Courier:
    """Sends to one receiver, as long as no other process does.

    The messages of one subject go one after the other: none begins while another one of its subject is under way, and of a subject only the newest waits.
    ``keep`` is how long what is done stays in the table.

    All calls of the database are made by `run`, one after the other, all else in the event loop: what a call of the database has read is held against what is
    under way, and what has ended and is not noted yet.
    """

    def __init__(
        self,
        receivers: Receivers,
        receiver: Receiver,
        store: DeliveryStore,
        poster: Poster,
        figures: CourierFigures,
        *,
        holder: str,
        console: str = "",
        keep: timedelta = timedelta(days=7),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._receivers = receivers
        self._receiver = receiver
        self._store = store
        self._poster = poster
        self._figures = figures
        self._holder = holder
        self._console = console
        self._keep = keep
        self._now = now
        seconds = lambda: now().timestamp()  # noqa: E731
        self._circuit = Circuit(receiver, seconds)
        self._tokens = Tokens(receiver.rate, seconds)
        self._lease = timedelta(microseconds=3 * receiver.timeout) + timedelta(seconds=3)
        self._left_alone = self._purged = self._resent = self._renewed = self._counted = _NEVER
        self._back = False
        self._fresh: dict[str, Delivery] = {}
        self._under_way: set[str] = set()
        self._requests = 0
        self._carried: set[asyncio.Task[None]] = set()
        self._ended: dict[str, tuple[str, Delivered]] = {}
        self._to_note = asyncio.Event()
        self._noting: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self.look = LOOK
        """Seconds between two looks of the process that sends, where nobody wakes it."""
        self.woken = asyncio.Event()
        """Set when there is something to send that this courier does not look for itself."""
        self.trouble = ""
        """Why it does not work, in a sentence."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop. A database that is away is waited for."""
        while not stop.is_set():
            try:
                if not await self.round():
                    self.trouble = ""
                    await self._rest(stop)
            except (DatabaseUnavailable, Conflict) as error:
                self.trouble = str(error)
                _log.warning("%s: %s", self._receiver.name, error)
                await self._woken(self.look, stop)
        self._renewed = _NEVER  # from here on nothing is taken over
        self._fresh.clear()
        await asyncio.gather(*self._carried)
        try:
            await self._note_ends()
            await asyncio.to_thread(self._store.release, self._holder)
        except (DatabaseUnavailable, Conflict):
            _log.warning("%s: another process waits until this one's turn is over", self._receiver.name)

    @property
    def sends_at_once(self) -> bool:
        """Whether what is handed over goes at once: this process is the one that sends, for longer than a request takes, and nothing keeps it.

        Any thread may ask.
        """
        now = self._now()
        longest = self._lease - timedelta(microseconds=self._receiver.timeout) - _MARGIN
        return now - self._renewed < longest and now >= self._left_alone and not self._circuit.open

    def hand_over(self, put: Iterable[Delivery]) -> None:
        """Send what has just been put, in the order of its versions, as soon as it may go. What cannot go now goes by its row, which is due then."""
        for each in put:
            if each.subject in self._fresh or len(self._fresh) < _MOST_FRESH:
                self._fresh[each.subject] = each
        self._send_fresh()

    async def round(self) -> bool:
        """Look what is new, send what is due, and note what became of it; return whether there may be more at once."""
        now = self._now()
        self.woken.clear()
        await self._note_ends()
        if not await self._held():
            self._figures.waiting_deliveries(self._receiver.name, 0, 0.0)
            return False
        if self._receiver.kind != "brief":
            replaced = await self._call(self._store.take_changes, self._render, now)
            self._figures.deliveries(self._receiver.name, "superseded", replaced)
        sent = await self._send(now)
        if self._receiver.kind == "alertmanager":
            await self._resend(now)
        if now - self._purged >= _PURGE:
            self._purged = now
            await self._call(self._store.purge, now - self._keep)
        if now - self._counted < _COUNTED and (self.woken.is_set() or self.look < LOOK):
            return self.woken.is_set() or sent  # somebody waits: the figures can
        self._counted = now
        number, oldest = await self._call(self._store.waits)
        self._figures.waiting_deliveries(self._receiver.name, number, 0.0 if oldest is None else max(0.0, (self._now() - oldest).total_seconds()))
        self._figures.circuit(self._receiver.name, self._circuit.open)
        return sent and number > 0

    async def _held(self) -> bool:
        """Return whether this process may send; between two calls no more than one request is made."""
        now = self._now()
        if now - self._renewed >= self._lease / 3:
            if not await self._call(self._store.hold, self._holder, now, self._lease):
                self._renewed = _NEVER
                return False
            self._renewed = now
        return True

    def _render(self, alert: Alert, finding: Finding | None, before: dict[str, Any] | None) -> Message | None:
        return alert_message(self._receivers, self._receiver, alert, finding, before, self._console)

    async def _send(self, now: datetime) -> bool:
        """Make as many requests as may be made of rows that are due; return whether any arrived."""
        self._send_fresh()
        room = self._circuit.most(self._receiver.concurrency) - self._requests
        requests = 0 if now < self._left_alone else self._tokens.most(room)
        if requests <= 0:
            return False
        alertmanager = self._receiver.kind == "alertmanager"
        most = _AT_ONCE if alertmanager else requests
        found = await self._call(self._store.take, most + len(self._under_way) + len(self._ended), now)
        # Nothing was noted meanwhile: what has been sent since the rows were read is still in memory.
        own = self._fresh.keys() | self._under_way | {subject for subject, _ in self._ended.values()}
        taken = [each for each in found if each.subject not in own][:most]
        letters = [taken] if alertmanager and taken else [[each] for each in taken]
        if not letters:
            return False
        self._begin(taken, len(letters))
        try:
            results = await asyncio.gather(*(self._post(letter) for letter in letters))
            outcomes = [each for letter, result in zip(letters, results, strict=True) for each in await self._judge(letter, result)]
        finally:
            self._end(taken, len(letters))
        subjects = {each.id: each.subject for each in taken}
        self._ended |= {each.id: (subjects[each.id], each) for each in outcomes}
        self._send_fresh()
        await self._note_ends()
        return any(result.post is Post.ARRIVED for result in results)

    def _send_fresh(self) -> None:
        """Begin as many requests of what was handed over as may be under way. When one ends it is called again."""
        if not self.sends_at_once:
            self._fresh.clear()
        late = self._now() - _FRESH
        while self._requests < self._receiver.concurrency:
            first = next((each for each in self._fresh.values() if each.queued < late or each.subject not in self._under_way), None)
            if first is None:
                return
            if first.queued >= late and not self._tokens.most(1):
                self._sending = self._sending or asyncio.get_running_loop().call_later(1 / self._receiver.rate, self._send_again)
                return
            del self._fresh[first.subject]
            if first.queued >= late:
                self._begin([first], 1)
                request = asyncio.ensure_future(self._carry(first))
                self._carried.add(request)
                request.add_done_callback(self._carried.discard)

    def _send_again(self) -> None:
        self._sending = None
        self._send_fresh()

    async def _carry(self, delivery: Delivery) -> None:
        """Make one request beside the rounds; what became of it is noted a little later, with what becomes of others."""
        try:
            result = await self._post([delivery])
        finally:
            self._end([delivery], 1)
        now = self._now()
        self._note(result, now)
        self._ended[delivery.id] = delivery.subject, self._become(delivery, result, now)
        self._noting = self._noting or asyncio.get_running_loop().call_later(_BEHIND, self._to_note.set)
        self._send_fresh()

    def _begin(self, deliveries: Iterable[Delivery], requests: int) -> None:
        self._under_way.update(each.subject for each in deliveries)
        self._requests += requests
        self._tokens.spend(requests)

    def _end(self, deliveries: Iterable[Delivery], requests: int) -> None:
        self._under_way.difference_update(each.subject for each in deliveries)
        self._requests -= requests

    async def _note_ends(self) -> None:
        """Note what became of requests."""
        self._to_note.clear()
        if self._noting is not None:
            self._noting.cancel()
            self._noting = None
        if self._back:
            await self._call(self._store.hasten, self._now())
            self._back = False
        if ended := dict(self._ended):
            await self._call(self._store.settle, [outcome for _, outcome in ended.values()], self._now())
            for identity in ended:
                del self._ended[identity]

    async def _post(self, letter: Sequence[Delivery]) -> Result:
        if self._receiver.kind != "alertmanager":
            (only,) = letter
            return await self._poster.post(only.id, {name: value for name, value in only.body.items() if name != "matches"})
        return await self._poster.post("", [self._with_end(each) for delivery in letter for each in delivery.body["alerts"]])

    async def _judge(self, letter: Sequence[Delivery], result: Result) -> list[Delivered]:
        """Return what becomes of the deliveries of one request, having counted them."""
        if result.post is Post.REFUSED and len(letter) > 1:  # for one of them: each by itself, then
            return [outcome for each in letter if await self._held() for outcome in await self._judge([each], await self._post([each]))]
        now = self._now()
        self._note(result, now)
        return [self._become(each, result, now) for each in letter]

    def _note(self, result: Result, now: datetime) -> None:
        if self._circuit.note(result.post is not Post.FAILED):
            _log.info("%s is back", self._receiver.name)
            self._back = True
            self._to_note.set()
        if result.pause is not None:
            self._left_alone = max(self._left_alone, now + result.pause)

    def _become(self, delivery: Delivery, result: Result, now: datetime) -> Delivered:
        name, state, error, due = self._receiver.name, DeliveryState.DELIVERED, None, now
        if result.post is Post.ARRIVED:
            outcome = "delivered"
            self._figures.delivered_after((now - delivery.queued).total_seconds())
        elif result.post is Post.REFUSED:
            outcome, state, error = "refused", DeliveryState.DEAD, result.error
        elif now - delivery.queued >= timedelta(microseconds=self._receiver.give_up):
            outcome, state, error = "given_up", DeliveryState.DEAD, f"given up after {delivery.tries + 1} tries: {result.error}"
        else:
            outcome, state, error = "failed", DeliveryState.FAILED, result.error
            due = now + max(backoff(self._receiver, delivery.tries + 1), result.pause or timedelta(0))
        if state is DeliveryState.DEAD:
            _log.error("%s: %s is dead: %s; see `seamwatch deliveries show`", name, delivery.id, error)
        self._figures.deliveries(name, outcome)
        return Delivered(delivery.id, state, due, error)

    async def _resend(self, now: datetime) -> None:
        """Tell Alertmanager of all alerts that go on: it forgets them when it starts anew, and takes one for over that nobody speaks of."""
        if now - self._resent < timedelta(microseconds=self._receiver.resend) or self._circuit.open or now < self._left_alone:
            return
        pages = await self._call(lambda: list(self._store.firing()))
        for page in pages:
            messages = [message for alert, finding in page if (message := self._render(alert, finding, None)) is not None]
            told = [self._with_end(each) for message in messages for each in message.body["alerts"]]
            for start in range(0, len(told), _AT_ONCE):
                part = told[start : start + _AT_ONCE]
                if not await self._held():
                    return
                result = await self._poster.post("", part)
                self._note(result, self._now())
                self._figures.deliveries(self._receiver.name, "resent" if result.post is Post.ARRIVED else "not_resent", len(part))
                if result.post is Post.FAILED:
                    return  # tried again in the next round
        self._resent = now

    def _with_end(self, alert: dict[str, Any]) -> dict[str, Any]:
        """Return an alert with its end: of one that goes on, when it is over if nobody speaks of it any more."""
        later = self._now() + timedelta(microseconds=self._receiver.resolve_timeout)
        return alert | {"endsAt": alert["endsAt"] or later.isoformat()}

    async def _rest(self, stop: asyncio.Event) -> None:
        """Wait until there is something to look for, and note meanwhile what became of requests beside the rounds."""
        clock = asyncio.get_running_loop().time
        until = clock() + (self.look if self.sends_at_once else LOOK)
        while (left := until - clock()) > 0 and not stop.is_set() and not self.woken.is_set():
            await self._woken(left, stop, self._to_note, self.woken)
            if self._to_note.is_set():
                await self._note_ends()

    @staticmethod
    async def _woken(seconds: float, *events: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(each.wait()) for each in events]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    @staticmethod
    async def _call(function: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.to_thread(partial(function, *arguments))
