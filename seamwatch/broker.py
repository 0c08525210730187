"""The settings of an installation, as the streams and their tools need them."""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from time import sleep, time
from typing import TYPE_CHECKING, Any

from config.errors import ConfigError, did_you_mean
from config.settings import Settings
from seamwatch.errors import Failed
from streams.settings import StreamSettings
from streams.sources import source_names

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer

__all__ = ["connection", "mapped_sources", "members_of", "reachable", "reading", "security", "stream_settings", "topics_of_others"]

_STOP = 8.0
"""Seconds to finish what is running: the whole of a stop stays below ten."""
_GROUPS = 5.0
_PAUSE = 0.3


def mapped_sources(settings: Settings) -> list[str]:
    """Return the sources whose raw topics are read.

    Raises `ConfigError` where one of them has no mapping.
    """
    wanted, known = list(dict.fromkeys(settings.sources.split(","))), source_names(settings.sources_dir)[1:]
    for name in wanted:
        if name not in known:
            raise ConfigError(f"SEAMWATCH_SOURCES: no source is called {name}{did_you_mean(name, known)}")
    return wanted


def topics_of_others(settings: Settings) -> dict[str, str]:
    """Return the topics of others that are read, by source.

    Raises `ConfigError` where one is for a source that is not read, is read for two, or is one of our own.
    """
    if not settings.source_topics:
        return {}
    names = {name.replace("-", "_"): name for name in mapped_sources(settings)}
    topics: dict[str, str] = {}
    for key, topic in settings.source_topics.items():
        variable = f"SEAMWATCH_SOURCE_TOPICS__{key.upper()}"
        if key not in names:
            raise ConfigError(f"{variable}: SEAMWATCH_SOURCES does not name this source")
        if topic in topics.values() or topic.startswith(f"{settings.prefix}."):
            raise ConfigError(f"{variable}: expected a topic of others, which is read for one source")
        topics[names[key]] = topic
    return topics


def security(settings: Settings) -> dict[str, Any]:
    """Return how the broker is spoken to, in the names that aiokafka and kafka-python share.

    Raises `ConfigError` where a name or password is missing, a certificate cannot be used, or what is set would be ignored.
    """
    protocol = settings.kafka_security_protocol
    given: dict[str, Any] = {"security_protocol": protocol}
    files = {name: getattr(settings, name) for name in ("kafka_ca_file", "kafka_certificate_file", "kafka_certificate_key_file")}
    names = {"kafka_username": settings.kafka_username, "kafka_password": settings.kafka_password}
    if protocol.endswith("SSL"):
        given["ssl_context"] = _tls(settings)
    elif ignored := [name for name, value in files.items() if value is not None]:
        raise ConfigError(f"SEAMWATCH_{ignored[0].upper()}: SEAMWATCH_KAFKA_SECURITY_PROTOCOL is {protocol}; expected SSL or SASL_SSL")
    if protocol.startswith("SASL"):
        for name, value in names.items():
            if value is None:
                raise ConfigError(f"SEAMWATCH_{name.upper()} is not set, and SEAMWATCH_KAFKA_SECURITY_PROTOCOL is {protocol}")
        given["sasl_mechanism"] = settings.kafka_sasl_mechanism
        given["sasl_plain_username"] = settings.kafka_username
        given["sasl_plain_password"] = settings.kafka_password.get_secret_value() if settings.kafka_password else None
    elif ignored := [name for name, value in names.items() if value is not None]:
        raise ConfigError(f"SEAMWATCH_{ignored[0].upper()}: SEAMWATCH_KAFKA_SECURITY_PROTOCOL is {protocol}; expected SASL_SSL or SASL_PLAINTEXT")
    return given


def _tls(settings: Settings) -> ssl.SSLContext:
    """Return what checks the broker's certificate and its name, and shows our own certificate where there is one."""
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    except OSError as error:
        raise ConfigError(f"SEAMWATCH_KAFKA_CA_FILE: {settings.kafka_ca_file}: expected certificates (PEM): {error.strerror or error}") from error
    if settings.kafka_certificate_file is not None:
        try:  # an empty password, so that nobody is asked for one
            context.load_cert_chain(settings.kafka_certificate_file, settings.kafka_certificate_key_file, password="")
        except OSError as error:
            raise ConfigError(
                f"SEAMWATCH_KAFKA_CERTIFICATE_FILE: {settings.kafka_certificate_file}: expected a certificate and its key (PEM, without a password): "
                f"{error.strerror or error}"
            ) from error
    return context


def connection(settings: Settings) -> dict[str, Any]:
    """Return what every client of kafka-python is given: where the broker is, and how it is spoken to. Raises `ConfigError`."""
    return {"bootstrap_servers": settings.broker, **security(settings)}


@contextmanager
def reading(how: Mapping[str, Any], client: str, patience: int, group: str | None = None, **others: Any) -> Iterator["KafkaConsumer"]:
    """Lend a consumer that disturbs nobody: it joins no group, commits nothing by itself and makes no topic.

    ``how`` is what `connection` returns, ``patience`` the milliseconds to wait for a broker, ``group`` whose offsets are asked for, ``others`` what
    kafka-python's consumer is given besides.
    """
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        **how,
        client_id=client,
        group_id=group,
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        bootstrap_timeout_ms=patience,
        **others,
    )
    with closing(consumer):
        yield consumer


def members_of(admin: "KafkaAdminClient", group: str) -> int:
    """Return how many are in a group. A new broker first makes the topic of groups, and has no answer before: after five seconds its error is raised."""
    from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError

    until = time() + _GROUPS
    while True:
        try:
            return len(admin.describe_groups([group])[group]["members"])
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError):
            if time() > until:
                raise
            sleep(_PAUSE)


def stream_settings(settings: Settings, sources: Iterable[str]) -> StreamSettings:
    """Return what the streams are told; ``sources`` are those whose raw topics are read. Raises `ConfigError`."""
    return StreamSettings(
        bootstrap=settings.broker,
        prefix=settings.prefix,
        instance=settings.instance_id,
        sources=(names := tuple(sources)),
        topics_of_others={name: topic for name, topic in topics_of_others(settings).items() if name in names},
        partitions=settings.partitions,
        replication=settings.replication,
        stop_timeout=_STOP,
        security=security(settings),
    )


@contextmanager
def reachable(settings: Settings) -> Iterator[None]:
    """Say in one sentence that no broker answers.

    Raises `Failed`.
    """
    from kafka.errors import KafkaConnectionError, KafkaTimeoutError

    try:
        yield
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        secured = "" if settings.kafka_security_protocol == "PLAINTEXT" else "; or it takes neither name nor certificate: see SEAMWATCH_KAFKA_*"
        raise Failed(f"no broker answers at {settings.broker}: start Kafka, or set SEAMWATCH_BROKER{secured}") from error
