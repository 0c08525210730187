"""Alerts over HTTP: lists, one, acting on them."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import StringConstraints
from sqlalchemy import Engine
from starlette.responses import Response, StreamingResponse

from models.alert import Alert, Change, Resolve
from sinks.console.alert_queries import Desk
from sinks.console.callers import Caller, Right
from sinks.console.exports import alerts_csv
from sinks.console.gate import allowed, doors_of
from sinks.console.problems import PROBLEMS, Refusal
from sinks.console.settings import ConsoleSettings
from sinks.console.shapes import (
    AlertDetail,
    AlertFilter,
    AlertPage,
    AlertQuery,
    Bulk,
    BulkReport,
    Facets,
    GroupQuery,
    Groups,
    Journeys,
    Language,
    RefusedKey,
    Words,
)
from sinks.lifecycle import Refusal as Why
from sinks.transitions import Refused, transition_all

__all__ = ["alert_routes"]

_Text = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
_Reader = Annotated[Caller, allowed(Right.ALERTS_READ)]
_Actor = Annotated[Caller, allowed(Right.ALERTS_WRITE)]
_Exporter = Annotated[Caller, allowed(Right.ALERTS_EXPORT)]
_NO_ALERT = "there is no such alert"
_STATUS = {
    Why.NO_SUCH_ALERT: HTTPStatus.NOT_FOUND,
    Why.NOT_LATER: HTTPStatus.UNPROCESSABLE_ENTITY,
    Why.NOTE_MISSING: HTTPStatus.UNPROCESSABLE_ENTITY,
    Why.NOT_THE_ORIGINAL: HTTPStatus.UNPROCESSABLE_ENTITY,
    Why.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Of refused changes; all others clash with what somebody, or the stream, did before."""


def alert_routes(engine: Engine, settings: ConsoleSettings) -> APIRouter:
    """Return the routes that show and change alerts."""
    api = APIRouter(prefix="/api", responses=PROBLEMS, tags=["alerts"])
    rules: Mapping[str, Mapping[str, Any]] = {rule["name"]: rule for rule in settings.rules}

    def desk(caller: Caller) -> Desk:
        return Desk(engine, caller.name, caller.teams, settings.now())

    @api.get("/alerts")
    def alerts(caller: _Reader, wanted: Annotated[AlertQuery, Query()]) -> AlertPage:
        """List alerts, those with the newest finding first."""
        return desk(caller).page(wanted)

    @api.get("/alerts.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
    def export(request: Request, caller: _Exporter, wanted: Annotated[AlertFilter, Query()]) -> Response:
        """Give all alerts of a filter as CSV."""
        doors_of(request).note(request, caller.name, "export", "alerts")
        items = desk(caller).every(wanted)
        headers = {"Content-Disposition": 'attachment; filename="alerts.csv"'}
        return StreamingResponse(alerts_csv(items), media_type="text/csv; charset=utf-8", headers=headers)

    @api.get("/alerts/{key}")
    def alert(key: _Text, caller: _Reader, lang: Language = "en") -> AlertDetail:
        """Show an alert, what it rests on, what was done about it, and the story of its journey."""
        shown = desk(caller).show(key, _teller(settings, lang), rules)
        if shown is None:
            raise Refusal(HTTPStatus.NOT_FOUND, Why.NO_SUCH_ALERT.value, _NO_ALERT)
        return shown

    @api.post("/alerts/{key}/transitions")
    def change_one(request: Request, key: _Text, change: Change, caller: _Actor) -> Alert:
        """Change an alert; with `version` only if it is still at that one."""
        report = _change(engine, desk(caller), [key], change, caller, settings)
        _note(request, caller, change, report)
        for refused in report.refused:
            status = _STATUS.get(Why(refused.code), HTTPStatus.CONFLICT)
            raise Refusal(status, refused.code, refused.detail, first=refused.first)
        return report.done[0]

    @api.post("/alerts/transitions")
    def change_many(request: Request, bulk: Bulk, caller: _Actor) -> BulkReport:
        """Change many alerts, each by itself; the answer tells which were not changed, and why."""
        report = _change(engine, desk(caller), bulk.keys, bulk.change, caller, settings)
        _note(request, caller, bulk.change, report)
        return report

    @api.get("/facets")
    def facets(caller: _Reader, wanted: Annotated[AlertFilter, Query()]) -> Facets:
        """Count alerts by what they can be filtered by."""
        return desk(caller).facets(wanted)

    @api.get("/groups")
    def groups(caller: _Reader, wanted: Annotated[GroupQuery, Query()]) -> Groups:
        """Put alerts together by customer, seam or detector."""
        return desk(caller).groups(wanted)

    @api.get("/journeys")
    def journeys(
        request: Request, caller: _Reader, customer: _Text, tenant: _Text | None = None, lang: Language = "en"
    ) -> Journeys:
        """Show a customer's journeys of which something was found; the customer's id, or its pseudonym."""
        doors_of(request).note(
            request, caller.name, "lookup", "journeys"
        )  # of whom would be a customer's name in the audit
        return desk(caller).journeys(settings.stored_as(customer), tenant, _teller(settings, lang))

    return api


def _teller(settings: ConsoleSettings, language: Language) -> Callable[[Mapping[str, Any]], Words]:
    def tell(body: Mapping[str, Any]) -> Words:
        told = settings.words(body, language)
        return Words(language=told.language, what=told.what, why=told.why, first=told.first)

    return tell


def _change(
    engine: Engine, desk: Desk, keys: list[str], change: Change, caller: Caller, settings: ConsoleSettings
) -> BulkReport:
    """Change alerts by their whole keys; those that the caller may not see are not there."""
    wanted = list(dict.fromkeys(keys))
    seen = desk.visible([*wanted, change.of] if isinstance(change, Resolve) and change.of else wanted)
    gone = [
        RefusedKey(key=key, code=Why.NO_SUCH_ALERT.value, detail=_NO_ALERT, first=None)
        for key in wanted
        if key not in seen
    ]
    if isinstance(change, Resolve) and change.of is not None and change.of not in seen:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY, Why.NOT_THE_ORIGINAL.value, "there is no such alert to be a duplicate of"
        )
    report = transition_all(engine, [key for key in wanted if key in seen], change, caller.name, settings.now)
    return BulkReport(done=report.done, refused=gone + [_told(refused) for refused in report.refused])


def _note(request: Request, caller: Caller, change: Change, report: BulkReport) -> None:
    """Write down whose change of what came through; what an alert became is in its own audit."""
    keys = [alert.key for alert in report.done]
    detail = f"{len(keys)} done, {len(report.refused)} refused"
    doors_of(request).note(request, caller.name, change.action, ", ".join(keys[:10]) or None, detail)


def _told(refused: Refused) -> RefusedKey:
    return RefusedKey(key=refused.key, code=refused.refusal.value, detail=str(refused), first=refused.first)
