"""The role `ingest`: which doors are open, and the server behind them with its connection to Kafka."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.settings import Settings
from seamwatch.broker import mapped_sources
from streams.ingest import Appender, DoorObserver, Ingest, OpenDoor, checker
from streams.ingest.rules import Rule
from streams.settings import StreamSettings
from streams.sources import load_source
from streams.topics import Topics

if TYPE_CHECKING:
    from streams.tracing import Tracing

__all__ = ["OUTCOMES", "TakingIn", "open_doors"]

OUTCOMES = ("accepted", Rule.UNSIGNED.value, Rule.STALE.value, Rule.WRONG_SIGNATURE.value, Rule.PRESSURE.value, Rule.UNCONFIRMED.value)
"""What becomes of requests at a door, as far as alerts ask for it."""

_DISCONNECT = 2.0

_log = logging.getLogger(__name__)


def open_doors(settings: Settings) -> dict[str, OpenDoor]:
    """Return the doors of the sources that are read, by source: those whose mapping has one and that have a secret.

    Raises `ConfigError` where there is none at all, or a secret is not usable.
    """
    names, doors, closed = Topics(settings.prefix), {}, []
    for name in mapped_sources(settings):
        door = load_source(name, b"door", settings.sources_dir).mapping.door  # type: ignore[attr-defined]
        if door is None:
            continue
        variable = f"SEAMWATCH_INGEST_SECRETS__{name.replace('-', '_').upper()}"
        secrets = settings.door_secrets(name)
        if not secrets:
            closed.append(variable)
            continue
        try:
            check = checker(door, secrets, settings.ingest_url)
        except ValueError as error:
            raise ConfigError(f"{variable}: {error}") from error
        doors[name] = OpenDoor(names.raw(name), check, door.rate, door.limit)
    if not doors:
        missing = f"set {' or '.join(closed)}" if closed else "name a source with a door in SEAMWATCH_SOURCES"
        raise ConfigError(f"no door is open: {missing} (docs/sources.md)")
    for variable in closed:
        _log.warning("%s is not set: this door stays closed", variable)
    return doors


class TakingIn:
    """The server and its producer, from `start` to `stop`."""

    def __init__(
        self,
        settings: Settings,
        streams: StreamSettings,
        doors: Mapping[str, OpenDoor],
        observer: DoorObserver,
        tracing: "Tracing | None" = None,
    ) -> None:
        host, port = settings.listen()
        self._doors = doors
        self._appender = Appender(streams)
        self._server = Ingest(
            doors, self._appender.append, observer, host=host, port=port, memory=settings.ingest_memory, tracing=tracing
        )

    async def start(self) -> None:
        """Connect, then listen. Raises ``OSError`` where the port is taken."""
        await self._appender.start()
        await self._server.start()
        _log.info("records are taken in at http://%s:%d/in/ for %s", *self._server.address, ", ".join(self._doors))

    async def stop(self) -> None:
        """Answer what is under way, and disconnect; a broker that is gone is not waited for."""
        await self._server.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._appender.stop(), _DISCONNECT)
