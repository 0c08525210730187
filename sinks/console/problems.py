"""Errors as problem documents (RFC 9457). None repeats anything of what was sent."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from models.alert import AlertChange
from sinks.errors import Conflict, DatabaseUnavailable

__all__ = ["PROBLEMS", "Problem", "Refusal", "answer", "install"]

_MEDIA = "application/problem+json"
_ECHOING = {
    "union_tag_invalid": "expected one of the known actions",
    "value_error": "not possible",
    "json_invalid": "expected JSON",
}
_log = logging.getLogger(__name__)


class Wrong(BaseModel):
    """One thing that is wrong with a request: where, and what was expected."""

    model_config = ConfigDict(extra="forbid")

    where: str
    expected: str


class Problem(BaseModel):
    """A problem document. ``code`` is for programs; ``first`` is, of a conflict, the change that came first."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[Wrong] = Field(default_factory=list)
    first: AlertChange | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "The request is refused.", "content": {_MEDIA: {}}},
    "5XX": {"model": Problem, "description": "Not now.", "content": {_MEDIA: {}}},
}
"""What every operation may answer besides."""


class Refusal(Exception):
    """A request that is refused, with what is told of it."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        first: AlertChange | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.first = first
        self.headers = dict(headers or {})


def answer(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Wrong] = (),
    first: AlertChange | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document."""
    title = HTTPStatus(status).phrase
    problem = Problem(title=title, status=status, detail=detail, code=code, errors=list(errors), first=first)
    content = problem.model_dump(mode="json", exclude_none=True)
    return JSONResponse(content, status, {"Cache-Control": "no-store", **(headers or {})}, _MEDIA)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(DatabaseUnavailable)(_unavailable)
    app.exception_handler(Conflict)(_unavailable)
    app.exception_handler(Exception)(_bug)


async def _refused(_: Request, error: Refusal) -> Response:
    return answer(error.status, error.code, str(error), first=error.first, headers=error.headers)


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    return answer(422, "invalid", "the request is not as the API describes it", errors=list(_wrong(error.errors())))


async def _http(_: Request, error: HTTPException) -> Response:
    code = HTTPStatus(error.status_code).name.lower()
    detail = {404: "there is nothing here", 405: "this cannot be done here"}.get(
        error.status_code, "the request could not be read"
    )
    return answer(error.status_code, code, detail, headers=error.headers)


async def _unavailable(_: Request, error: DatabaseUnavailable | Conflict) -> Response:
    _log.warning("not answered: %s", error)
    return answer(503, "unavailable", "the database cannot answer now: try again", headers={"Retry-After": "1"})


async def _bug(_: Request, error: Exception) -> Response:
    return answer(500, "bug", "the console failed: this is a bug, and its log tells more")


def _wrong(errors: Iterable[Mapping[str, Any]]) -> Iterable[Wrong]:
    for each in errors:
        where, kind = [str(part) for part in each["loc"]], each["type"]
        if kind == "extra_forbidden":  # a name that the sender made up
            yield Wrong(where=".".join(where[:-1]), expected="no other names")
        else:
            yield Wrong(where=".".join(where), expected=_ECHOING.get(kind, each["msg"]))
