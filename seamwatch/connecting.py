"""What a telephone system tells, into Kafka: `seamwatch produce --connect`."""

import asyncio
import json
import signal
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import click

from seamwatch.errors import Failed, WrongUse
from seamwatch.producing import Producing
from seamwatch.terminal import notice
from streams.connectors import Ami, Denied, Esl, Event, Foreign, listen

__all__ = ["Connection"]

_DIALECTS: dict[str, type[Ami] | type[Esl]] = {"ami": Ami, "esl": Esl}


class Connection:
    """A telephone system by its address, such as ``ami://USER@HOST:PORT``; the password stands in a file."""

    def __init__(self, url: str, password_file: Path) -> None:
        """Raises `WrongUse` where the address is none, or the file holds no password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise WrongUse("--connect: expected ami://USER@HOST:PORT or esl://HOST:PORT") from None
        if parts.password is not None:
            raise WrongUse("--connect: others see the password there; put it into a file and name it with --password-file")
        if parts.scheme not in _DIALECTS or not parts.hostname or parts.path.strip("/") or parts.query:
            raise WrongUse("--connect: expected ami://USER@HOST:PORT or esl://HOST:PORT")
        if parts.scheme == "ami" and not parts.username:
            raise WrongUse("--connect: the manager interface needs a user: ami://USER@HOST:PORT")
        try:
            password = password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUse(f"--password-file: {password_file} cannot be read") from error
        if not password or not password.isprintable():
            raise WrongUse(f"--password-file: {password_file} holds no password in one line")
        self.dialect = _DIALECTS[parts.scheme](parts.username or "", password)
        self._host = parts.hostname
        self._port = port or self.dialect.port

    def send(self, producing: Producing) -> None:
        """Send what is told there until SIGINT or SIGTERM.

        Raises `Failed` where the login is refused or Kafka does not confirm.
        """
        asyncio.run(self._send(producing))
        producing.finish()

    async def _send(self, producing: Producing) -> None:
        place = f"{self._host}:{self._port}"

        def take(event: Event) -> None:
            producing.send(place, BytesIO(json.dumps(event).encode()))
            if producing.failed:
                raise Failed(f"not confirmed, and lost: {', '.join(producing.failed)}")

        def tell(sentence: str) -> None:
            click.echo(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {sentence}", err=True)

        listening = asyncio.ensure_future(listen(self.dialect, self._host, self._port, take, tell))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, listening.cancel)
        notice(f"listening to {place}; Ctrl-C ends it")
        try:
            with suppress(asyncio.CancelledError):
                await listening
        except Denied:
            raise Failed(f"{place}: the login is refused: see the user and the password file") from None
        except Foreign as error:
            raise Failed(f"{place}: {error}") from None
