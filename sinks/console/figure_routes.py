"""Figures over HTTP: scores, seams, rules, sources, dead letters, freshness, and what this installation offers."""

from datetime import date, timedelta
from http import HTTPStatus
from threading import Lock
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import StringConstraints
from sqlalchemy import Engine
from starlette.responses import HTMLResponse, JSONResponse, Response

from models.brief import Brief
from sinks.back_tests import kept_back_tests
from sinks.briefs import latest_brief
from sinks.console.callers import Caller, Right
from sinks.console.figure_queries import (
    corridor_of,
    dead_letter_counts,
    faces_of,
    freshness,
    history_of,
    insights_of,
    rule_figures,
    scores_of,
    seams_of,
    snarls_of,
    sources_of,
)
from sinks.console.gate import allowed
from sinks.console.problems import PROBLEMS, Refusal
from sinks.console.settings import ConsoleSettings
from sinks.console.shapes import (
    BackTest,
    Capabilities,
    CorridorMap,
    DeadLetters,
    Deliveries,
    DeliveryCount,
    DeliveryItem,
    Faces,
    Freshness,
    Insights,
    Language,
    RuleFacts,
    ScoreHistory,
    Scores,
    Seams,
    Snarls,
    SourceList,
    Version,
)
from sinks.delivery.store import DeliveryState, count_deliveries, list_deliveries
from sinks.insights import By, Weights, refresh
from sinks.portfolio import MixedCurrencies, Money, money_of
from sinks.report import Nothing

__all__ = ["figure_routes"]

