"""A real Alertmanager with the shipped configuration, and a mail server that keeps what it is given."""

import json
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.support.server import Server, free_ports

__all__ = ["ALERTMANAGER", "NEWER", "AlertmanagerServer", "MailServer", "newer", "teams_receiver"]

ALERTMANAGER = Path(__file__).parents[2] / "config" / "alertmanager"


NEWER = "no Alertmanager that knows Teams: go install github.com/prometheus/alertmanager/cmd/{alertmanager,amtool}@v0.28.1"


def newer(name: str) -> str | None:
    """Return the path of a program of Alertmanager 0.28 or newer, where `go install` has put one; Debian 12 has 0.25."""
    return shutil.which(name, path=os.environ.get("GOBIN", str(Path.home() / "go" / "bin")))


def teams_receiver() -> Any:
    """Return the receiver for Microsoft Teams that is commented out in the shipped configuration."""
    text = (ALERTMANAGER / "alertmanager.yml").read_text()
    [receiver] = yaml.safe_load("\n".join(line.removeprefix("#") for line in text[text.index("# Microsoft Teams") :].splitlines()[1:]))
    return receiver


class AlertmanagerServer(Server):
    """Runs the shipped configuration with mail and Slack on this machine, and with waits of a second.

    ``teams`` is a program that is new enough to tell Teams, which stands at Slack's place then.
    """

    name = "Alertmanager"

    def __init__(self, mail: int, slack: str, *, teams: str | None = None, **route: str) -> None:
        super().__init__()
        self._program = teams or shutil.which("alertmanager") or shutil.which("prometheus-alertmanager") or "alertmanager"
        self.directory = Path(tempfile.mkdtemp(prefix="seamwatch-alertmanager-"))
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        shipped = yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text())
        shipped["global"] = {"smtp_smarthost": f"127.0.0.1:{mail}", "smtp_from": shipped["global"]["smtp_from"], "smtp_require_tls": False}
        shipped["templates"] = [str(ALERTMANAGER / "templates" / "*.tmpl")]
        (self.directory / "slack").write_text(slack)
        if teams is not None:
            shipped["receivers"] = [teams_receiver() if each["name"] == "specialist" else each for each in shipped["receivers"]]
        for receiver in shipped["receivers"]:
            for each in receiver.get("slack_configs", ()):
                each["api_url_file"] = str(self.directory / "slack")
            for each in receiver.get("msteamsv2_configs", ()):
                each["webhook_url_file"] = str(self.directory / "slack")
            for each in receiver.get("webhook_configs", ()):
                each["url"] = f"{slack}/watchdog"
        waits = {"group_wait": "200ms", "group_interval": "1s", "repeat_interval": "1h"} | route
        for each in (shipped["route"], *shipped["route"]["routes"]):
            each.update(waits)
        (self.directory / "alertmanager.yml").write_text(yaml.safe_dump(shipped))

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [
            self._program,
            f"--config.file={self.directory / 'alertmanager.yml'}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]

    def ready(self) -> bool:
        """Tell whether it takes alerts."""
        try:
            self.get("/-/ready")
        except OSError:
            return False
        return True

    def get(self, path: str) -> str:
        """Return what it answers. Raises ``OSError`` where it does not, or with an error."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def alerts(self) -> dict[str, str]:
        """Return the alerts that it holds: state by key, ``suppressed`` where another one inhibits it."""
        return {each["labels"]["alert"]: each["status"]["state"] for each in json.loads(self.get("/api/v2/alerts"))}


class MailServer:
    """Takes mail on a free port of this machine, by aiosmtpd."""

    def __init__(self) -> None:
        self.mail: list[EmailMessage] = []
        (self.port,) = free_ports(1)
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Keep a mail."""
        self.mail.append(message_from_bytes(cast(bytes, envelope.content), policy=policy.default))
        return "250 OK"

    def __enter__(self) -> "MailServer":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
