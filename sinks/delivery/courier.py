"""Brings one receiver what it is to be told: rows first, then requests, then what became of them, round by round."""

import asyncio
import logging
from collections.abc import Callable, Sequence
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

__all__ = ["Courier", "CourierFigures"]

_LOOK = 0.5
"""Seconds between two looks at the alerts."""
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

    The messages of one subject go one after the other: a round ends before the next begins, and of a subject only the newest waits. ``keep`` is how long
    what is done stays in the table.
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
        self._left_alone = self._purged = self._resent = self._renewed = self._counted = datetime.min.replace(tzinfo=UTC)
        self.woken = asyncio.Event()
        """Set when there is something to send that this courier does not look for itself."""
        self.trouble = ""
        """Why it does not work, in a sentence."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop. A database that is away is waited for."""
        while not stop.is_set():
            busy = False
            try:
                busy = await self.round()
                self.trouble = ""
            except (DatabaseUnavailable, Conflict) as error:
                self.trouble = str(error)
                _log.warning("%s: %s", self._receiver.name, error)
            if not busy:
                await self._rest(stop)
        try:
            await asyncio.to_thread(self._store.release, self._holder)
        except (DatabaseUnavailable, Conflict):
            _log.warning("%s: another process waits until this one's turn is over", self._receiver.name)

    async def round(self) -> bool:
        """Look what is new, send what is due, and note what became of it; return whether there may be more at once."""
        now = self._now()
        self.woken.clear()
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
        if self.woken.is_set() and now - self._counted < _COUNTED:
            return True  # somebody waits: the figures can
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
                return False
            self._renewed = now
        return True

    def _render(self, alert: Alert, finding: Finding | None, before: dict[str, Any] | None) -> Message | None:
        return alert_message(self._receivers, self._receiver, alert, finding, before, self._console)

    async def _send(self, now: datetime) -> bool:
        """Make as many requests as may be made; return whether any arrived."""
        requests = 0 if now < self._left_alone else self._tokens.most(self._circuit.most(self._receiver.concurrency))
        if not requests:
            return False
        alertmanager = self._receiver.kind == "alertmanager"
        taken = await self._call(self._store.take, _AT_ONCE if alertmanager else requests, now)
        letters = [taken] if alertmanager and taken else [[each] for each in taken]
        if not letters:
            return False
        self._tokens.spend(len(letters))
        results = await asyncio.gather(*(self._post(letter) for letter in letters))
        outcomes = [each for letter, result in zip(letters, results, strict=True) for each in await self._judge(letter, result)]
        await self._call(self._store.settle, outcomes, self._now())
        return any(result.post is Post.ARRIVED for result in results)

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
        await self._note(result, now)
        return [self._become(each, result, now) for each in letter]

    async def _note(self, result: Result, now: datetime) -> None:
        if self._circuit.note(result.post is not Post.FAILED):
            _log.info("%s is back", self._receiver.name)
            await self._call(self._store.hasten, now)
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
                await self._note(result, self._now())
                self._figures.deliveries(self._receiver.name, "resent" if result.post is Post.ARRIVED else "not_resent", len(part))
                if result.post is Post.FAILED:
                    return  # tried again in the next round
        self._resent = now

    def _with_end(self, alert: dict[str, Any]) -> dict[str, Any]:
        """Return an alert with its end: of one that goes on, when it is over if nobody speaks of it any more."""
        later = self._now() + timedelta(microseconds=self._receiver.resolve_timeout)
        return alert | {"endsAt": alert["endsAt"] or later.isoformat()}

    async def _rest(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(each.wait()) for each in (stop, self.woken)]
        await asyncio.wait(waits, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    @staticmethod
    async def _call(function: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.to_thread(partial(function, *arguments))
