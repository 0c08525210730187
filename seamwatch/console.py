"""The console with all that the rooms give it: words, rules, sources, the score's formula, this build's name."""

import getpass
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import uvicorn
from sqlalchemy import Engine

from agents.rules import Language, Rule
from agents.wording import Told
from config.rules import load_rulebook, load_settings_of
from config.settings import Settings
from config.wording import load_wording
from seamwatch import __version__
from seamwatch.rule_facts import setting_facts
from seamwatch.worker import decayed
from sinks.console import ConsoleSettings, create_console
from sinks.console.callers import RIGHTS, Caller, Role

__all__ = ["console_settings", "serve"]

_WEB = Path(__file__).parents[1] / "sinks" / "console" / "web" / "dist"


def console_settings(settings: Settings) -> ConsoleSettings:
    """Return what the console is told.

    Raises `ConfigError`.
    """
    rulebook = load_rulebook(settings.rules_dir)
    wording = load_wording(rulebook, settings.rules_dir)

    def words(finding: Mapping[str, Any], language: str) -> Told:
        return wording.words(finding, cast(Language, language))

    def facts(rule: Rule) -> dict[str, Any]:
        return {
            "name": rule.name,
            "detector": rule.detector,
            "version": rule.version,
            "mode": rule.mode,
            "severity": rule.severity,
            "silos": list(rule.silos),
            "settings": [setting_facts(each, rule) for each in load_settings_of(rule, settings.rules_dir, ())],
        }

    return ConsoleSettings(
        version=_build(),
        words=words,
        rules=[facts(rule) for rule in rulebook.rules],
        sources=settings.sources.split(","),
        decay=decayed,
        web=_WEB,
        # Until there are accounts: who runs it on their own machine, nobody from elsewhere.
        caller=None
        if settings.console_host != "127.0.0.1"
        else Caller(getpass.getuser(), RIGHTS[Role.ADMIN], Role.ADMIN),
    )


def serve(engine: Engine, settings: ConsoleSettings, host: str, port: int) -> None:
    """Serve until told to stop. Raises ``OSError`` where the address cannot be had."""
    app = create_console(engine, settings)
    config = uvicorn.Config(
        app,
        host,
        port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    with config.bind_socket() as listening:
        uvicorn.Server(config).run([listening])


def _build() -> str:
    """Return the version with a digest of the front end: whoever has loaded another one is asked to load it again."""
    try:
        return f"{__version__}+{hashlib.sha256((_WEB / 'index.html').read_bytes()).hexdigest()[:12]}"
    except FileNotFoundError:
        return __version__
