"""Load who is told of alerts and briefs, from ``receivers.yaml`` or a file of one's own."""

import ipaddress
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from agents.detectors import DETECTORS
from agents.rules import Duration
from config.errors import did_you_mean
from config.yaml_lines import Location, read_yaml, validate
from models.alert import Alert
from models.brief import Brief
from models.finding import Seam, Severity

__all__ = ["Chosen", "Receiver", "Receivers", "load_receivers", "seam_name"]

_SHIPPED = Path(__file__).parent / "receivers.yaml"
_LONGEST_TIMEOUT = 60_000_000

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
_SeamName = Annotated[str, StringConstraints(pattern=r"^[^>]+>[^>]+$")]
_Span = Annotated[Duration, Field(gt=0)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Chosen(_Data):
    """Which alerts: of each key that names any, one value has to fit. ``team`` is at either end of the seam, ``seam`` is written billing>tech."""

    severity: frozenset[Severity] = frozenset()
    detector: frozenset[str] = frozenset()
    team: frozenset[str] = frozenset()
    seam: frozenset[_SeamName] = frozenset()
    tenant: frozenset[str] = frozenset()

    def takes(self, alert: Alert) -> bool:
        """Return whether an alert is one of these."""
        ends = () if alert.seam is None else (alert.seam.from_, alert.seam.to)
        teams = {end.removeprefix("team:") for end in ends if end.startswith("team:")}
        return (
            _fits(self.severity, {alert.severity})
            and _fits(self.detector, {alert.detector})
            and _fits(self.tenant, {alert.tenant})
            and _fits(self.team, teams)
            and _fits(self.seam, {seam_name(alert.seam)})
        )


class Only(Chosen):
    """Which alerts or briefs a receiver is told of; without any key all."""

    role: frozenset[str] = frozenset()


class Receiver(_Data):
    """One place that is told, and how patiently. ``rate`` is requests a second."""

    name: Name
    kind: Literal["alertmanager", "webhook", "brief"]
    url: str
    plaintext: bool = False
    """Whether http is right although the address is not of this machine."""
    only: Only = Only()
    timeout: Annotated[Duration, Field(gt=0, le=_LONGEST_TIMEOUT)] = "10s"  # type: ignore[assignment]
    """How long a request may take, from connecting to the end of the answer's head."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    rate: Annotated[float, Field(gt=0, le=10_000)] = 20.0
    first_wait: _Span = "1s"  # type: ignore[assignment]
    """Before the second try; it doubles with each, and a random part of it is waited."""
    longest_wait: _Span = "5m"  # type: ignore[assignment]
    give_up: _Span = "3d"  # type: ignore[assignment]
    """After so long what never arrived is dead, until somebody replays it."""
    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    """So many tries in a row that fail open the circuit."""
    open_for: _Span = "30s"  # type: ignore[assignment]
    """How long nothing is sent then, before one try tells whether it closes."""
    resend: _Span = "1m"  # type: ignore[assignment]
    """How often Alertmanager is told of all alerts that are open."""
    resolve_timeout: _Span = "15m"  # type: ignore[assignment]
    """When Alertmanager takes an alert for over of which it has heard no more."""

    @model_validator(mode="after")
    def _consistent(self) -> "Receiver":
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
            raise ValueError("url: expected https://HOST/PATH")
        if parts.username or parts.password:
            raise ValueError("url: a secret does not stand in the address: set SEAMWATCH_DELIVER_SECRETS__NAME")
        if parts.scheme == "http" and not (self.plaintext or _loopback(parts.hostname)):
            raise ValueError("url: expected https; http is for this machine, or with `plaintext: true` for a network that is yours")
        if self.resend * 2 > self.resolve_timeout:
            raise ValueError("resend: expected at most half of resolve_timeout, or one lost request ends alerts")
        if self.kind == "brief" and self.only.model_fields_set - {"tenant", "team"}:
            raise ValueError("only: a brief is chosen by tenant and team alone")
        return self

    def takes(self, alert: Alert, roles: frozenset[str]) -> bool:
        """Return whether this receiver is told of an alert that concerns ``roles``."""
        return self.only.takes(alert) and _fits(self.only.role, roles)

    def takes_brief(self, brief: Brief) -> bool:
        """Return whether this receiver is given a brief."""
        return _fits(self.only.tenant, {brief.tenant}) and _fits(self.only.team, {brief.to_team})


class Receivers(_Data):
    """Whom alerts concern, and who is told."""

    roles: Mapping[Name, Chosen] = Field(default_factory=dict)
    receivers: tuple[Receiver, ...] = ()

    def concerned(self, alert: Alert) -> frozenset[str]:
        """Return the roles that an alert concerns."""
        return frozenset(role for role, chosen in self.roles.items() if chosen.takes(alert))


def load_receivers(file: Path | None = None) -> Receivers:
    """Return roles and receivers. Raises `ConfigError` with file, line and key, and what was expected."""
    document = read_yaml(file or _SHIPPED)
    loaded = validate(Receivers, document)
    seen: dict[str, int] = {}
    for index, receiver in enumerate(loaded.receivers):
        place = ("receivers", index)
        if receiver.name in seen:
            raise document.error((*place, "name"), f"{receiver.name}: the {_nth(seen[receiver.name])} receiver has this name, too")
        seen[receiver.name] = index
        for role in sorted(receiver.only.role - loaded.roles.keys()):
            raise document.error((*place, "only", "role"), f"{role} is no role of this file{did_you_mean(role, loaded.roles)}")
    chosen: list[tuple[Location, Chosen]] = [(("roles", name), each) for name, each in loaded.roles.items()]
    chosen += [(("receivers", index, "only"), each.only) for index, each in enumerate(loaded.receivers)]
    for where, each in chosen:
        for detector in sorted(each.detector - DETECTORS.keys()):
            raise document.error((*where, "detector"), f"{detector} is no detector{did_you_mean(detector, DETECTORS)}")
    return loaded


def seam_name(seam: Seam | None) -> str:
    """Return a seam as scores name it, without saying whether teams or channels meet; empty where there is none."""
    return "" if seam is None else f"{seam.from_.partition(':')[2]}>{seam.to.partition(':')[2]}"


def _fits(wanted: AbstractSet[str], found: Iterable[str | None]) -> bool:
    return not wanted or not wanted.isdisjoint(found)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _nth(index: int) -> str:
    return {0: "first", 1: "second", 2: "third"}.get(index, f"{index + 1}th")
