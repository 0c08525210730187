"""Alertmanager's configuration, by its own tool: it is valid, and every alert finds those whom it concerns."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from config.receivers import load_receivers
from tests.support.alertmanager_server import ALERTMANAGER, newer, teams_receiver

FILE = ALERTMANAGER / "alertmanager.yml"


def amtool(*arguments: str, program: str | None = None) -> str:
    """Return what amtool prints."""
    ended = subprocess.run([program or shutil.which("amtool") or "amtool", *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.usefixtures("alertmanager")
def test_alertmanager_takes_the_configuration() -> None:
    """amtool finds nothing wrong with it, and finds the templates."""
    told = amtool("check-config", str(FILE))
    assert "SUCCESS" in told
    assert "1 templates" in told


@pytest.mark.usefixtures("alertmanager")
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("alertname=ping_pong customer=c tenant=t roles=specialist severity=warning", "specialist"),
        ("alertname=ping_pong customer=c tenant=t roles=specialist,team_lead severity=critical", "team_lead,specialist"),
        ("alertname=broken_promise customer=c roles=general_manager,specialist,team_lead", "general_manager,team_lead,specialist"),
        ("alertname=ping_pong customer=c roles=team_leader", "nobody"),
        ("alertname=ping_pong customer=c", "nobody"),
        ("alertname=SeamwatchDown severity=critical", "operations"),
        ("alertname=SeamwatchWatchdog severity=none", "watchdog"),
    ],
)
def test_every_alert_finds_whom_it_concerns(labels: str, receivers: str) -> None:
    """An alert goes to each of its roles, one of no role to nobody; Seamwatch's own go to those who run it."""
    amtool("config", "routes", "test", f"--config.file={FILE}", f"--verify.receivers={receivers}", *labels.split())


def test_roles_of_routes_are_roles_of_receivers() -> None:
    """Each role of the file of receivers has a route and a receiver of its name; the shipped file and that of the containers have the same roles."""
    shipped = yaml.safe_load(FILE.read_text())
    routed = re.findall(r"\?(\w+)\(", " ".join(matcher for route in shipped["route"]["routes"] for matcher in route["matchers"] if matcher.startswith("roles")))
    loaded = load_receivers(ALERTMANAGER / "receivers.yaml")
    assert set(routed) == loaded.roles.keys() == load_receivers().roles.keys()
    assert set(routed) <= {receiver["name"] for receiver in shipped["receivers"]}


def test_teams_is_written_for_a_newer_alertmanager(tmp_path: Path) -> None:
    """What is commented out for Microsoft Teams is YAML of a receiver, uses templates that there are, and is taken by a newer amtool where there is one."""
    text, teams = FILE.read_text(), teams_receiver()
    [config] = teams["msteamsv2_configs"]
    if (program := newer("amtool")) is not None:
        shipped = yaml.safe_load(text)
        shipped["receivers"] = [teams if each["name"] == teams["name"] else each for each in shipped["receivers"]]
        shipped["templates"] = [str(ALERTMANAGER / "templates" / "*.tmpl")]
        (tmp_path / "teams.yml").write_text(yaml.safe_dump(shipped))
        assert "SUCCESS" in amtool("check-config", str(tmp_path / "teams.yml"), program=program)
    defined = set(re.findall(r'define "([^"]+)"', (ALERTMANAGER / "templates" / "seamwatch.tmpl").read_text()))
    assert set(re.findall(r'template "([^"]+)"', config["title"] + config["text"])) <= defined
    assert set(re.findall(r'template "([^"]+)"', text)) <= defined
