"""What is wrong with an installation: each check asks one thing and says what it found and how to mend it. Nothing is written, and no secret is told.

What is asked of servers is a function that returns facts; what is made of them is a function of those facts.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from config.errors import ConfigError
from config.receivers import Receiver, load_receivers
from config.settings import Secret, Settings, misspelt
from seamwatch.broker import connection, mapped_sources, members_of, reading, stream_settings
from seamwatch.database import opened
from seamwatch.errors import Failed, WrongUse
from seamwatch.source_health import answers, raw_topics
from sinks.delivery.store import DeliveryState, Tally, count_deliveries, receivers_held
from sinks.errors import DatabaseUnavailable, SchemaOutdated, UnsupportedDatabase, database_errors
from sinks.progress import progress
from streams.ingest import checker
from streams.pauses import Pauses
from streams.sources import load_source
from streams.topics import Deviation, TopicAdmin, Topics

__all__ = [
    "Check", "State", "Waiting", "clock", "deliver", "deliveries", "diagnose", "doors", "insight", "keys", "paused", "pulse", "receivers", "rules", "topics",
    "unreachable", "waiting", "writable",
]  # fmt: skip

_DRIFT = 5.0
"""Seconds by which a clock may differ from ours. A touchpoint five minutes ahead of the broker is refused."""
_LATE = 60.0
"""Seconds after which a record that waits is no longer one on its way."""
_PATIENCE = 5_000
_UNDELIVERED = timedelta(minutes=5)
"""After which a receiver fails, as the alert SeamwatchReceiverFails has it."""
_RECENTLY = timedelta(days=1)
_FEWEST = 8
"""Different bytes in a key that nobody can guess."""
_PUBLIC = ("0123456789", "abcdef", "changeme", "example", "password", "secret", "seamwatch", "fedcba9876")
"""What keys of examples, tests and demonstrations are made of."""
_NO_KEY = Secret("nothing is hashed with it")
"""Stands in for keys, so that all else can be checked without them."""
_STORES = text("SELECT CASE current_user WHEN 'seamwatch_doctor' THEN 'seamwatch_worker' ELSE current_user END")
"""Whose rights to the tables are asked about: of the doctor's own role the workers', of any other its own, for it does everything."""
_RIGHTS = "give SEAMWATCH_DATABASE a user with the rights of config/postgres/roles.sql (`seamwatch db upgrade --grants`, as the owner), on the primary server"
_KEYS = 'python3 -c "import secrets; print(secrets.token_hex(32))" makes one'


class State(StrEnum):
    """How a check ended. ``unknown``: what it asks was not there to be asked, which another check says."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Check(NamedTuple):
    """What was asked, what was found, and how to mend it."""

    check: str
    state: State
    found: str
    mend: str = ""


class Waiting(NamedTuple):
    """Of a topic: how many records the group has not handled, and whether one of them came more than a minute ago."""

    records: int
    late: bool


@dataclass(frozen=True)
class _Flow:
    """What the broker tells: brokers, deviations, members of the group, records that wait, pauses, and by how many seconds a record that the broker
    stamped is ahead of us; of the roles insight and deliver their groups' members, and what waits for them (None: it has never worked).

    A broker whose clock is behind ours cannot be told from one to which nobody writes: ``ahead`` is never negative.
    """

    brokers: int
    deviations: Sequence[Deviation]
    members: int
    waiting: Mapping[str, Waiting]
    ahead: float
    paused: Mapping[str, str]
    insight: Waiting | None
    insight_members: int
    deliver: Waiting | None
    deliver_members: int