_Text = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
_Score = Literal[
    "consistency", "handoff", "three_cs", "emotional", "communication", "purpose", "difference", "value", "expectation", "fusion"
]
_Scope = Literal["tenant", "brand", "channel", "team", "seam", "partner"]
_Days = Annotated[int, Query(ge=1, le=3660)]
_Reader = Annotated[Caller, allowed(Right.ALERTS_READ)]
_Engineer = Annotated[Caller, allowed(Right.SOURCES_READ)]
_Anybody = Annotated[Caller, allowed()]
_PAGES = {
    "alerts": True, "seams": True, "journeys": True, "teams": True, "rules": True, "sources": True, "wallboard": True,
    "history": True, "promises": True, "portfolio": True, "insights": True, "briefs": True, "audit": True,
}  # fmt: skip
"""What the API has data for."""
_LONGEST_REPORT = timedelta(days=366)
_REPORT_CSP = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Of a page that has its style in itself, and nothing that runs."""
_COUNT_EVERY = timedelta(seconds=30)


class _Counts:
    """Has findings counted by day when somebody asks, twice a minute at most and by one at a time: others are given what is there."""

    def __init__(self, engine: Engine, settings: ConsoleSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._counting = Lock()
        self._due = settings.now()

    def bring_up_to_date(self) -> None:
        """Count what was stored since the last time. Raises `DatabaseUnavailable`."""
        now = self._settings.now()
        if now >= self._due and self._counting.acquire(blocking=False):
            try:
                refresh(self._engine, now, weights=self._weights())
                self._due = now + _COUNT_EVERY
            finally:
                self._counting.release()

    def _weights(self) -> Weights:
        """Return what a finding weighs; where revenue is in currencies that nobody can compare, the value of customers is left out."""
        try:
            money = money_of(self._engine, self._settings.currency, self._settings.rates)
        except MixedCurrencies:
            money = Money(None, {})
        return Weights(self._settings.moments, money)


def figure_routes(engine: Engine, settings: ConsoleSettings) -> APIRouter:
    """Return the routes that show figures."""
    api = APIRouter(prefix="/api", responses=PROBLEMS, tags=["figures"])
    counts = _Counts(engine, settings)

    @api.get("/scores")
    def scores(
        caller: _Reader,
        score: _Score | None = None,
        scope: _Scope | None = None,
        tenant: _Text | None = None,
        half_life: Annotated[int | None, Query(ge=1, le=2**53, description="seconds")] = None,
    ) -> Scores:
        """Give the scores of entities as of now, the worst first."""
        return scores_of(
            engine,
            settings.decay,
            settings.now(),
            score=score,
            scope=scope,
            tenant=tenant,
            half_life=half_life,
            teams=caller.teams,
        )

    @api.get("/scores/history")
    def history(
        caller: _Reader,
        score: _Score,
        scope: _Scope,
        half_life: Annotated[int, Query(ge=1, le=2**53, description="seconds")],
        days: Annotated[int, Query(ge=1, le=90)] = 7,
    ) -> list[ScoreHistory]:
        """Give what scores were, hour by hour."""
        since = settings.now() - timedelta(days=days)
        return history_of(engine, score, scope, half_life, since, caller.teams)

    @api.get("/seams")
    def seams(caller: _Reader, tenant: _Text | None = None) -> Seams:
        """Give the seams with their open alerts, findings and scores."""
        return seams_of(
            engine, settings.decay, settings.now(), harm=settings.harm, tenant=tenant, teams=caller.teams
        )

    @api.get("/insights/snarls")
    def snarls(caller: _Reader, days: _Days = 30, tenant: _Text | None = None) -> Snarls:
        """Find the places where findings pile up, and certainly so; needs a worker of the role `insight`, which counts visits."""
        counts.bring_up_to_date()
        return snarls_of(engine, days, settings, tenant=tenant, teams=caller.teams)

    @api.get("/insights/corridor")
    def corridor(caller: _Reader, days: _Days = 30, tenant: _Text | None = None) -> CorridorMap:
        """Map which touchpoints follow which, and where it goes wrong; needs a worker of the role `insight`, which counts moves."""
        counts.bring_up_to_date()
        return corridor_of(engine, days, settings, tenant=tenant, teams=caller.teams)

    @api.get("/insights/teams")
    def faces(caller: _Reader, days: _Days = 30, tenant: _Text | None = None) -> Faces:
        """Compare each team's sales face with its service face; needs a worker of the role `insight`, which counts visits."""
        counts.bring_up_to_date()
        return faces_of(engine, days, settings, tenant=tenant, teams=caller.teams)

    @api.get("/insights/{by}")
    def insights(
        by: By, caller: _Reader, days: _Days = 30, tenant: _Text | None = None
    ) -> Insights:
        """Rank seams, silos, fields or detectors by the harm of their findings in the last days, today's included."""
        counts.bring_up_to_date()
        return insights_of(engine, by, days, settings, tenant=tenant, teams=caller.teams)

    @api.get("/journeys/{journey:path}/brief")
    def brief(caller: _Reader, journey: _Text, tenant: _Text | None = None) -> Brief:
        """Give the latest brief of a journey: what its next handler is not to ask again."""
        found = latest_brief(engine, journey, tenant=tenant, teams=caller.teams)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no-such-brief", "there is no brief of this journey")
        return found

    @api.get("/rules")
    def rules(_: _Reader) -> list[RuleFacts]:
        """Give the rules as they are configured, and what became of each."""
        return rule_figures(engine, settings.rules, settings.now())

    @api.get("/back-tests")
    def back_tests(caller: _Reader, limit: Annotated[int, Query(ge=1, le=50)] = 10) -> list[BackTest]:
        """Give the comparisons of rules that were kept, the latest first; with a scope of teams without what moved at which team and seam."""
        found = [BackTest.model_validate(each) for each in kept_back_tests(engine, limit)]
        return found if caller.teams is None else [each.model_copy(update={"teams": [], "seams": []}) for each in found]

    @api.get("/report", response_class=HTMLResponse, responses={200: {"content": {"text/html": {}}}})
    def report(
        caller: _Reader,
        first: Annotated[date, Query(alias="from", description="the first day, UTC")],
        last: Annotated[date, Query(alias="to", description="the last day, included")],
        tenant: _Text | None = None,
        lang: Language = "en",
    ) -> Response:
        """Give the report of a period as a page to read, send and print; for those who may see the alerts of all teams."""
        if caller.teams is not None:
            raise Refusal(HTTPStatus.FORBIDDEN, "all_teams", "the report is of all teams: ask somebody who may see them")
        if settings.report is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no-report", "this console makes no reports")
        if not timedelta() <= last - first <= _LONGEST_REPORT:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "period", "from is not after to, and a year before it at most")
        try:
            page = settings.report(first, last, tenant, lang)
        except Nothing as nothing:
            raise Refusal(HTTPStatus.NOT_FOUND, "nothing-to-report", str(nothing)) from None
        return HTMLResponse(page, headers={"Content-Security-Policy": _REPORT_CSP})

    @api.get("/sources")
    def sources(_: _Engineer) -> SourceList:
        """Give the sources, and how many of their records were refused."""
        return sources_of(engine, settings.sources, settings.topics_of_others, settings.now())

    @api.get("/dead-letters")
    def dead_letters(_: _Engineer, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> DeadLetters:
        """Count refused records by reason, and give the newest."""
        return dead_letter_counts(engine, settings.now(), limit)

    @api.get("/deliveries")
    def deliveries(
        _: _Engineer,
        receiver: _Text | None = None,
        state: DeliveryState | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Deliveries:
        """Count what receivers are told by receiver and state, and list what changed last, without what it tells."""
        chosen: dict[str, Any] = {"receivers": [receiver] if receiver else (), "states": [state] if state else ()}
        counts, newest = count_deliveries(engine, **chosen), list_deliveries(engine, **chosen, limit=limit)
        return Deliveries(
            counts=[DeliveryCount(receiver=each.receiver, state=each.state, count=each.number, oldest=each.oldest) for each in counts],
            newest=[DeliveryItem.model_validate(each, from_attributes=True) for each in newest],
            as_of=settings.now(),
        )

    @api.get("/freshness")
    def fresh(_: _Anybody) -> Freshness:
        """Tell how old what the database holds is."""
        return freshness(engine, settings.now())

    @api.get("/capabilities")
    def capabilities(caller: _Anybody) -> Capabilities:
        """Tell what this installation offers, and what the caller may do."""
        all_teams = caller.teams is None
        pages = _PAGES | {"portfolio": all_teams, "report": all_teams and settings.report is not None, "reveal": settings.reveal is not None}
        return Capabilities(version=settings.version, pages=pages, languages=["en", "de", "zh-Hans", "fa"], rights=sorted(caller.rights))

    @api.get("/version")
    def version(_: _Anybody) -> Version:
        """Name the build that answers."""
        return Version(version=settings.version)

    @api.get("/openapi.json", include_in_schema=False)
    def openapi(request: Request, _: _Anybody) -> Response:
        return JSONResponse(request.app.openapi())

    return api
