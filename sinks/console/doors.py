"""Who is let in: a session's cookie, with a token in a header for whatever changes something, or a token of the API."""

import hashlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from sinks.console.accounts import Accounts, Act, Arrival
from sinks.console.callers import Caller, Right
from sinks.console.problems import Refusal

__all__ = ["CSRF_HEADER", "Attempts", "Doors"]

CSRF_HEADER = "X-CSRF-Token"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_LONGEST_SECRET = 256


class Attempts:
    """Counts what each name or address tried of late, at most ``most`` times in ``seconds``; the least recent of more than 10,000 are forgotten."""

    def __init__(self, most: int, seconds: float, kept: int = 10_000) -> None:
        self._most = most
        self._seconds = seconds
        self._kept = kept
        self._tries: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def begin(self, who: str, now: datetime) -> float:
        """Count a try of ``who``, and return 0; or return the seconds until they may try again."""
        with self._lock:
            tries = self._tries.setdefault(who, deque())
            self._tries.move_to_end(who)
            while tries and (now - tries[0]).total_seconds() >= self._seconds:
                tries.popleft()
            if len(tries) >= self._most:
                return self._seconds - (now - tries[0]).total_seconds()
            tries.append(now)
            while len(self._tries) > self._kept:
                self._tries.popitem(last=False)
            return 0.0

    def succeeded(self, who: str) -> None:
        """Forget the tries of ``who``."""
        with self._lock:
            self._tries.pop(who, None)


class Doors:
    """``url`` is where people reach the console; where it begins with https, the cookie goes over nothing else."""

    def __init__(self, accounts: Accounts, now: Callable[[], datetime], url: str | None = None) -> None:
        self.accounts = accounts
        self.now = now
        self._origin = None if url is None else _origin(url)
        self._secure = self._origin is not None and self._origin.startswith("https://")
        self._cookie = "__Host-seamwatch" if self._secure else "seamwatch"
        self._names = Attempts(10, 300)
        self._addresses = Attempts(50, 300)

    def caller(self, request: Request) -> Caller | None:
        """Return who asks, None where nobody knows. Raises `Refusal` for a change without the session's token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme:
            fits = scheme.lower() == "bearer" and len(token) <= _LONGEST_SECRET
            return self.accounts.of_token(token.strip(), self.now()) if fits else None
        secret = self.secret(request)
        caller = None if secret is None else self.accounts.of_session(secret, self.now())
        if caller is not None and secret is not None and request.method not in _SAFE:
            self.check_origin(request)
            if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), self.csrf(secret).encode()):
                raise Refusal(
                    HTTPStatus.FORBIDDEN, "csrf", f"send the header {CSRF_HEADER} with `csrf` of GET /api/session"
                )
        return caller

    def check_origin(self, request: Request) -> None:
        """Raise `Refusal` for what a page of another origin sends."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
        own = {self._origin, f"{request.url.scheme}://{request.headers.get('host', '')}"}
        if site not in {"same-origin", "none"} or (origin is not None and origin not in own):
            raise Refusal(HTTPStatus.FORBIDDEN, "origin", "this came from a page of another origin")

    def log_in(self, request: Request, name: str, password: str) -> tuple[Caller, str]:
        """Return who logged in and the secret of their session. Raises `Refusal`."""
        self._try(request, name)
        secret = self.accounts.log_in(name, password, self.now())
        return self._let_in(request, name, secret, "login", "name and password do not belong together")

    def follow_link(self, request: Request, token: str) -> tuple[Caller, str]:
        """Return who came by a link and the secret of their session. Raises `Refusal`."""
        self._try(request, None)
        name, secret = self.accounts.follow_link(token, self.now()) or ("", None)
        return self._let_in(request, name, secret, "link", "the link was used, or is over: ask for another one")

    def set_out(self, request: Request) -> None:
        """Count that somebody asks for the provider. Raises `Refusal`."""
        self._try(request, None)

    def arrive(self, request: Request, person: Arrival) -> str:
        """Return the secret of the session of somebody whom a provider let in. Raises `Wrong`."""
        secret = self.accounts.arrive(person, self.now())
        self._addresses.succeeded(_address(request))
        self.note(request, person.name, "openid", detail=person.role.value)
        return secret

    def address(self, request: Request) -> str:
        """Return where people reach the console, without a slash at the end."""
        return self._origin or f"{request.url.scheme}://{request.url.netloc}"

    def hand(self, response: Response, text: str | None) -> None:
        """Have the browser keep what it is to bring back within ten minutes; None: keep it no more."""
        kept: dict[str, Any] = {"path": "/", "secure": self._secure, "httponly": True, "samesite": "lax"}
        if text is None:
            response.delete_cookie(f"{self._cookie}-pending", **kept)
        else:
            response.set_cookie(f"{self._cookie}-pending", quote(text), max_age=600, **kept)

    def handed(self, request: Request) -> str:
        """Return what the browser was to bring back, empty where it does not."""
        return unquote(request.cookies.get(f"{self._cookie}-pending", ""))

    def _try(self, request: Request, name: str | None) -> None:
        now = self.now()
        wait = self._addresses.begin(_address(request), now)
        if not wait and name is not None:
            wait = self._names.begin(name, now)
        if wait:
            headers = {"Retry-After": str(int(wait) + 1)}
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too_many", "too many failed: try again later", headers=headers)

    def _let_in(self, request: Request, name: str, secret: str | None, act: str, why: str) -> tuple[Caller, str]:
        caller = None if secret is None else self.accounts.of_session(secret, self.now())
        if caller is None or secret is None:
            self.note(request, name, f"failed_{act}")
            raise Refusal(HTTPStatus.UNAUTHORIZED, f"failed_{act}", why)
        self._names.succeeded(name)
        self._addresses.succeeded(_address(request))
        self.note(request, name, act)
        return caller, secret

    def secret(self, request: HTTPConnection) -> str | None:
        """Return what the session's cookie holds."""
        secret = request.cookies.get(self._cookie)
        return secret if secret and len(secret) <= _LONGEST_SECRET else None

    def csrf(self, secret: str) -> str:
        """Return what has to come in the header with every change in a session."""
        return hashlib.sha256(b"csrf " + secret.encode()).hexdigest()

    def give(self, response: Response, secret: str) -> None:
        """Have the browser keep a session, until it is closed or the session is over."""
        response.set_cookie(self._cookie, secret, path="/", secure=self._secure, httponly=True, samesite="lax")

    def take(self, response: Response) -> None:
        """Have the browser forget a session."""
        response.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    def note(
        self, request: Request, actor: str, act: str, target: str | None = None, detail: str | None = None
    ) -> None:
        """Write down what somebody did."""
        self.accounts.note(Act(self.now(), actor[:128], act, target, detail, _address(request)))

    def still(self, request: Request, right: Right) -> bool:
        """Return whether who was let in for something still would be."""
        caller = self.caller(request)
        return caller is not None and right in caller.rights


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"
