"""OpenID Connect: people come in by the provider of their organisation, which also tells what they may do here."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sinks.console.callers import Role
from sinks.console.settings import OpenId

__all__ = ["NotLetIn", "Pending", "Person", "Provider"]

_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_PATIENCE = 10.0
"""Seconds for one answer of the provider, and those by which its clock may differ."""
_RANKS = list(Role)


class NotLetIn(Exception):
    """Somebody whom the provider does not know, or to whom it gives no role here; or the provider did not answer. The sentence is for the log."""


class Pending(NamedTuple):
    """What a browser that is on its way to the provider has to bring back: nobody else can then come in by its answer."""

    state: str
    nonce: str
    verifier: str
    then: str

    @classmethod
    def read(cls, text: str) -> "Pending":
        """Read what a browser brings. Raises `NotLetIn`."""
        try:
            fields = json.loads(text)
            if len(fields) != len(cls._fields) or not all(isinstance(each, str) for each in fields):
                raise ValueError("other fields")
            return cls(*fields)
        except (ValueError, TypeError) as error:
            raise NotLetIn("the browser brought nothing that it was given") from error

    def text(self) -> str:
        """Return it as the browser keeps it."""
        return json.dumps(list(self))


class Person(NamedTuple):
    """Whom the provider let in: ``subject`` is theirs for ever, a digest; ``teams`` None: alerts of all teams."""

    name: str
    subject: str
    role: Role
    teams: frozenset[str] | None


@dataclass(frozen=True)
class _Known:
    """What a provider says of itself."""

    issuer: str
    authorize: str
    token: str
    keys: str


class Provider:
    """A provider, asked for what it is when it is first needed."""

    def __init__(self, settings: OpenId) -> None:
        self._settings = settings
        self._known: _Known | None = None
        self._keys: KeySet | None = None
        self._lock = Lock()

    def begin(self, back: str, then: str) -> tuple[str, Pending]:
        """Return where to send a browser that is to come ``back`` there, and what it has to bring. Raises `NotLetIn`."""
        known = self._discovered()
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        with self._client(back) as client:
            address, state = client.create_authorization_url(known.authorize, nonce=nonce, code_verifier=verifier)
        return address, Pending(state, nonce, verifier, then)

    def finish(self, back: str, pending: Pending, state: str, code: str) -> Person:
        """Return who came back with this state and code. Raises `NotLetIn`."""
        if not hmac.compare_digest(state.encode(), pending.state.encode()):
            raise NotLetIn("the answer is not of what this browser asked")
        known = self._discovered()
        try:
            with self._client(back) as client:
                token = client.fetch_token(known.token, code=code, code_verifier=pending.verifier)
            claims = self._verified(known, token["id_token"], token.get("access_token"), pending.nonce)
        except (httpx.HTTPError, AuthlibBaseError, JoseError, KeyError, TypeError, ValueError) as error:
            raise NotLetIn(f"the provider's answer does not hold: {type(error).__name__}") from error
        return self._person(known, claims)

    def _client(self, back: str) -> Any:
        own = self._settings
        return OAuth2Client(
            own.client,
            own.secret,
            scope=own.scope,
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=_PATIENCE,
        )

    def _discovered(self) -> _Known:
        with self._lock:
            if self._known is None:
                told = _get(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                try:
                    known = _Known(told["issuer"], told["authorization_endpoint"], told["token_endpoint"], told["jwks_uri"])
                except (KeyError, TypeError) as error:
                    raise NotLetIn("the provider does not say what it is") from error
                if known.issuer.rstrip("/") != self._settings.issuer.rstrip("/"):
                    raise NotLetIn("the provider says that it is another one")
                self._known = known
            return self._known

    def _verified(self, known: _Known, token: str, access: str | None, nonce: str) -> Mapping[str, Any]:
        """Return what an ID token says. A provider that has changed its keys is asked for them once."""
        fresh = self._keys is None
        if self._keys is None:
            self._keys = KeySet.import_key_set(_get(known.keys))
        try:
            read = jwt.decode(token, self._keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            if fresh:
                raise
            self._keys = KeySet.import_key_set(_get(known.keys))
            read = jwt.decode(token, self._keys, algorithms=_ALGORITHMS)
        own = self._settings.client
        demands = {"iss": {"essential": True, "value": known.issuer}, "aud": {"essential": True, "value": own}}
        params = {"nonce": nonce, "client_id": own, "access_token": access}
        claims = CodeIDToken(read.claims, read.header, demands, params)
        claims.validate(leeway=int(_PATIENCE))
        return dict(claims)

    def _person(self, known: _Known, claims: Mapping[str, Any]) -> Person:
        own = self._settings
        given = [own.roles[each] for each in _texts(claims, own.claim) if each in own.roles]
        if not given:
            raise NotLetIn("the provider gives them no role here")
        teams = None if own.teams is None else frozenset(_texts(claims, own.teams))
        if teams is not None and not teams:
            raise NotLetIn("the provider gives them no team")
        name = claims.get("preferred_username") or claims.get("email") or claims["sub"]
        subject = hashlib.sha256(json.dumps([known.issuer, claims["sub"]]).encode()).hexdigest()
        return Person(str(name).lower(), subject, max(given, key=_RANKS.index), teams)


def _texts(claims: Mapping[str, Any], path: str) -> list[str]:
    """Return the texts of a claim, whose dots lead into objects: ``realm_access.roles``."""
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    several = found if isinstance(found, list) else [found]
    return [each for each in several if isinstance(each, str) and each]


def _get(address: str) -> Any:
    try:
        return httpx.get(address, timeout=_PATIENCE).raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotLetIn(f"the provider does not answer: {type(error).__name__}") from error
