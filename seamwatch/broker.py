"""The settings of an installation, as the streams and their tools need them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from config.errors import ConfigError, did_you_mean
from config.settings import Settings
from seamwatch.errors import Failed
from streams.settings import StreamSettings
from streams.sources import source_names

__all__ = ["mapped_sources", "reachable", "stream_settings", "topics_of_others"]

_STOP = 8.0
"""Seconds to finish what is running: the whole of a stop stays below ten."""


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


def stream_settings(settings: Settings, sources: Iterable[str]) -> StreamSettings:
    """Return what the streams are told; ``sources`` are those whose raw topics are read."""
    return StreamSettings(
        bootstrap=settings.broker,
        prefix=settings.prefix,
        instance=settings.instance_id,
        sources=(names := tuple(sources)),
        topics_of_others={name: topic for name, topic in topics_of_others(settings).items() if name in names},
        partitions=settings.partitions,
        replication=settings.replication,
        stop_timeout=_STOP,
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
        raise Failed(f"no broker answers at {settings.broker}: start Kafka, or set SEAMWATCH_BROKER") from error
