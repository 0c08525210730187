"""Coming in by an OpenID Connect provider, over HTTP."""

import logging
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from pydantic import StringConstraints
from starlette.responses import RedirectResponse, Response

from sinks.console.accounts import Wrong
from sinks.console.gate import doors_of
from sinks.console.openid import NotLetIn, Pending, Provider
from sinks.console.problems import PROBLEMS
from sinks.console.settings import OpenId

__all__ = ["openid_routes"]

_Text = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]
_BACK = "/api/session/openid/back"
_REFUSED = "/login?refused=provider"
_log = logging.getLogger(__name__)


def openid_routes(settings: OpenId) -> APIRouter:
    """Return the routes of a provider. Whoever is not let in is sent to the door, which says so; why is in the log alone."""
    api = APIRouter(prefix="/api/session/openid", responses=PROBLEMS, tags=["sessions"])
    provider = Provider(settings)

    @api.get("", response_class=Response, status_code=303)
    def begin(request: Request, then: Annotated[_Text, Query(alias="next")] = "/alerts") -> Response:
        """Send the browser to the provider."""
        doors = doors_of(request)
        doors.set_out(request)
        own = then if then.startswith("/") and not then.startswith(("//", "/\\")) else "/alerts"
        try:
            address, pending = provider.begin(doors.address(request) + _BACK, own)
        except NotLetIn as refusal:
            _log.warning("nobody comes in by OpenID Connect: %s", refusal)
            return RedirectResponse(_REFUSED, 303)
        answer = RedirectResponse(address, 303)
        doors.hand(answer, pending.text())
        return answer

    @api.get("/back", response_class=Response, status_code=303)
    def back(request: Request, state: _Text = "", code: _Text = "") -> Response:
        """Begin a session for whom the provider sends back."""
        doors = doors_of(request)
        try:
            pending = Pending.read(doors.handed(request))
            person = provider.finish(doors.address(request) + _BACK, pending, state, code)
            secret = doors.arrive(request, person)
        except (NotLetIn, Wrong) as refusal:
            _log.warning("not let in by OpenID Connect: %s", refusal)
            doors.note(request, "", "failed_openid")
            answer: Response = RedirectResponse(_REFUSED, 303)
        else:
            # A page that the browser loads by itself brings the cookie even where cookies are not sent from other sites.
            answer = RedirectResponse(quote(pending.then, safe="/?&=%:>.,+-_~"), 303)
            doors.give(answer, secret)
        doors.hand(answer, None)
        return answer

    return api