def diagnose(settings: Settings) -> list[Check]:
    """Ask everything, and return a check for each thing that can be wrong."""
    spelling = misspelt(os.environ)
    found = [
        _check("settings", spelling, "read", "correct the name, or take the variable away"),
        rules(settings),
        keys(settings),
        doors(settings),
        receivers(settings),
    ]
    names, flow, told = Topics(settings.prefix), None, _receivers(settings)
    try:
        raw = [topic for read in raw_topics(settings, mapped_sources(settings)).values() for topic in read]
        if answers(settings.broker):
            flow = _flow(settings, raw)
        else:
            found.append(unreachable(settings.broker, None))
    except ConfigError as error:
        found.append(Check("broker", State.WRONG, str(error), "correct the setting"))
    except KafkaError as error:
        found.append(unreachable(settings.broker, error))
    if flow is None:
        found += [Check(name, State.UNKNOWN, "no broker to ask") for name in ("topics", "clock of the broker", "paused", "lag", "sinks", "insight", "deliver")]
    else:
        stored = {names.alerts, names.scores, names.briefs, names.dead_letters}
        found += [
            Check("broker", State.OK, f"{flow.brokers} at {settings.broker}, {settings.kafka_security_protocol}"),
            topics(flow.deviations, flow.brokers, settings.replication),
            clock("clock of the broker", flow.ahead),
            paused(flow.paused),
            waiting("lag", {topic: each for topic, each in flow.waiting.items() if topic not in stored}, flow.members),
            waiting("sinks", {topic: each for topic, each in flow.waiting.items() if topic in stored}, flow.members),
            insight(names.touchpoints, flow.insight, flow.insight_members),
            deliver(names.briefs, flow.deliver, flow.deliver_members, [each.name for each in told if each.kind == "brief"]),
        ]
    return found + _database(settings, [each.name for each in told])


def unreachable(broker: str, error: KafkaError | None) -> Check:
    """Tell a broker that is not there (``error`` None) from one that takes connections and none of ours: wrong protocol, name, password or certificate."""
    if error is None:
        return Check("broker", State.WRONG, f"none answers at {broker}", "start Kafka, or set SEAMWATCH_BROKER")
    told = f"{broker} takes connections, and ends ours: {type(error).__name__}"
    return Check("broker", State.WRONG, told, "compare SEAMWATCH_KAFKA_* with its listener and its users (docs/deployment.md)")


def rules(settings: Settings) -> Check:
    """Check rules, fields and mappings, as a worker does at start."""
    from seamwatch.worker import plan

    try:
        planned = plan(settings.model_copy(update={"hash_key": _NO_KEY, "customer_key": _NO_KEY}), ["normalise", "watch"])
    except ConfigError as error:
        return Check("rules", State.WRONG, "; ".join(str(error).splitlines()), "correct the file or the setting: `seamwatch rules check`")
    return Check("rules", State.OK, f"{len(planned.rulebook.rules)} rules, {len(planned.sources)} sources")


def keys(settings: Settings) -> Check:
    """Check that the keys are there, that nobody can guess them, and that they differ."""
    given = {name: getattr(settings, name) for name in ("hash_key", "customer_key", "previous_hash_key")}
    values = {f"SEAMWATCH_{name.upper()}": key.get_secret_value() for name, key in given.items() if key is not None}
    wrong = [f"SEAMWATCH_{name.upper()} is not set" for name in ("hash_key", "customer_key") if given[name] is None]
    wrong += [f"{name} can be guessed" for name, value in values.items() if _guessed(value)]
    wrong += ["two keys are the same"] if len(set(values.values())) < len(values) else []
    return _check("keys", wrong, "set, and not to be guessed", f"{_KEYS}; a key that is in use is replaced as docs/deployment.md says")


def _guessed(key: str) -> bool:
    return len(set(key)) < _FEWEST or any(word in key.lower() for word in _PUBLIC)


def doors(settings: Settings) -> Check:
    """Check that each source that is read and can be posted to has a secret of the kind that its vendor signs with."""
    wrong, opened = [], 0
    try:
        for name in mapped_sources(settings):
            door = load_source(name, b"door", settings.sources_dir).mapping.door  # type: ignore[attr-defined]
            if door is None:
                continue
            variable = f"SEAMWATCH_INGEST_SECRETS__{name.replace('-', '_').upper()}"
            secrets = settings.door_secrets(name)
            if not secrets:
                wrong.append(f"{name} has a door and no secret: {variable} is not set")
                continue
            try:
                checker(door, secrets, settings.ingest_url)
            except ValueError as error:
                wrong.append(f"{variable}: {error}")
            opened += 1
    except ConfigError as error:
        wrong.append(str(error))
    mend = "set the secret that the vendor shows, or take the source out of SEAMWATCH_SOURCES (docs/sources.md)"
    return _check("doors", wrong, f"{opened} with a secret", mend)


