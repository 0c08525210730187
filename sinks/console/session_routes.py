"""Coming in and going out over HTTP, who there is, and who did what."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from sinks.console.callers import Caller, Right
from sinks.console.doors import Doors
from sinks.console.gate import allowed, doors_of
from sinks.console.problems import PROBLEMS
from sinks.console.settings import ConsoleSettings
from sinks.console.shapes import AuditPage, AuditRow, Entry, Login, Session, Ways

__all__ = ["session_routes"]

_Anybody = Annotated[Caller, allowed()]


def session_routes(settings: ConsoleSettings) -> APIRouter:
    """Return the routes of sessions."""
    api = APIRouter(prefix="/api", responses=PROBLEMS, tags=["sessions"])

    @api.post("/session")
    def log_in(request: Request, response: Response, login: Login) -> Session:
        """Begin a session by name and password."""
        doors = doors_of(request)
        doors.check_origin(request)
        caller, secret = doors.log_in(request, login.name.lower(), login.password)
        doors.give(response, secret)
        return _session(caller, doors, secret)

    @api.post("/session/link")
    def follow_link(request: Request, response: Response, entry: Entry) -> Session:
        """Begin a session by a link that holds once."""
        doors = doors_of(request)
        doors.check_origin(request)
        caller, secret = doors.follow_link(request, entry.token)
        doors.give(response, secret)
        return _session(caller, doors, secret)

    @api.get("/doors")
    def ways_in(request: Request) -> Ways:
        """Name the provider by which people may come in besides their passwords, and tell who the caller is, if anybody; anybody may ask."""
        doors = doors_of(request)
        caller = doors.caller(request)
        known = None if caller is None else _session(caller, doors, None if caller.role is None else doors.secret(request))
        return Ways(provider=None if settings.openid is None else settings.openid.name, session=known)

    @api.get("/session")
    def session(request: Request, caller: _Anybody) -> Session:
        """Tell who one is, and the token that every change in a session needs."""
        doors = doors_of(request)
        return _session(caller, doors, None if caller.role is None else doors.secret(request))

    @api.delete("/session", status_code=204)
    def log_out(request: Request, response: Response, caller: _Anybody) -> None:
        """End the session."""
        doors = doors_of(request)
        secret = doors.secret(request)
        if secret is not None:
            doors.accounts.log_out(secret)
            doors.note(request, caller.name, "logout")
        doors.take(response)

    @api.get("/people")
    def people(request: Request, _: Annotated[Caller, allowed(Right.ALERTS_READ)]) -> list[str]:
        """Name those whom an alert can be given to."""
        return [user.name for user in doors_of(request).accounts.people() if not user.disabled]

    @api.get("/audit")
    def audit(
        request: Request,
        _: Annotated[Caller, allowed(Right.AUDIT_READ)],
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    ) -> AuditPage:
        """Tell who did what, the newest first."""
        rows = [AuditRow(id=number, **act._asdict()) for number, act in doors_of(request).accounts.noted(limit, before)]
        return AuditPage(items=rows, next=rows[-1].id if len(rows) == limit else None)

    return api


def _session(caller: Caller, doors: Doors, secret: str | None) -> Session:
    return Session(
        name=caller.name,
        role=caller.role,
        rights=sorted(caller.rights),
        teams=None if caller.teams is None else sorted(caller.teams),
        csrf=None if secret is None else doors.csrf(secret),
    )
