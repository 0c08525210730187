"""What the console is told by the program: the rooms that it may not know come in as values and functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine

from models.finding import Severity
from models.score import Score
from sinks.console.callers import Role
from sinks.console.moments import Reader
from sinks.portfolio import Terms

__all__ = ["ConsoleSettings", "OpenId", "StreamUnavailable", "Told", "untold"]

_WEB = Path(__file__).parent / "web" / "dist"


class StreamUnavailable(Exception):
    """The stream cannot be told now."""


class Told(Protocol):
    """A finding in words; ``language`` is that of the text, which is English where there is none in the one asked for."""

    @property
    def language(self) -> str:
        """Return en, de, zh-Hans or fa."""

    @property
    def what(self) -> str:
        """Return what happened."""

    @property
    def why(self) -> str:
        """Return why it matters."""

    @property
    def first(self) -> str:
        """Return what to do first."""


@dataclass(frozen=True, slots=True)
class _Untold:
    what: str
    language: str = "en"
    why: str = ""
    first: str = ""


def untold(finding: Mapping[str, Any], language: str) -> Told:
    """Return what a finding says by itself, for a program without words."""
    return _Untold(finding["summary"])


def _as_stored(score: Score, _now: int) -> float | None:
    return score.value


@dataclass(frozen=True)
class OpenId:
    """An OpenID Connect provider: its issuer, our name and secret there, how people call it.

    ``roles`` gives the role for each value of the ``claim`` (dots lead into objects); ``teams`` names the claim with the teams that somebody is limited to,
    None: nobody is.
    """

    issuer: str
    client: str
    secret: str = field(repr=False)
    name: str
    roles: Mapping[str, Role]
    claim: str = "roles"
    teams: str | None = None
    scope: str = "openid profile email"


@dataclass(frozen=True)
class ConsoleSettings:
    """What an installation and its program give the console.

    ``version`` names the build; ``words`` tells a finding (its body) in a language; ``rules`` are the rules as they are configured, at least with
    ``name, detector, version, mode, severity``; ``sources`` the sources that are read, ``topics_of_others``
    those that read a topic of others, by the topic; ``decay`` makes a score's value that of a time in microseconds UTC.
    ``harm`` is what a finding costs by severity, ``minutes`` the handling time that one costs by detector where that is known, ``cost`` that of a minute.
    ``prior`` is how many harmless visits the score of a team's face begins with.
    ``portfolio`` tells from which revenue and satisfaction on these are high; ``currency`` and ``rates`` what revenue is in; ``moments`` how
    much more a finding weighs at a moment of truth.
    ``forget`` has the stream forget a tenant's customer under every key that the database knows of, and returns how many these are, 0 where the name is
    none, and whether the database knew any of them; it raises `StreamUnavailable`. None: nobody can be forgotten from here.
    ``stored_as`` names all that a customer's id may be stored as: itself, and its pseudonym.
    ``report`` makes the page of a period, of a tenant or of all, in a language; None: there are none. It raises `sinks.report.Nothing`.
    ``reveal`` reads what a customer said at one moment; None: nothing is revealed.
    ``web`` holds the built front end; ``url`` is where people reach the console, None: by the address that it listens at. A session ends
    that was not used for ``idle``, and any after ``session``. ``openid``: people may also come in by that provider.
    """

    version: str = "dev"
    words: Callable[[Mapping[str, Any], str], Told] = untold
    rules: Sequence[Mapping[str, Any]] = ()
    sources: Sequence[str] = ()
    topics_of_others: Mapping[str, str] = field(default_factory=dict)
    minutes: Mapping[str, float] = field(default_factory=dict)
    cost: float | None = None
    stored_as: Callable[[str], Sequence[str]] = lambda customer: [customer]
    forget: Callable[[Engine, str, str], tuple[int, bool]] | None = None
    decay: Callable[[Score, int], float | None] = _as_stored
    report: Callable[[date, date, str | None, str], str] | None = None
    reveal: Reader | None = None
    web: Path = _WEB
    url: str | None = None
    portfolio: Terms = field(default=Terms(1000.0, 0.6))
    harm: Mapping[Severity, float] = field(default_factory=lambda: {"info": 0.0, "warning": 0.15, "critical": 0.4})
    prior: float = 20.0
    currency: str | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    moments: Mapping[str, float] = field(default_factory=dict)
    idle: timedelta = timedelta(hours=12)
    session: timedelta = timedelta(days=7)
    openid: OpenId | None = None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
