"""Who is told: data with file and line, and which alerts they are told of."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.receivers import load_receivers
from models.alert import Alert, AlertState
from models.finding import Seam

NOW = datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
HEAD = "roles:\n  lead: {severity: [critical]}\nreceivers:\n"


def alert(severity: str = "critical", detector: str = "repeated_request", tenant: str = "acme", ends: tuple[str, str] | None = ("team:a", "team:b")) -> Alert:
    """Return an open alert."""
    seam = None if ends is None else Seam(from_=ends[0], to=ends[1])
    return Alert.model_validate({
        "key": "A", "tenant": tenant, "detector": detector, "customer": "c-1", "seam": seam, "state": AlertState.OPEN, "resolution": None, "severity": severity,
        "first_seen": NOW, "last_seen": NOW, "occurrences": 1, "assignee": None, "version": 1, "updated": NOW,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("receiver", "where", "sentence"),
    [
        ("{name: A b, kind: webhook, url: 'https://x.example'}", "receivers[0].name", "pattern"),
        ("{name: a, kind: pager, url: 'https://x.example'}", "receivers[0].kind", "expected 'alertmanager', 'webhook' or 'brief'"),
        ("{name: a, kind: webhook}", "receivers[0].url", "missing"),
        ("{name: a, kind: webhook, url: ftp://x.example}", "receivers[0]", "expected https://HOST/PATH"),
        ("{name: a, kind: webhook, url: 'https://ada:secret@x.example'}", "receivers[0]", "a secret does not stand in the address"),
        ("{name: a, kind: webhook, url: 'http://x.example'}", "receivers[0]", "http is for this machine"),
        ("{name: a, kind: webhook, url: 'https://x.example', only: {sevrity: [info]}}", "receivers[0].only.sevrity", "did you mean severity?"),
        ("{name: a, kind: webhook, url: 'https://x.example', only: {detector: [ping_pon]}}", "receivers[0].only.detector", "did you mean ping_pong"),
        ("{name: a, kind: webhook, url: 'https://x.example', only: {role: [led]}}", "receivers[0].only.role", "led is no role of this file"),
        ("{name: a, kind: brief, url: 'https://x.example', only: {severity: [info]}}", "receivers[0]", "by tenant and team alone"),
        ("{name: a, kind: alertmanager, url: 'https://x.example', resend: 10m}", "receivers[0]", "at most half of resolve_timeout"),
        ("{name: a, kind: webhook, url: 'https://x.example', timeout: 5h}", "receivers[0].timeout", "less than or equal to 60000000"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(receiver: str, where: str, sentence: str, tmp_path: Path) -> None:
    """A wrong receiver is refused with file, line and key, and with what was expected."""
    path = tmp_path / "receivers.yaml"
    path.write_text(f"{HEAD}  - {receiver}\n")
    with pytest.raises(ConfigError) as refused:
        load_receivers(path)
    assert f"receivers.yaml:4: {where}" in str(refused.value)
    assert sentence in str(refused.value)
    assert "secret@" not in str(refused.value)


def test_two_receivers_need_two_names(tmp_path: Path) -> None:
    """The second of one name is refused where it stands: their deliveries could not be told apart."""
    path = tmp_path / "receivers.yaml"
    path.write_text(HEAD + "  - {name: a, kind: brief, url: 'https://x.example'}\n" * 2)
    with pytest.raises(ConfigError, match=r"receivers.yaml:5: receivers\[1\].name: a: the first receiver has this name, too"):
        load_receivers(path)


@pytest.mark.parametrize(
    ("only", "found", "told"),
    [
        ("{}", alert(), True),
        ("{severity: [critical], tenant: [acme]}", alert(), True),
        ("{severity: [critical], tenant: [other]}", alert(), False),
        ("{team: [b, z]}", alert(), True),
        ("{team: [z]}", alert(), False),
        ("{team: [voice]}", alert(ends=("channel:voice", "channel:chat")), False),
        ("{team: [a]}", alert(ends=None), False),
        ("{seam: [a>b]}", alert(), True),
        ("{seam: [b>a]}", alert(), False),
        ("{detector: [ping_pong]}", alert(), False),
        ("{role: [lead]}", alert(), True),
        ("{role: [lead]}", alert("warning"), False),
    ],
)
def test_a_receiver_is_told_of_what_fits_every_key(only: str, found: Alert, told: bool, tmp_path: Path) -> None:
    """One value of each key has to fit: severity, detector, tenant, team at either end, seam with its direction, role of the alert."""
    path = tmp_path / "receivers.yaml"
    path.write_text(f"{HEAD}  - {{name: a, kind: webhook, url: 'http://127.0.0.1:1/x', only: {only}}}\n")
    loaded = load_receivers(path)
    assert loaded.receivers[0].takes(found, loaded.concerned(found)) is told


def test_the_shipped_file_names_roles_and_nobody() -> None:
    """Nothing is sent anywhere until somebody says so, and a critical alert of each kind concerns somebody."""
    shipped = load_receivers()
    assert shipped.receivers == ()
    assert shipped.concerned(alert()) == {"specialist", "team_lead"}
    assert shipped.concerned(alert(detector="broken_promise")) == {"specialist", "team_lead", "general_manager"}
    assert shipped.concerned(alert("info")) == frozenset()
