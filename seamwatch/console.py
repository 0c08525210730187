"""The console with all that the rooms give it: words, rules, sources, the score's formula, this build's name."""

import hashlib
import logging
import signal
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, cast

import uvicorn
from kafka.errors import KafkaError
from sqlalchemy import Engine

from agents.rules import Language
from agents.wording import Told
from config.errors import ConfigError
from config.rules import load_rulebook
from config.settings import Settings
from config.wording import load_wording
from seamwatch import __version__
from seamwatch.broker import stream_settings, topics_of_others
from seamwatch.forgetting import keys_of, tell
from seamwatch.observing import portfolio_terms
from seamwatch.reporting import write_report
from seamwatch.revealing import moment_reader
from seamwatch.rule_facts import configured
from seamwatch.worker import decayed
from sinks.console import ConsoleSettings, create_console
from sinks.console.callers import Role
from sinks.console.connections import PromptConnection
from sinks.console.settings import OpenId, StreamUnavailable
from sinks.identity import is_known
from sinks.portfolio import Terms
from streams.sources.pseudonym import customer_pseudonym

__all__ = ["console_settings", "serve"]

_log = logging.getLogger(__name__)
_WEB = Path(__file__).parents[1] / "sinks" / "console" / "web" / "dist"


def console_settings(settings: Settings) -> ConsoleSettings:
    """Return what the console is told.

    Raises `ConfigError`.
    """
    rulebook = load_rulebook(settings.rules_dir)
    wording = load_wording(rulebook, settings.rules_dir)

    terms = portfolio_terms(settings, rulebook)
    stream_settings(settings, ())  # it tells Kafka who is to be forgotten: what is wrong with that is said at start, not when somebody is

    def report(first: date, last: date, tenant: str | None, language: str) -> str:
        return write_report(settings, first, last, tenant, cast(Language, language), datetime.now().astimezone())

    def words(finding: Mapping[str, Any], language: str) -> Told:
        return wording.words(finding, cast(Language, language))

    return ConsoleSettings(
        version=_build(),
        words=words,
        rules=[configured(rule, settings.rules_dir) for rule in rulebook.rules],
        sources=settings.sources.split(","),
        topics_of_others={topic: name for name, topic in topics_of_others(settings).items()},
        minutes=settings.handling_minutes,
        cost=settings.cost_per_minute,
        stored_as=_stored_as(settings),
        forget=_forgetting(settings),
        decay=decayed,
        report=report,
        reveal=moment_reader(settings) if settings.console_reveal else None,
        web=_WEB,
        url=settings.console_url,
        portfolio=Terms(terms.revenue, terms.satisfaction),
        harm=rulebook.engine.harm,
        prior=rulebook.engine.prior_opportunities,
        currency=settings.currency,
        rates=settings.rates,
        moments=rulebook.engine.moments,
        idle=timedelta(microseconds=settings.console_idle),
        session=timedelta(microseconds=settings.console_session),
        openid=_openid(settings),
    )


def serve(engine: Engine, settings: ConsoleSettings, host: str, port: int, proxies: str = "") -> None:
    """Serve until told to stop. Raises ``OSError`` where the address cannot be had."""
    console = create_console(engine, settings)
    with _listening(host, port) as listening:
        config = uvicorn.Config(
            console,
            http=PromptConnection,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies or None,
            timeout_graceful_shutdown=1,
        )
        _Server(config, console.state.feed.stop).run([listening])


class _Server(uvicorn.Server):
    """A server that ends its streams when it is told to stop: they would go on for as long as anybody listens."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, at once when Ctrl-C comes again. The signal is not raised again afterwards: who was told to stop, and did, has not failed."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._end_streams()
        await super().shutdown(sockets)


def _openid(settings: Settings) -> OpenId | None:
    if settings.console_openid_issuer is None:
        return None
    return OpenId(
        issuer=settings.console_openid_issuer,
        client=settings.console_openid_client,
        secret=settings.require_openid_secret(),
        name=settings.console_openid_name,
        roles={value: Role(role) for value, role in settings.console_openid_roles.items()},
        claim=settings.console_openid_claim,
        teams=settings.console_openid_teams,
        scope=settings.console_openid_scope,
    )


def _stored_as(settings: Settings) -> Callable[[str], list[str]]:
    if settings.customer_key is None:
        return lambda customer: [customer]
    key = settings.require_customer_key()
    return lambda customer: [customer, customer_pseudonym(key, customer)]


def _forgetting(settings: Settings) -> Callable[[Engine, str, str], tuple[int, bool]]:
    key = None if settings.customer_key is None else settings.require_customer_key()

    def forget(engine: Engine, tenant: str, customer: str) -> tuple[int, bool]:
        customers = keys_of(engine, tenant, customer, key)
        known = any(is_known(engine, tenant, each) for each in customers)
        try:
            if customers:
                tell(settings, tenant, customers, datetime.now(UTC))
        except (KafkaError, ConfigError) as error:
            _log.error("nobody could be forgotten: %s", error)
            raise StreamUnavailable from error
        return len(customers), known

    return forget


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(error.errno, f"the console's address {host}:{port}: {error.strerror}") from error


def _build() -> str:
    """Return the version with a digest of the front end: whoever has loaded another one is asked to load it again."""
    try:
        return f"{__version__}+{hashlib.sha256((_WEB / 'index.html').read_bytes()).hexdigest()[:12]}"
    except FileNotFoundError:
        return __version__
