"""The topics: their names, how they are set up, and what is wrong with those that are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from streams.errors import TopicMismatch
from streams.settings import StreamSettings

__all__ = ["Deviation", "TopicAdmin", "TopicSpec", "Topics"]

_DAY = 24 * 60 * 60 * 1000
# Segments of a week, as Kafka makes them, would be deleted a week after their last record: the first one would live for two.
_RETENTION = {"cleanup.policy": "delete", "retention.ms": str(7 * _DAY), "segment.ms": str(_DAY)}
# Without a longest lag what was overwritten, or forgotten, may stay for ever where little is written.
_COMPACTED = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(_DAY), "max.compaction.lag.ms": str(7 * _DAY)}
_BROKER_TIME = {"message.timestamp.type": "LogAppendTime"}
_INPUT_BYTES = {"max.message.bytes": str(1024 * 1024 + 64 * 1024)}
_FATAL = frozenset({"cleanup.policy", "message.timestamp.type"})
"""Settings under which state would vanish, or clocks would follow those who write."""

_OF_OTHERS = "topic of others"
_SETTINGS = "settings"
_ADVICE = {
    _OF_OTHERS: "set SEAMWATCH_SOURCE_TOPICS__<SOURCE> to a topic that is there",
    "topic": "run `seamwatch topics create`",
    _SETTINGS: "give SEAMWATCH_KAFKA_USERNAME the right DescribeConfigs on the topics (config/kafka/acls.sh)",
    "partitions": "a prefix keeps its number of partitions: set SEAMWATCH_PARTITIONS to what all topics have, or begin anew with another SEAMWATCH_PREFIX",
} | dict.fromkeys(_FATAL, "set it as expected with kafka-configs.sh --alter")
"""What to do, by what a fatal deviation is about."""

_OUTPUT_BYTES = {"max.message.bytes": str(4 * 1024 * 1024)}
_READY_MS = 60_000
"""How long a busy broker may take until new topics have their leaders."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics under one prefix."""

    prefix: str

    def raw(self, source: str) -> str:
        """Return the topic that ``source`` writes to."""
        return f"{self.prefix}.raw.{source}"

    @property
    def touchpoints(self) -> str:
        """Return the topic of canonical touchpoints."""
        return f"{self.prefix}.touchpoints"

    @property
    def alerts(self) -> str:
        """Return the topic of findings."""
        return f"{self.prefix}.alerts"

    @property
    def tallies(self) -> str:
        """Return the topic of partial sums."""
        return f"{self.prefix}.tallies"

    @property
    def scores(self) -> str:
        """Return the topic of merged scores."""
        return f"{self.prefix}.scores"

    @property
    def briefs(self) -> str:
        """Return the topic of briefs."""
        return f"{self.prefix}.briefs"

    @property
    def invitations(self) -> str:
        """Return the topic of whom to ask how it went."""
        return f"{self.prefix}.invitations"

    @property
    def dead_letters(self) -> str:
        """Return the topic of refused records."""
        return f"{self.prefix}.dead-letters"

    @property
    def changelog(self) -> str:
        """Return the topic that state is rebuilt from."""
        return f"{self.prefix}.watch-changelog"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is to be: its partitions and the settings that matter."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that is not as it is to be. ``fatal``: records would be lost or misplaced."""

    topic: str
    setting: str
    expected: str
    found: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting}: expected {self.expected}, found {self.found}"


def _specs(settings: StreamSettings) -> list[TopicSpec]:
    names = Topics(settings.prefix)
    safe = {"min.insync.replicas": "2"} if settings.replication >= 3 else {}
    kinds: list[tuple[str, Mapping[str, str]]] = [
        *((names.raw(source), _RETENTION | _BROKER_TIME | _INPUT_BYTES) for source in settings.sources),
        (names.touchpoints, _RETENTION | _BROKER_TIME | _INPUT_BYTES),
        (names.alerts, _RETENTION | _OUTPUT_BYTES),
        (names.dead_letters, _RETENTION | _OUTPUT_BYTES),
        (names.briefs, _RETENTION | _OUTPUT_BYTES),
        (names.invitations, _RETENTION | _OUTPUT_BYTES),
        (names.changelog, _COMPACTED | _OUTPUT_BYTES),
        (names.tallies, _COMPACTED | _OUTPUT_BYTES),
        (names.scores, _COMPACTED | _OUTPUT_BYTES),
    ]
    return [TopicSpec(name, settings.partitions, settings.replication, dict(config) | safe) for name, config in kinds]


