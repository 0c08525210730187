"""Settings from the environment (``SEAMWATCH_...``) and from ``.env``; the environment wins."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_serializer,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from agents.rules import Duration
from config.errors import ConfigError

__all__ = ["Secret", "Settings", "load_settings", "misspelt"]

_PREFIX = "SEAMWATCH_"
_SHORTEST_KEY = 16
_FILE = "file:"
_BY_NAME = {"SOURCE_TOPICS": "SOURCE", "INGEST_SECRETS": "SOURCE", "DELIVER_SECRETS": "RECEIVER"}
_HINT = """(python3 -c "import secrets; print(secrets.token_hex(32))" makes some)"""
_BROKER = re.compile(r"(?:kafka://)?(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{1,5}))?")
_DATABASE = re.compile(r"(?P<scheme>sqlite|postgres(?:ql)?(?:\+psycopg)?)://(?P<rest>.*)", re.DOTALL)
_PATTERNS = {
    "console_url": "expected https://HOST or https://HOST:PORT, without a path",
    "ingest_listen": "expected HOST:PORT, such as 127.0.0.1:8464",
    "currency": "expected the three letters of a currency, such as EUR",
    "tracing_url": "expected http://HOST:PORT/PATH or https://HOST/PATH, such as http://127.0.0.1:4318/v1/traces",
    "region": "expected the two letters of a country, such as DE",
}
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^:/@]*):.*(?=@)", re.DOTALL)


class Secret(SecretStr):
    """A text that prints as ``***``."""

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "***"


def _from_file(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(_FILE):
        return value
    path = Path(value.removeprefix(_FILE))
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read") from error


def _key(value: Any) -> Any:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str) and len(text.encode()) < _SHORTEST_KEY:
        raise ValueError(f"is too short; expected at least {_SHORTEST_KEY} secret bytes {_HINT}")
    return value


def _bootstrap(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    servers = []
    for part in value.split(","):
        match = _BROKER.fullmatch(part.strip())
        port = int(match["port"] or 9092) if match else 0
        if match is None or not 0 < port < 65536:
            raise ValueError("expected host:port or kafka://host:port, several with commas between them")
        servers.append(f"{match['host']}:{port}")
    return ",".join(servers)


def _port(value: str) -> str:
    if int(value.rpartition(":")[2]) > 65535:
        raise ValueError("expected a port of at most 65535")
    return value


def _database(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DATABASE.fullmatch(value)
    if match is None:
        raise ValueError("expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return value if match["scheme"] == "sqlite" else f"postgresql+psycopg://{match['rest']}"


Key = Annotated[Secret, BeforeValidator(_key), BeforeValidator(_from_file)]
Password = Annotated[Secret, BeforeValidator(_from_file)]
"""A secret, or ``file:`` with the path of a file that holds it."""


class Settings(BaseSettings):
    """What an installation sets. Durations are in microseconds, written as 90s or 24h."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        env_nested_delimiter="__",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    broker: Annotated[str, BeforeValidator(_bootstrap)] = "127.0.0.1:9092"
    """Kafka's addresses, host:port with commas between them."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How the broker is spoken to, as Kafka names it: with TLS (SSL), with a name and password (SASL), or both."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How name and password are proved, with SASL."""
    kafka_username: str | None = None
    """The name, with SASL."""
    kafka_password: Password | None = None
    """The password, with SASL."""
    kafka_ca_file: Path | None = None
    """Certificates of those who vouch for the broker's (PEM); without it those that the system trusts."""
    kafka_certificate_file: Path | None = None
    """The program's own certificate (PEM), where the broker asks for one."""
    kafka_certificate_key_file: Path | None = None
    """The key of that certificate (PEM, without a password); without it the certificate's file holds it, too."""
    database: Annotated[str, BeforeValidator(_database), BeforeValidator(_from_file)] = "sqlite:///seamwatch.db"
    """Its address, or ``file:`` with the path of a file that holds it."""
    hash_key: Key | None = None
    """Key of the fingerprints of what customers tell."""
    previous_hash_key: Key | None = None
    """The hash key before this one: while it is set, what customers tell is hashed under both."""
    customer_key: Key | None = None
    """Key of the pseudonyms of customers from mapped sources; a new key would make every customer a new one."""
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = "seamwatch"
    """How the names of all topics begin."""
    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    """Partitions of a topic: fixed for the life of a prefix."""
    replication: Annotated[int, Field(ge=1, le=7)] = 1
    """Copies of a topic: 3 in production."""
    log_format: Literal["console", "json"] = "console"
    """Lines for people, or one JSON object a line, of workers and the console."""
    pulse_every: Duration | None = None
    """How often a pulse goes through the whole pipe, from the touchpoints to the database, and is measured; unset: never."""
    tracing_url: Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9._/-]*$")] | None = None
    """Where a collector takes OpenTelemetry's traces by HTTP (OTLP); unset: nothing is traced."""
    tracing_share: Annotated[float, Field(ge=0, le=1)] = 0.001
    """The share of records that are traced, 0 to 1, besides those that come with a `traceparent` that asks for it."""
    tracing_token: Password | None = None
    """What the collector is shown (a bearer token), or ``file:`` with the path of a file that holds it."""
    metrics_host: str = "127.0.0.1"
    """Where metrics and health are served; on 127.0.0.1 no other machine reaches them."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """The port of metrics and health; 0: any that is free."""
    findings_measured: bool = True
    """Whether findings say what was held against a threshold (``measured``); false while workers of before 0.1 store findings, who know no such key."""
    rules_dir: Path | None = None
    """Rules of one's own, in place of the shipped ones."""
    fields_dir: Path | None = None
    """Fields of one's own, in place of the shipped ones."""
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """Where phone numbers without country code and dates in digits are read (two letters), for fields that name none."""
    read_messages: bool = True
    """Whether what messages say becomes touchpoints: fields asked for, told and read back."""
    intents_file: Path | None = None
    """What customers say they want, instead of the shipped intents."""
    sources_dir: Path | None = None
    """Mappings of one's own, beside the shipped ones and before those of the same name."""
    sources: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*(,[a-z0-9][a-z0-9_-]*)*$")] = "bpic2013"
    """The sources whose raw topics are read, with commas between them."""
    source_topics: dict[str, Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]] = Field(
        default_factory=dict
    )
    """By source: a topic of others, whose records are read for it beside its own raw topic: ``SEAMWATCH_SOURCE_TOPICS__GENESYS=vendor.events``."""
    ingest_listen: Annotated[
        str, StringConstraints(pattern=r"^([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$"), AfterValidator(_port)
    ] = "127.0.0.1:8464"
    """Where the role `ingest` takes records by HTTP. Without TLS: what stands before it brings that."""
    ingest_url: str | None = None
    """How vendors know that place, up to /in/: Twilio signs it."""
    ingest_memory: Annotated[int, Field(ge=2 * 1024 * 1024)] = 64 * 1024 * 1024
    """Bytes of bodies that are read and written at once."""
    ingest_secrets: dict[str, Secret] = Field(default_factory=dict)
    """By source: the secret of its door, or several with spaces between them, or ``file:`` with the path of a file that holds them."""
    instance_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,200}$")] | None = None
    """A name of this worker that survives restarts; other workers have other names."""
    alert_expiry: Duration = "24h"  # type: ignore[assignment]
    """How long an alert stays open without a new finding."""
    handling_minutes: Mapping[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    """What a finding costs in handling time, by detector, as JSON: {"repeated_request": 0.7}."""
    cost_per_minute: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """What a minute of handling time costs, in a currency of your own."""
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    """The currency of revenue that names none, and of all sums (three letters, such as EUR); without it all revenue has to be in one."""
    rates: Mapping[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}
    """What one unit of another currency is in that one, as JSON: {"USD": 0.92}."""
    invitations_file: Path | None = None
    """Rules of one's own for whom to ask how it went, in place of the shipped ones."""
    receivers_file: Path | None = None
    """Who is told of alerts and briefs by the role `deliver`, in place of the shipped file, which names nobody."""
    deliver_secrets: dict[str, Secret] = Field(default_factory=dict)
    """By receiver: its secret, or several with spaces between them, or ``file:`` with the path of a file that holds them."""
    console_host: str = "127.0.0.1"
    """Where the console listens."""
    console_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port of the console; 0: any that is free."""
    console_url: Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+/?$")] | None = None
    """Where people reach the console, behind a proxy or by https; there its cookie goes over https alone."""
    console_proxies: str = ""
    """Addresses of proxies whose word for where a request came from is taken, with commas between them."""
    console_idle: Duration = "12h"  # type: ignore[assignment]
    """How long a session lasts that nobody uses; an open page uses it."""
    console_session: Duration = "7d"  # type: ignore[assignment]
    """How long any session lasts."""
    console_reveal: bool = False
    """Whether the console reads from Kafka what a customer said at one moment, for those who may and give a reason."""

    console_openid_issuer: Annotated[str, StringConstraints(pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/])")] | None = None
    """An OpenID Connect provider by which people come into the console; with it the five that follow."""
    console_openid_client: str = "seamwatch"
    """The console's name at that provider."""
    console_openid_secret: Password | None = None
    """The console's secret there."""
    console_openid_name: str = "OpenID Connect"
    """How people call the provider."""
    console_openid_claim: str = "roles"
    """The claim that holds what somebody is; dots lead into objects: realm_access.roles."""
    console_openid_roles: Mapping[str, Literal["viewer", "operator", "lead", "admin"]] = {}
    """By value of that claim the role in the console, as JSON: {"call-centre-lead": "lead"}. Who has none is not let in."""
    console_openid_teams: str | None = None
    """The claim with the teams whose alerts somebody sees; unset: those of all teams."""
    console_openid_scope: str = "openid profile email"
    """What is asked of the provider, for those that tell roles under a scope of its own."""

    def require_openid_secret(self) -> str:
        """Return the console's secret at the provider.

        Raises :class:`ConfigError` where it is not set.
        """
        if self.console_openid_secret is None:
            raise ConfigError(f"{_PREFIX}CONSOLE_OPENID_SECRET is not set, and {_PREFIX}CONSOLE_OPENID_ISSUER is")
        return self.console_openid_secret.get_secret_value()

    def require_hash_key(self) -> bytes:
        """Return the hash key's bytes.

        Raises :class:`ConfigError` where it is not set.
        """
        return _require(self.hash_key, "HASH_KEY")

    def previous_key(self) -> bytes | None:
        """Return the bytes of the hash key before this one, while there is one."""
        return None if self.previous_hash_key is None else _require(self.previous_hash_key, "PREVIOUS_HASH_KEY")

    def require_customer_key(self) -> bytes:
        """Return the customer key's bytes.

        Raises :class:`ConfigError` where it is not set.
        """
        return _require(self.customer_key, "CUSTOMER_KEY")

    def door_secrets(self, source: str) -> list[str]:
        """Return the secrets of a source's door, none where there are none.

        Raises :class:`ConfigError` where their file cannot be read.
        """
        return self._secrets("INGEST_SECRETS", source)

    def receiver_secrets(self, receiver: str) -> list[str]:
        """Return the secrets of a receiver, none where there are none.

        Raises :class:`ConfigError` where their file cannot be read.
        """
        return self._secrets("DELIVER_SECRETS", receiver)

    def _secrets(self, table: str, row: str) -> list[str]:
        name = row.replace("-", "_")
        given = getattr(self, table.lower()).get(name)
        try:
            text = "" if given is None else _from_file(given.get_secret_value())
        except ValueError as error:
            raise ConfigError(f"{_PREFIX}{table}__{name.upper()}: {error}") from error
        secrets: list[str] = text.split()
        if any(len(secret.encode()) < _SHORTEST_KEY for secret in secrets):
            raise ConfigError(f"{_PREFIX}{table}__{name.upper()}: is too short; expected at least {_SHORTEST_KEY} secret bytes")
        return secrets

    def listen(self) -> tuple[str, int]:
        """Return host and port of the role `ingest`."""
        host, _, port = self.ingest_listen.rpartition(":")
        return host.strip("[]"), int(port)

    def shown(self) -> Mapping[str, str]:
        """Return every setting as text that may be printed and logged."""
        return {name: str(value) for name, value in self.__repr_args__() if name}

    @field_serializer("database")
    def _without_password(self, database: str) -> str:
        return _PASSWORD.sub(r"\g<user>:***", database)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, self._without_password(value) if name == "database" else value


def load_settings(**given: Any) -> Settings:
    """Read the settings; what is ``given`` by name wins over the environment.

    Raises :class:`ConfigError` with one sentence for each wrong setting, none of which repeats a value.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(error))) from None
    except SettingsError as error:  # of those that are tables
        name = next(name for name in Settings.model_fields if f'"{name}"' in str(error)).upper()
        row = _BY_NAME.get(name)
        expected = "a JSON object" if row is None else f"one variable a {row.lower()}, {_PREFIX}{name}__{row}"
        raise ConfigError(f"{_PREFIX}{name}: expected {expected}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(".env: is not UTF-8") from error


def misspelt(environment: Iterable[str]) -> list[str]:
    """Return a sentence for each variable that is nearly a setting; what else begins like one is left alone."""
    known = [name.upper() for name in Settings.model_fields]
    names = sorted(name.removeprefix(_PREFIX) for name in environment if name.startswith(_PREFIX))
    tables = {name: name.partition("__")[0] for name in names}
    nearest = {
        name: difflib.get_close_matches(tables[name], known, n=1, cutoff=0.8)
        for name in names
        if tables[name] not in known
    }
    return [
        f"{_PREFIX}{name} is no setting; did you mean {_PREFIX}{near[0]}?" for name, near in nearest.items() if near
    ]


def _require(key: Secret | None, name: str) -> bytes:
    if key is None:
        raise ConfigError(
            f"{_PREFIX}{name} is not set; set it to at least {_SHORTEST_KEY} secret bytes and keep it {_HINT}"
        )
    return key.get_secret_value().encode()


def _sentences(error: ValidationError) -> Iterator[str]:
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        message = each["msg"]
        if each["type"] == "value_error":
            message = message.partition(", ")[2]
        if each["type"] == "string_pattern_mismatch":
            message = _PATTERNS.get(str(each["loc"][0]), "expected letters, digits, dots, dashes and underscores")
        yield f"{_PREFIX}{str(each['loc'][0]).upper()}: {message.replace('Input should be', 'expected', 1)}"
