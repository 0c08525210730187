"""Whom a route lets in."""

from http import HTTPStatus
from typing import Any

from fastapi import Depends, Request

from sinks.console.callers import Caller, Right
from sinks.console.problems import Refusal

__all__ = ["allowed"]


def allowed(right: Right | None = None) -> Any:
    """Return what a route depends on to know its caller, who has this right. Raises `Refusal`."""

    def caller(request: Request) -> Caller:
        found: Caller | None = request.app.state.caller
        if found is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", "log in first, or send a token")
        if right is not None and right not in found.rights:
            raise Refusal(HTTPStatus.FORBIDDEN, "forbidden", f"this needs the right {right.value}")
        return found

    return Depends(caller)