def receivers(settings: Settings) -> Check:
    """Check who is told of alerts and briefs, and the secret of each, as the role `deliver` does at start."""
    from seamwatch.delivering import secrets_of

    try:
        posts = secrets_of(settings, load_receivers(settings.receivers_file))
    except (ConfigError, WrongUse) as error:
        return Check("receivers", State.WRONG, "; ".join(str(error).splitlines()), "correct the file or the setting (docs/routing.md)")
    return Check("receivers", State.OK, ", ".join(f"{post.receiver.name} ({post.receiver.kind})" for post in posts) or "nobody is told")


def _receivers(settings: Settings) -> Sequence[Receiver]:
    """Return who is told; nobody where the file is wrong, which `receivers` says."""
    try:
        return load_receivers(settings.receivers_file).receivers
    except ConfigError:
        return ()


def topics(deviations: Sequence[Deviation], brokers: int, replication: int) -> Check:
    """Judge how the topics are set up, and whether they outlive a broker where there are several."""
    missing = any(each.setting == "topic" for each in deviations)
    wrong = [f"{each}{' (stops a worker)' if each.fatal else ''}" for each in deviations]
    if brokers >= 3 > replication:
        wrong.append(f"there are {brokers} brokers, and SEAMWATCH_REPLICATION is {replication}: a topic is gone with one of them")
    mend = "`seamwatch topics create`" if missing else "`seamwatch topics check` shows them; set them with kafka-configs.sh or the settings"
    return _check("topics", wrong, "as they are to be", mend)


def clock(name: str, ahead: float) -> Check:
    """Judge how many seconds a clock is ahead of ours (negative: behind)."""
    wrong = [f"{abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"] if abs(ahead) > _DRIFT else []
    return _check(name, wrong, "as ours", "let all machines follow the same NTP servers")


def paused(topics: Mapping[str, str]) -> Check:
    """Judge which raw topics were paused, each with the time since when."""
    wrong = [f"{topic} since {since}" for topic, since in topics.items()]
    return _check("paused", wrong, "none", "mend the mapping, then `seamwatch dead-letters resume TOPIC`")


def waiting(name: str, topics: Mapping[str, Waiting], members: int) -> Check:
    """Judge how far the group is behind. What came within the last minute is on its way where there is a worker."""
    left = {topic: each for topic, each in topics.items() if each.records}
    wrong = [f"{topic}: {each.records:,} records wait" for topic, each in left.items() if each.late or not members]
    records = sum(each.records for each in left.values())
    mend = "look at /readyz of the workers, or start more" if members else "no worker is in the group: start one"
    return _check(name, wrong, f"{records:,} records wait, {members} in the group", mend)


def insight(topic: str, left: Waiting | None, members: int) -> Check:
    """Judge how far the role `insight` is behind; who has never started it does without."""
    if left is None and not members:
        return Check("insight", State.OK, "nobody has started the role insight")
    found = waiting("insight", {} if left is None else {topic: left}, members)
    return found._replace(mend=found.mend and "look at /readyz of the worker with the role insight, or start one: `seamwatch worker --roles insight`")


def deliver(topic: str, left: Waiting | None, members: int, wanted: Sequence[str]) -> Check:
    """Judge how far the role `deliver` is behind with what it reads of Kafka: the briefs, where receivers of these names want them."""
    mend = "look at /readyz of the worker with the role deliver, or start one: `seamwatch worker --roles deliver`"
    if not wanted and not members:
        return Check("deliver", State.OK, "nobody is told of briefs")
    if left is None and not members:
        return Check("deliver", State.WRONG, f"{', '.join(wanted)}: nobody has ever read {topic}", mend)
    found = waiting("deliver", {} if left is None else {topic: left}, members)
    return found._replace(mend=found.mend and mend)


