"""What stands behind a mask, over HTTP: for those who may, with a reason, and written down before it is shown."""

from http import HTTPStatus
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import StringConstraints
from sqlalchemy import Engine

from sinks.console.alert_queries import Desk
from sinks.console.callers import Caller, Right
from sinks.console.doors import Attempts
from sinks.console.gate import allowed, doors_of
from sinks.console.moments import Reader, Unread
from sinks.console.problems import PROBLEMS, Refusal
from sinks.console.settings import ConsoleSettings, StreamUnavailable
from sinks.console.shapes import Reveal, Revealed

__all__ = ["reveal_routes"]

_Key = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
_MOST, _SECONDS = 20, 600.0
"""What somebody may reveal in how many seconds."""
_TURN = 10.0
"""Seconds to wait for whoever reads just now."""
_UNREAD = {
    "not_kept": (HTTPStatus.GONE, "it is no longer kept: Kafka deletes touchpoints after a week"),
    "too_far": (HTTPStatus.GONE, "it was not found: there is too much to look through"),
    "secret": (HTTPStatus.FORBIDDEN, "nobody is shown any part of this field"),
}


def reveal_routes(engine: Engine, settings: ConsoleSettings, read: Reader) -> APIRouter:
    """Return the route that reveals what a customer said."""
    api = APIRouter(prefix="/api", responses=PROBLEMS, tags=["alerts"])
    attempts, turn = Attempts(_MOST, _SECONDS), Lock()

    @api.post("/alerts/{key}/reveal")
    def reveal(request: Request, key: _Key, wanted: Reveal, caller: Annotated[Caller, allowed(Right.VALUES_REVEAL)]) -> Revealed:
        """Tell what was said at a moment that an alert rests on. Who asked for what, and why, is written down before it is read."""
        now = settings.now()
        sought = Desk(engine, caller.name, caller.teams, now).sought(key, wanted.source, wanted.id)
        if sought is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no_such_moment", "no finding of such an alert rests on such a touchpoint")
        if wait := attempts.begin(caller.name, now):
            headers = {"Retry-After": str(int(wait) + 1)}
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too_many", "too much was revealed: try again later", headers=headers)
        if not turn.acquire(timeout=_TURN):
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "others reveal something just now: try again", headers={"Retry-After": "5"})
        try:
            evidence = sought.evidence
            detail = f"{evidence.source} {evidence.id}, {evidence.field or evidence.type}: {wanted.reason}"
            doors_of(request).note(request, caller.name, "reveal", key, detail)
            said = read(sought)
        except Unread as unread:
            status, why = _UNREAD[unread.code]
            raise Refusal(status, unread.code, why) from None
        except StreamUnavailable:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "stream_unavailable", "Kafka cannot be read now: try again", headers={"Retry-After": "5"}) from None
        finally:
            turn.release()
        return Revealed(field=evidence.field, value=said.value, text=said.text)

    return api