class TopicAdmin:
    """Create and check the topics of one prefix. Use as a context manager; every call blocks."""

    def __init__(self, settings: StreamSettings) -> None:
        self.specs = _specs(settings)
        self._settings = settings
        self._client: Any = None

    def __enter__(self) -> "TopicAdmin":
        self._client = KafkaAdminClient(
            bootstrap_servers=self._settings.bootstrap,
            client_id=f"{self._settings.client}-admin",
            bootstrap_timeout_ms=10_000,
            **self._settings.security,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def create(self) -> list[str]:
        """Create what is missing and leave the rest as it is; return the names of the new topics."""
        there = set(self._client.list_topics())
        missing = [spec for spec in self.specs if spec.name not in there]
        for spec in missing:
            wanted = {
                "num_partitions": spec.partitions,
                "replication_factor": spec.replication,
                "configs": dict(spec.settings),
            }
            try:
                self._client.create_topics({spec.name: wanted})
            except TopicAlreadyExistsError:
                continue  # another worker was faster
        if missing:
            self._client.wait_for_topics([spec.name for spec in missing], timeout_ms=_READY_MS)
        return [spec.name for spec in missing]

    def topic_id(self, name: str) -> str | None:
        """Return Kafka's id of a topic; None where the broker gives none."""
        [topic] = self._client.describe_topics([name])
        found: str | None = topic.get("topic_id")
        return found

    def check(self) -> list[Deviation]:
        """Return everything that is not as it is to be, by name; of the embedded broker only existence and partitions can be seen."""
        there = {topic["name"]: topic for topic in self._client.describe_topics()}
        found: list[Deviation] = []
        for spec in self.specs:
            topic = there.get(spec.name)
            if topic is None:
                found.append(Deviation(spec.name, "topic", "to exist", "none", fatal=True))
                continue
            partitions = topic["partitions"]
            if len(partitions) != spec.partitions:
                found.append(Deviation(spec.name, "partitions", str(spec.partitions), str(len(partitions)), fatal=True))
            replicas = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
            if replicas < spec.replication:
                found.append(Deviation(spec.name, "replication", str(spec.replication), str(replicas), fatal=False))
        missing = sorted({*self._settings.topics_of_others.values()} - there.keys())
        found += [Deviation(topic, _OF_OTHERS, "to exist", "none", fatal=True) for topic in missing]
        if self._settings.embedded:
            return found
        return found + self._setting_deviations([spec for spec in self.specs if spec.name in there])

    def _setting_deviations(self, specs: Sequence[TopicSpec]) -> list[Deviation]:
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, spec.name, dict.fromkeys(spec.settings)) for spec in specs
        ]
        described = self._client.describe_configs(resources, config_filter="all").get("topic", {})
        found: list[Deviation] = []
        for spec in specs:
            settings = described.get(spec.name)
            if not settings:  # a broker that does not let us see them tells none; the client does not say why
                found.append(Deviation(spec.name, _SETTINGS, "to be told", "none", fatal=True))
                continue
            for name, expected in spec.settings.items():
                value = settings.get(name, {}).get("value")
                if value is not None and value != expected:
                    found.append(Deviation(spec.name, name, expected, value, fatal=name in _FATAL))
        return found

    def require(self, *, create: bool = True) -> list[Deviation]:
        """Create what is missing (unless ``create`` is False), and return the deviations that a worker can live with.

        Raises `TopicMismatch`, naming every deviation that it cannot, and what to do.
        """
        if create:
            self.create()
        found = self.check()
        fatal = [deviation for deviation in found if deviation.fatal]
        if fatal:
            advice = dict.fromkeys(_ADVICE[deviation.setting] for deviation in fatal)
            raise TopicMismatch(f"{', '.join(map(str, fatal))}; {'; '.join(advice)}")
        return found
