"""Promises over HTTP: what is pending, approaching, overdue, and what became of the rest."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy import Engine

from sinks.console.callers import Caller, Right
from sinks.console.gate import allowed, doors_of
from sinks.console.problems import PROBLEMS
from sinks.console.settings import ConsoleSettings
from sinks.console.shapes import PromiseItem, PromiseQuery, Promises
from sinks.promises import Asked, standing_promises

__all__ = ["promise_routes"]

_Reader = Annotated[Caller, allowed(Right.ALERTS_READ)]


def promise_routes(engine: Engine, settings: ConsoleSettings) -> APIRouter:
    """Return the route of promises."""
    api = APIRouter(prefix="/api", responses=PROBLEMS, tags=["figures"])

    @api.get("/promises")
    def promises(request: Request, caller: _Reader, wanted: Annotated[PromiseQuery, Query()]) -> Promises:
        """List promises: approaching are those due within four hours; needs a worker of the role `insight`, which hears of promises."""
        customers = None
        if wanted.customer is not None:
            doors_of(request).note(request, caller.name, "lookup", "promises")  # of whom would be a customer's name in the audit
            customers = settings.stored_as(wanted.customer)
        teams = caller.teams
        if wanted.team:
            teams = frozenset(wanted.team) if teams is None else teams.intersection(wanted.team)
        now = settings.now()
        found = standing_promises(engine, Asked(wanted.state, customers, teams, wanted.tenant), now, wanted.limit)
        items = [PromiseItem.model_validate(each, from_attributes=True) for each in found.items]
        return Promises(items=items, counts=found.counts, as_of=now)

    return api
