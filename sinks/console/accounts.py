"""Accounts, sessions, links and tokens in the database. Of secrets only digests are stored: of passwords, which people
choose, by Argon2id; of what we make ourselves, 256 random bits, by SHA-256.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any, NamedTuple, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, delete, insert, or_, select, update

from models.tables import api_tokens, console_audit, login_links, sessions, users
from sinks.console.callers import RIGHTS, Caller, Right, Role
from sinks.database import one_by_one
from sinks.errors import database_errors
from sinks.lifecycle import STREAM

__all__ = ["SHORTEST_PASSWORD", "Accounts", "Act", "Arrival", "Token", "User", "Wrong"]

SHORTEST_PASSWORD = 12
_LONGEST_PASSWORD = 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
_LINK_LASTS = timedelta(minutes=10)
_MINUTE = timedelta(minutes=1)
_HASHERS = BoundedSemaphore(2)
"""One hash takes 64 MiB."""


class Wrong(ValueError):
    """What was asked of accounts cannot be, in a sentence."""


class User(NamedTuple):
    """An account; ``teams`` None: alerts of all teams."""

    name: str
    role: Role
    teams: frozenset[str] | None
    disabled: bool
    created: datetime
    has_password: bool


class Token(NamedTuple):
    """A token of the API, without its secret; ``seen`` is when it was last used, to the minute."""

    name: str
    rights: frozenset[Right]
    teams: frozenset[str] | None
    created: datetime
    seen: datetime | None


class Act(NamedTuple):
    """What somebody did; ``address`` None: at the command line."""

    time: datetime
    actor: str
    act: str
    target: str | None
    detail: str | None
    address: str | None


class Arrival(Protocol):
    """Somebody whom a provider let in."""

    @property
    def name(self) -> str:
        """Return how they are called here."""

    @property
    def subject(self) -> str:
        """Return a digest that is theirs for ever."""

    @property
    def role(self) -> Role:
        """Return what they are to the console."""

    @property
    def teams(self) -> frozenset[str] | None:
        """Return the teams whose alerts they see, None: all."""


class Accounts:
    """All methods raise `DatabaseUnavailable`; ``idle`` and ``lasts`` say when a session ends that nobody uses, and any."""

    def __init__(
        self, engine: Engine, *, idle: timedelta = timedelta(hours=12), lasts: timedelta = timedelta(days=7)
    ) -> None:
        self._engine = engine
        self._writing = one_by_one(engine)
        self._idle = idle
        self._lasts = lasts
        self._hasher = PasswordHasher()
        self._nobody: str | None = None

    # --- people ---------------------------------------------------------------------------------------------------

    def add(self, name: str, role: Role, now: datetime, *, password: str | None, teams: Collection[str] = ()) -> None:
        """Make an account. Raises `Wrong`."""
        _check_name(name)
        hashed = None if password is None else self._hash(password)
        row = {"name": name, "password": hashed, "role": role.value, "teams": sorted(teams) or None}
        with database_errors(self._engine), self._writing.begin() as connection:
            if _exists(connection, users.c.name == name):
                raise Wrong(f"there is an account {name} already")
            connection.execute(insert(users).values(row | {"disabled": False, "created": now}))

    def people(self) -> list[User]:
        """Return all accounts by name."""
        with database_errors(self._engine), self._engine.connect() as connection:
            return [_user(row) for row in connection.execute(select(users).order_by(users.c.name))]

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Let somebody in no more, or again; their sessions end. Raises `Wrong`."""
        self._change(name, disabled=disabled)

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password; its sessions end. Raises `Wrong`."""
        self._change(name, password=self._hash(password))

    def _change(self, name: str, **values: Any) -> None:
        with database_errors(self._engine), self._writing.begin() as connection:
            if not connection.execute(update(users).where(users.c.name == name).values(values)).rowcount:
                raise Wrong(f"there is no account {name}")
            connection.execute(delete(sessions).where(sessions.c.name == name))
            connection.execute(delete(login_links).where(login_links.c.name == name))

    # --- coming in ------------------------------------------------------------------------------------------------

    def log_in(self, name: str, password: str, now: datetime) -> str | None:
        """Return the secret of a new session, None where name and password do not belong together; it takes as long either way."""
        query = select(users.c.password).where(users.c.name == name, users.c.disabled.is_(False))
        with database_errors(self._engine), self._engine.connect() as connection:
            stored = connection.execute(query).scalar_one_or_none()
        if not self._verify(stored, password):
            return None
        with database_errors(self._engine), self._writing.begin() as connection:
            return self._begin(connection, name, now)

    def make_link(self, name: str, now: datetime) -> str:
        """Return a secret that begins one session of somebody within ten minutes."""
        secret = secrets.token_urlsafe(32)
        row = {"id": _digest(secret), "name": name, "expires": now + _LINK_LASTS}
        with database_errors(self._engine), self._writing.begin() as connection:
            connection.execute(delete(login_links).where(login_links.c.expires <= now))
            connection.execute(insert(login_links).values(row))
        return secret

    def follow_link(self, secret: str, now: datetime) -> tuple[str, str] | None:
        """Return whose link it was, and the secret of a new session; None where the link was used, is over or never was."""
        own = login_links.c
        found = delete(login_links).where(own.id == _digest(secret)).returning(own.name, own.expires)
        with database_errors(self._engine), self._writing.begin() as connection:
            link = connection.execute(found).one_or_none()
            if (
                link is None
                or link.expires <= now
                or not _exists(connection, users.c.name == link.name, users.c.disabled.is_(False))
            ):
                return None
            return link.name, self._begin(connection, link.name, now)

    def arrive(self, person: Arrival, now: datetime) -> str:
        """Return the secret of a new session of somebody whom a provider let in, whose account becomes what the provider says; their other sessions
        are of that account too.

        Raises `Wrong` where the name is somebody else's, or is none, or their account is shut.
        """
        _check_name(person.name)
        told = {"role": person.role.value, "teams": None if person.teams is None else sorted(person.teams)}
        with database_errors(self._engine), self._writing.begin() as connection:
            row = connection.execute(select(users).where(users.c.name == person.name)).one_or_none()
            if row is None:
                fresh = {"name": person.name, "subject": person.subject, "disabled": False, "created": now}
                connection.execute(insert(users).values(fresh | told))
            elif row.subject != person.subject:
                raise Wrong(f"there is an account {person.name} of somebody else")
            elif row.disabled:
                raise Wrong(f"the account {person.name} is shut")
            else:
                connection.execute(update(users).where(users.c.name == person.name).values(told))
            return self._begin(connection, person.name, now)

    def log_out(self, secret: str) -> None:
        """End a session."""
        with database_errors(self._engine), self._writing.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.id == _digest(secret)))

    def of_session(self, secret: str, now: datetime) -> Caller | None:
        """Return whose session it is, None where it is over or never was. It counts as used."""
        identity = _digest(secret)
        query = (
            select(users, sessions.c.seen)
            .join(sessions, sessions.c.name == users.c.name)
            .where(
                sessions.c.id == identity,
                sessions.c.created > now - self._lasts,
                sessions.c.seen > now - self._idle,
                users.c.disabled.is_(False),
            )
        )
        with database_errors(self._engine), self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if now - row.seen >= _MINUTE:
            self._see(update(sessions).where(sessions.c.id == identity).values(seen=now))
        user = _user(row)
        return Caller(user.name, RIGHTS[user.role], user.role, user.teams)

    def _begin(self, connection: Connection, name: str, now: datetime) -> str:
        secret, own = secrets.token_urlsafe(32), sessions.c
        connection.execute(delete(sessions).where(or_(own.created <= now - self._lasts, own.seen <= now - self._idle)))
        connection.execute(insert(sessions).values(id=_digest(secret), name=name, created=now, seen=now))
        return secret

    # --- tokens ---------------------------------------------------------------------------------------------------

    def add_token(self, name: str, rights: Iterable[Right], now: datetime, *, teams: Collection[str] = ()) -> str:
        """Make a token, and return its secret, which is stored nowhere. Raises `Wrong`."""
        _check_name(name)
        secret = f"sw_{secrets.token_urlsafe(32)}"
        row = {
            "name": name,
            "digest": _digest(secret),
            "rights": sorted(rights),
            "teams": sorted(teams) or None,
            "created": now,
        }
        with database_errors(self._engine), self._writing.begin() as connection:
            if _exists(connection, api_tokens.c.name == name):
                raise Wrong(f"there is a token {name} already")
            connection.execute(insert(api_tokens).values(row))
        return secret

    def tokens(self) -> list[Token]:
        """Return all tokens by name."""
        with database_errors(self._engine), self._engine.connect() as connection:
            rows = connection.execute(select(api_tokens).order_by(api_tokens.c.name)).all()
        return [Token(row.name, _rights(row), _teams(row), row.created, row.seen) for row in rows]

    def remove_token(self, name: str) -> None:
        """Let a token in no more. Raises `Wrong`."""
        with database_errors(self._engine), self._writing.begin() as connection:
            if not connection.execute(delete(api_tokens).where(api_tokens.c.name == name)).rowcount:
                raise Wrong(f"there is no token {name}")

    def of_token(self, secret: str, now: datetime) -> Caller | None:
        """Return who a token is, None where it is none."""
        digest = _digest(secret)
        with database_errors(self._engine), self._engine.connect() as connection:
            row = connection.execute(select(api_tokens).where(api_tokens.c.digest == digest)).one_or_none()
        if row is None:
            return None
        if row.seen is None or now - row.seen >= _MINUTE:
            self._see(update(api_tokens).where(api_tokens.c.digest == digest).values(seen=now))
        return Caller(f"token:{row.name}", _rights(row), None, _teams(row))

    # --- audit ----------------------------------------------------------------------------------------------------

    def note(self, act: Act) -> None:
        """Write down what somebody did."""
        with database_errors(self._engine), self._writing.begin() as connection:
            connection.execute(insert(console_audit).values(act._asdict()))

    def noted(self, limit: int, before: int | None = None) -> list[tuple[int, Act]]:
        """Return the newest ``limit`` acts with their numbers, those before a number where one is given."""
        query = select(console_audit).order_by(console_audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(console_audit.c.id < before)
        with database_errors(self._engine), self._engine.connect() as connection:
            return [(row.id, Act(*row[1:])) for row in connection.execute(query)]

    # ---

    def _see(self, seen: Any) -> None:
        with database_errors(self._engine), self._writing.begin() as connection:
            connection.execute(seen)

    def _hash(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
            raise Wrong(f"a password has {SHORTEST_PASSWORD} to {_LONGEST_PASSWORD} characters")
        with _HASHERS:
            return self._hasher.hash(password)

    def _verify(self, stored: str | None, password: str) -> bool:
        with _HASHERS:
            if self._nobody is None:
                self._nobody = self._hasher.hash(secrets.token_urlsafe())
            try:
                self._hasher.verify(stored or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name == STREAM:
        raise Wrong("a name is up to 63 of a-z, 0-9, dots, dashes, underscores and @, and not that of the program")


def _exists(connection: Connection, *where: Any) -> bool:
    return connection.execute(select(1).where(*where)).first() is not None


def _user(row: Any) -> User:
    return User(row.name, Role(row.role), _teams(row), row.disabled, row.created, row.password is not None)


def _teams(row: Any) -> frozenset[str] | None:
    return None if row.teams is None else frozenset(row.teams)


def _rights(row: Any) -> frozenset[Right]:
    return frozenset(map(Right, row.rights))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