def deliveries(wanted: Sequence[str], tallies: Iterable[Tally], held: Iterable[str], now: datetime) -> Check:
    """Judge what receivers were told: whether a process sends to each, what has waited for more than five minutes, and what died within a day.

    ``tallies`` count what waits, and what died within that day; ``held`` are receivers to which a process sends.
    """
    wrong = [f"{name}: no process sends to it" for name in sorted(set(wanted).difference(held))]
    waits: dict[str, tuple[int, datetime]] = {}
    for each in tallies:
        if each.receiver not in wanted:
            continue
        if each.state is DeliveryState.DEAD:
            wrong.append(f"{each.receiver}: {each.number:,} dead")
        else:
            number, oldest = waits.get(each.receiver, (0, now))
            waits[each.receiver] = number + each.number, min(oldest, each.oldest)
    for name, (number, oldest) in waits.items():
        if now - oldest > _UNDELIVERED:
            wrong.append(f"{name}: {number:,} wait, the oldest for {(now - oldest).total_seconds():,.0f} s")
    mend = "`seamwatch deliveries list` says why, docs/runbooks/SeamwatchReceiverFails.md what to do; who sends is `seamwatch worker --roles deliver`"
    found = f"{sum(number for number, _ in waits.values()):,} wait for {', '.join(wanted)}" if wanted else "nobody is told"
    return _check("deliveries", wrong, found, mend)


def writable(grants: Mapping[str, bool], read_only: bool) -> Check:
    """Judge by table whether the program may write it, and whether the database takes writes at all."""
    wrong = ["it is read-only"] if read_only else [f"{table} cannot be written" for table, granted in grants.items() if not granted]
    return _check("database", wrong, "answers, has the tables, takes writes", _RIGHTS)


def _check(name: str, wrong: Iterable[str], found: str, mend: str) -> Check:
    told = "; ".join(wrong)
    return Check(name, State.WRONG, told, mend) if told else Check(name, State.OK, found)


def _flow(settings: Settings, raw: Sequence[str]) -> _Flow:
    from seamwatch import delivering, observing

    observed_by, told_by = (f"{settings.prefix}.{role.NAME}" for role in (observing, delivering))
    streams, names = stream_settings(settings, mapped_sources(settings)), Topics(settings.prefix)
    with TopicAdmin(streams) as admin:
        deviations = admin.check()
    with closing(KafkaAdminClient(**connection(settings), bootstrap_timeout_ms=_PATIENCE)) as client:
        brokers = len(client.describe_cluster()["brokers"])
        members, observers, couriers = (members_of(client, group) for group in (settings.prefix, observed_by, told_by))
    read = [*raw, names.touchpoints, names.alerts, names.scores, names.briefs, names.dead_letters]
    left, ahead = _ask(settings, settings.prefix, read, [topic for topic in read if topic.startswith((names.raw(""), names.touchpoints))])
    observed, _ = _ask(settings, observed_by, [names.touchpoints], [], begun=True)
    told, _ = _ask(settings, told_by, [names.briefs], [], begun=True)
    with Pauses(streams) as pauses:
        stopped = pauses.paused(raw)
    return _Flow(brokers, deviations, members, left, ahead, stopped, observed.get(names.touchpoints), observers, told.get(names.briefs), couriers)


def _ask(settings: Settings, group: str, read: Sequence[str], stamped: Sequence[str], *, begun: bool = False) -> tuple[dict[str, Waiting], float]:
    """Return what waits by topic, and by how many seconds a record is ahead of us in the topics that the broker has ``stamped``.

    ``begun``: leave out what the group has committed nothing of.
    """
    with reading(connection(settings), "seamwatch-doctor", _PATIENCE, group) as consumer:
        tps = [TopicPartition(topic, number) for topic in read for number in sorted(consumer.partitions_for_topic(topic) or ())]
        if not tps:
            return {}, 0.0
        ends, starts = consumer.end_offsets(tps), consumer.beginning_offsets(tps)
        committed = {tp: consumer.committed(tp) for tp in tps}
        if begun and not any(committed.values()):
            return {}, 0.0
        reached = {tp: max(offset or 0, starts[tp]) for tp, offset in committed.items()}
        recent = consumer.offsets_for_times(dict.fromkeys(tps, int((time() - _LATE) * 1000)))
        ahead = consumer.offsets_for_times(dict.fromkeys(tps, int((time() + _DRIFT) * 1000)))
        left: dict[str, Waiting] = {}
        for tp in tps:
            records, late = left.get(tp.topic, Waiting(0, False))
            more = ends[tp] - reached[tp]
            old = more > 0 and (recent.get(tp) is None or reached[tp] < recent[tp].offset)
            left[tp.topic] = Waiting(records + more, late or old)
        return left, max((each.timestamp / 1000 - time() for tp, each in ahead.items() if each is not None and tp.topic in stamped), default=0.0)


