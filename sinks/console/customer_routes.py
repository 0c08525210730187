"""A customer's right to be forgotten, over HTTP."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from sqlalchemy import Engine

from sinks.console.callers import Caller, Right
from sinks.console.gate import allowed, doors_of
from sinks.console.problems import PROBLEMS, Refusal
from sinks.console.settings import StreamUnavailable
from sinks.console.shapes import Forget, Forgetting

__all__ = ["customer_routes"]


def customer_routes(engine: Engine, forget: Callable[[Engine, str, str], tuple[int, bool]]) -> APIRouter:
    """Return the routes by which customers are forgotten; ``forget`` as of `ConsoleSettings`."""
    api = APIRouter(prefix="/api/customers", responses=PROBLEMS, tags=["customers"])

    @api.post("/forget", status_code=202)
    def forget_customer(request: Request, wanted: Forget, caller: Annotated[Caller, allowed(Right.CUSTOMERS_FORGET)]) -> Forgetting:
        """Have a customer forgotten for good, under all keys. The stream is told when this answers; state and database follow as workers read it."""
        try:
            keys, known = forget(engine, wanted.tenant, wanted.customer)
        except StreamUnavailable:
            headers = {"Retry-After": "5"}
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "stream_unavailable", "Kafka cannot be told now: try again", headers=headers) from None
        if not keys:
            why = "an address or a number that a person is reached at is nobody's key here: give the id that the source or the database has"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "raw_identifier", why)
        doors_of(request).note(request, caller.name, "forget", detail=f"keys: {keys}")  # of whom would be a customer's name in the audit
        return Forgetting(keys=keys, known=known)

    return api
