"""The console as one application: its doors, its API, its pages."""

from fastapi import FastAPI
from sqlalchemy import Engine

from sinks.console.accounts import Accounts
from sinks.console.alert_routes import alert_routes
from sinks.console.customer_routes import customer_routes
from sinks.console.doors import Doors
from sinks.console.figure_routes import figure_routes
from sinks.console.pages import BodyLimit, Headers, serve_pages
from sinks.console.portfolio_routes import portfolio_routes
from sinks.console.problems import install
from sinks.console.promise_routes import promise_routes
from sinks.console.reveal_routes import reveal_routes
from sinks.console.session_routes import session_routes
from sinks.console.settings import ConsoleSettings
from sinks.console.stream import Feed, stream_routes

__all__ = ["create_console"]


def create_console(engine: Engine, settings: ConsoleSettings) -> FastAPI:
    """Return the console over a database of `sinks.database.create_engine`, whose tables are up to date."""
    app = FastAPI(title="Seamwatch", version=settings.version, openapi_url=None, docs_url=None, redoc_url=None)
    install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Headers)
    accounts = Accounts(engine, idle=settings.idle, lasts=settings.session)
    app.state.doors = Doors(accounts, settings.now, settings.url)
    app.include_router(session_routes(settings))
    if settings.openid is not None:
        from sinks.console.openid_routes import openid_routes

        app.include_router(openid_routes(settings.openid))
    app.include_router(alert_routes(engine, settings))
    app.include_router(figure_routes(engine, settings))
    app.include_router(portfolio_routes(engine, settings))
    if settings.forget is not None:
        app.include_router(customer_routes(engine, settings.forget))
    app.include_router(promise_routes(engine, settings))
    if settings.reveal is not None:
        app.include_router(reveal_routes(engine, settings, settings.reveal))
    app.state.feed = Feed(engine, settings)
    app.include_router(stream_routes(app.state.feed))
    serve_pages(app, settings.web)
    return app