def _database(settings: Settings, told: Sequence[str]) -> list[Check]:
    name = "clock of the database"
    try:
        with opened(settings) as engine, database_errors(engine):
            if engine.dialect.name == "sqlite":
                own = [_file(settings.database), Check(name, State.OK, "ours")]
            else:
                own = [writable(*_grants(engine)), clock(name, _ahead(engine))]
            return [*own, *_pulse(settings, engine), _deliveries(engine, told)]
    except (Failed, SchemaOutdated, UnsupportedDatabase, DatabaseUnavailable) as error:
        mend = "start it, or set SEAMWATCH_DATABASE" if isinstance(error, DatabaseUnavailable | UnsupportedDatabase) else "`seamwatch db upgrade`"
        return [Check("database", State.WRONG, str(error), mend), *(Check(each, State.UNKNOWN, "no database to ask") for each in (name, "deliveries"))]


def pulse(every: float, ages: Mapping[int, float]) -> Check:
    """Judge by partition of the findings how many seconds ago something was stored, where a pulse comes every so many seconds."""
    patience = 3 * every + _LATE
    late = [f"partition {number} for {age:,.0f} s" for number, age in ages.items() if age > patience]
    wrong = [f"nothing was stored of {', '.join(late)}"] if late else [] if ages else ["nothing was ever stored"]
    return _check("pulse", wrong, f"stored of {len(ages)} partitions", "look at /readyz of the workers; all of them need SEAMWATCH_PULSE_EVERY")


def _pulse(settings: Settings, engine: Engine) -> list[Check]:
    if not settings.pulse_every:
        return []
    now, topic = datetime.now(UTC), Topics(settings.prefix).alerts
    ages = {each.partition: (now - each.stored).total_seconds() for each in progress(engine).partitions if each.topic == topic}
    return [pulse(settings.pulse_every / 1_000_000, ages)]


def _deliveries(engine: Engine, told: Sequence[str]) -> Check:
    now = datetime.now(UTC)
    tallies = count_deliveries(engine, receivers=told, states=[DeliveryState.PENDING, DeliveryState.FAILED]) if told else []
    tallies += count_deliveries(engine, receivers=told, states=[DeliveryState.DEAD], since=now - _RECENTLY) if told else []
    return deliveries(told, tallies, receivers_held(engine, now) if told else [], now)


def _file(url: str) -> Check:
    file = Path(make_url(url).database or "")
    return writable({file.name: os.access(file, os.W_OK), "its directory": os.access(file.absolute().parent, os.W_OK)}, False)


def _grants(engine: Engine) -> tuple[dict[str, bool], bool]:
    tables = ("findings", "alerts", "scores", "dead_letters")
    with engine.connect() as connection:
        read_only = connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on"
        who = connection.execute(_STORES).scalar_one()
        ask = text("SELECT has_table_privilege(:who, :name, 'INSERT') AND has_table_privilege(:who, :name, 'UPDATE')")
        return {name: bool(connection.execute(ask, {"who": who, "name": name}).scalar_one()) for name in tables}, read_only


def _ahead(engine: Engine) -> float:
    """Return by how many seconds the database's clock is ahead of ours, as of the middle of the question."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        before = datetime.now(UTC)
        theirs: Any = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        after = datetime.now(UTC)
    return float((theirs - before - (after - before) / 2).total_seconds())
