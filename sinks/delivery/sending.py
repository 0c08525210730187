"""One request to a receiver: signed, bounded in time, never redirected; and when another may be made."""

import base64
import hashlib
import hmac
import os
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from time import monotonic
from typing import NamedTuple

import msgspec
from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ClientError, ClientSession, ClientTimeout

from config.receivers import Receiver

__all__ = ["Circuit", "Post", "Poster", "Result", "Tokens", "backoff", "sign"]

_SECRET = "whsec_"  # noqa: S105 - how a secret of the specification begins
_LONGEST_PAUSE = timedelta(hours=1)
_ALERTS = "/api/v2/alerts"


class Post(StrEnum):
    """What became of a request."""

    ARRIVED = "arrived"
    REFUSED = "refused"
    """For good: another try would be the same."""
    FAILED = "failed"


class Result(NamedTuple):
    """What became of a request, why, and how long the receiver wants to be left alone."""

    post: Post
    error: str | None = None
    pause: timedelta | None = None


def sign(secrets: Sequence[str], identity: str, timestamp: int, body: bytes) -> str:
    """Return the header webhook-signature, one signature a secret, after Standard Webhooks (https://www.standardwebhooks.com).

    Raises ``ValueError`` for a secret that is no base64.
    """
    signed = b".".join((identity.encode(), str(timestamp).encode(), body))
    keys = (base64.b64decode(secret.removeprefix(_SECRET), validate=True) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys)


def backoff(receiver: Receiver, tries: int) -> timedelta:
    """Return how long to wait after so many tries that failed: a random part, at least half, of a span that doubles ("equal jitter")."""
    span = min(receiver.longest_wait, receiver.first_wait * 2 ** min(tries - 1, 40))
    return timedelta(microseconds=span * random.uniform(0.5, 1.0))  # noqa: S311 - spreads tries, guards nothing


class Circuit:
    """Open after so many failures in a row: then nothing goes, until one try tells whether it closes.

    ``clock`` counts seconds. The libraries for it refuse a call that was made; this tells beforehand how many rows are worth taking.
    """

    def __init__(self, receiver: Receiver, clock: Callable[[], float] = monotonic) -> None:
        self._failures_to_open = receiver.failures
        self._open_for = receiver.open_for / 1e6
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Whether the last tries failed: nothing goes, or one try."""
        return self._failures >= self._failures_to_open

    def most(self, wanted: int) -> int:
        """Return how many requests may be made now, of so many."""
        if not self.open:
            return wanted
        return 0 if self._clock() < self._until else 1

    def note(self, arrived: bool) -> bool:
        """Take note of an answer; return whether it closes the circuit."""
        was_open = self.open
        self._failures = 0 if arrived else self._failures + 1
        if self.open:
            self._until = self._clock() + self._open_for
        return was_open and not self.open


class Tokens:
    """At most ``rate`` requests a second, as many as one second's at once (at least one)."""

    def __init__(self, rate: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._most = max(1.0, rate)
        self._clock = clock
        self._left, self._at = self._most, clock()

    def most(self, wanted: int) -> int:
        """Return how many requests may be made now, of so many."""
        now = self._clock()
        self._left, self._at = min(self._most, self._left + (now - self._at) * self._rate), now
        return min(wanted, int(self._left))

    def spend(self, requests: int) -> None:
        """Take note of requests that are made."""
        self._left -= requests


class Poster:
    """Makes requests to one receiver. ``secrets`` sign webhooks, all of them; the first is the bearer's token for Alertmanager."""

    def __init__(self, receiver: Receiver, secrets: Sequence[str], session: ClientSession, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._receiver = receiver
        self._secrets = secrets
        self._session = session
        self._now = now
        self._timeout = ClientTimeout(total=receiver.timeout / 1e6)
        self._url = receiver.url.rstrip("/") + _ALERTS if receiver.kind == "alertmanager" else receiver.url

    async def post(self, identity: str, body: object) -> Result:
        """Send a body of JSON. ``identity`` is the webhook-id; Alertmanager is told none."""
        content = msgspec.json.encode(body, order="deterministic")  # the same bytes in every try: PostgreSQL keeps no order of keys
        headers = {"Content-Type": "application/json", "User-Agent": "seamwatch"}
        if self._receiver.kind == "alertmanager":
            headers |= {"Authorization": f"Bearer {self._secrets[0]}"} if self._secrets else {}
        else:
            timestamp = int(self._now().timestamp())
            signature = sign(self._secrets, identity, timestamp, content)
            headers |= {"webhook-id": identity, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
        try:
            # The answer's body is left unread: nothing in it matters, and nobody knows how long it is.
            async with self._session.post(
                self._url, data=content, headers=headers, allow_redirects=False, timeout=self._timeout
            ) as answer:
                return self._judge(answer.status, answer.headers.get("Retry-After"))
        except TimeoutError:
            return Result(Post.FAILED, f"no answer within {self._receiver.timeout / 1e6:g} s")
        except ClientConnectorCertificateError:
            return Result(Post.FAILED, "its certificate is not one that is trusted")
        except ClientConnectorError as error:
            return Result(Post.FAILED, f"no connection: {_reason(error.os_error)}")
        except ClientError as error:  # what it holds may be of the receiver
            return Result(Post.FAILED, f"the connection broke: {type(error).__name__}")

    def _judge(self, status: int, retry_after: str | None) -> Result:
        if 200 <= status < 300:
            return Result(Post.ARRIVED)
        error = f"HTTP {status}"
        if status >= 500 or status in (408, 429):
            return Result(Post.FAILED, error, _pause(retry_after, self._now()))
        return Result(Post.REFUSED, error if status >= 400 else f"{error}: redirects are not followed")


def _reason(error: OSError) -> str:
    """Return what the system calls it, without the address."""
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else "its name is not known"


def _pause(text: str | None, now: datetime) -> timedelta | None:
    """Return what Retry-After asks for, in seconds or as a date, an hour at most; None where it asks for nothing."""
    if text is None:
        return None
    try:
        asked = timedelta(seconds=int(text)) if text.isdecimal() else parsedate_to_datetime(text) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(0), min(asked, _LONGEST_PAUSE))
