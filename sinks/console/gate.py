"""Whom a route lets in."""

from http import HTTPStatus
from typing import Any

from fastapi import Depends, Request

from sinks.console.callers import Caller, Right
from sinks.console.doors import Doors
from sinks.console.problems import Refusal

__all__ = ["allowed", "doors_of"]


def doors_of(request: Request) -> Doors:
    """Return the console's doors."""
    doors: Doors = request.app.state.doors
    return doors


def allowed(right: Right | None = None) -> Any:
    """Return what a route depends on to know its caller, who has this right. Raises `Refusal`."""

    def caller(request: Request) -> Caller:
        found = doors_of(request).caller(request)
        if found is None:
            headers = {"WWW-Authenticate": "Bearer"}
            raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", "log in first, or send a token", headers=headers)
        if right is not None and right not in found.rights:
            raise Refusal(HTTPStatus.FORBIDDEN, "forbidden", f"this needs the right {right.value}")
        return found

    return Depends(caller)
