"""What a worker is made of, before it meets a server."""

import asyncio
import dataclasses
import json
import logging
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from agents.text import Recogniser
from config.errors import ConfigError
from config.fields import load_vocabulary
from config.settings import load_settings
from models.score import Score, left_out
from seamwatch import logs
from seamwatch.cli.worker import command
from seamwatch.mapping import mapper
from seamwatch.source_template import MAPPING
from seamwatch.worker import INGEST, ROLES, Worker, decayed, plan
from streams.errors import Poison
from streams.sources import Unmappable
from tests.unit.seamwatch.support import asked_twice, lines

KEY = "0123456789abcdef"
AT = datetime(2026, 3, 2, tzinfo=UTC)


def test_the_command_knows_the_roles_of_the_worker() -> None:
    """The roles that the command takes are those that the worker has."""
    roles = (INGEST, *ROLES)
    assert command.params[0].type.convert(",".join(roles), None, None) == frozenset(roles)


def test_a_wrong_rule_ends_before_anything_is_read(tmp_path: Path) -> None:
    """A worker with a wrong rule is refused with the file and line of the mistake."""
    (tmp_path / "slow_handoff.yaml").write_text("name: slow_handoff\ndetector: slow\n")
    with pytest.raises(ConfigError, match=r"slow_handoff.yaml:2: detector"):
        plan(load_settings(hash_key=KEY, rules_dir=tmp_path))


def test_mapped_sources_need_the_key_of_customers(caplog: pytest.LogCaptureFixture) -> None:
    """Without that key the sources are left out and it is said; asked for by name, normalising is refused."""
    settings = load_settings(hash_key=KEY)
    with caplog.at_level(logging.WARNING):  # whatever level commands in other tests have set
        assert plan(settings).streams().sources == ()
    assert "SEAMWATCH_CUSTOMER_KEY is not set" in caplog.text
    with pytest.raises(ConfigError, match="SEAMWATCH_CUSTOMER_KEY"):
        plan(settings, ["normalise"])
    assert plan(load_settings(hash_key=KEY, customer_key=KEY)).streams().sources == ("bpic2013",)
    named = load_settings(hash_key=KEY, customer_key=KEY, sources="chatwoot,asterisk")
    assert plan(named).streams().sources == ("chatwoot", "asterisk")


@pytest.mark.parametrize("role", [INGEST, *ROLES])
def test_only_the_role_that_compares_values_needs_the_key_of_their_hashes(role: str) -> None:
    """Whoever does not watch is not given the key: a door, or what stores alone, starts without it."""
    settings = load_settings(customer_key=KEY, sources="chatwoot", ingest_secrets={"chatwoot": "s" * 16})
    if role == "watch":
        with pytest.raises(ConfigError, match="SEAMWATCH_HASH_KEY is not set"):
            plan(settings, [role])
    else:
        assert plan(settings, [role]).fingerprinter is None


def test_a_door_opens_where_there_is_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Only sources that are read, have a door and a secret can be posted to; the role without any door, or with a secret that is none, is refused."""
    secrets = {"ingest_secrets": {"chatwoot": "s" * 16, "asterisk": "s" * 16}}
    settings = load_settings(hash_key=KEY, sources="asterisk,chatwoot", **secrets)
    opened = plan(settings, ["ingest"])
    assert {name: door.topic for name, door in opened.doors.items()} == {"chatwoot": "seamwatch.raw.chatwoot"}
    assert opened.streams().sources == ("chatwoot",)
    assert plan(settings.model_copy(update={"customer_key": settings.hash_key})).doors == {}
    for given, sentence in (
        ({"sources": "chatwoot"}, "no door is open: set SEAMWATCH_INGEST_SECRETS__CHATWOOT"),
        ({"sources": "asterisk", **secrets}, "name a source with a door in SEAMWATCH_SOURCES"),
        ({"sources": "chatwoot", "ingest_secrets": {"chatwoot": "short"}}, "INGEST_SECRETS__CHATWOOT: is too short"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            plan(load_settings(hash_key=KEY, **given), ["ingest"])


def test_a_door_is_read_with_its_mapping(tmp_path: Path) -> None:
    """A mapping of one's own has its door beside its records; a mistake in it is told with file and line, an unusable secret by its name."""
    mapping = tmp_path / "our-desk.yaml"
    written = MAPPING.replace("NAME", "our-desk")
    settings = load_settings(
        hash_key=KEY, sources="our-desk", sources_dir=tmp_path, ingest_secrets={"our_desk": "not base64 at all"}
    )
    mapping.write_text(f"{written}\ndoor: {{scheme: hmac}}\n")
    with pytest.raises(ConfigError, match=r"our-desk.yaml:\d+: door: signature belongs to the scheme hmac"):
        plan(settings, ["ingest"])
    mapping.write_text(f"{written}\ndoor: {{scheme: token, header: X-Key, rate: 1, limit: 10}}\n")
    with pytest.raises(ConfigError, match="OUR_DESK: is too short"):
        plan(settings, ["ingest"])
    one = settings.model_copy(update=load_settings(ingest_secrets={"our_desk": "!" * 20}).model_dump(include={"ingest_secrets"}))
    assert plan(one, ["ingest"]).doors["our-desk"].limit == 10
    mapping.write_text(f"{written}\ndoor: {{scheme: standard-webhooks}}\n")
    with pytest.raises(ConfigError, match="SEAMWATCH_INGEST_SECRETS__OUR_DESK: the secret is not base64"):
        plan(one, ["ingest"])


def test_a_worker_that_begins_is_live_and_not_ready() -> None:
    """Before the streams are there, the worker is alive and says what it waits for."""
    worker = Worker(plan(load_settings(hash_key=KEY, metrics_port=0), ["watch"]))
    assert worker.live()
    assert worker.ready()[0].startswith("starting")


class NoBroker:
    """A broker that never answers: whoever waits for it is told to stop."""

    async def await_broker(self, _told: object) -> None:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.Event().wait()


class Closes:
    """Traces that note that they are closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_door_that_never_reached_the_broker_hands_over_its_traces() -> None:
    """Told to stop while it waits, the role ends with 0, and what is traced is closed, once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    tracing = Closes()
    settings = load_settings(hash_key=KEY, metrics_port=0, sources="chatwoot", ingest_secrets={"chatwoot": "s" * 16})
    planned = dataclasses.replace(plan(settings, [INGEST]), tracer=lambda: cast(Any, tracing))
    try:
        assert Worker(planned, backend=lambda _: cast(Any, NoBroker())).run() == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert tracing.closed == 1


def test_scores_decay_to_the_moment_of_the_scrape() -> None:
    """Harm and handlings halve with each half-life, and the value is that of the formula then."""
    score = Score(
        tenant="acme",
        score="consistency",
        scope="team",
        name="sales",
        half_life=3600,
        value=50.0,
        samples=20.0,
        components={"harm": 20.0, "opportunities": 20.0, "prior": 20.0},
        as_of=AT,
    )
    at = int(AT.timestamp() * 1_000_000)
    assert decayed(score, at) == 50.0
    assert decayed(score, at + 3_600_000_000) == pytest.approx(100 * (1 - 10 / 30))
    assert decayed(score.model_copy(update={"value": None}), at) is None


def test_what_fades_of_other_scores_fades_as_they_are_made() -> None:
    """A bond comes back to 50, the headline rises with consistency while a share stays; what a later version names otherwise stays as it was written."""
    stored: dict[str, Any] = {"tenant": "acme", "scope": "tenant", "name": "acme", "half_life": 3600, "value": 42.0, "samples": 1.0, "as_of": AT}
    bond = Score(score="fusion", components={"moved": 8.0, "loss": 8.0, "prior": 50.0}, **stored)
    three = Score(score="three_cs", components={"harm": 10.0, "opportunities": 20.0, "prior": 20.0, "moods": 20.0, "gloom": 5.0}, **stored)
    at = int(AT.timestamp() * 1_000_000) + 3_600_000_000
    assert decayed(bond, at) == pytest.approx(50 - 50 * 4 / 54)
    assert decayed(three, at) == pytest.approx(100 * ((1 - 5 / 30) * 0.75) ** 0.5)
    assert decayed(bond.model_copy(update={"score": "bonds"}), at) == 42.0


def test_a_headline_is_shown_without_what_there_are_too_few_chances_of() -> None:
    """All facts are contradicted: of 9 that says nothing yet, of 10 the headline is 0; promises as few, and moods, are left out too; of a customer all counts.

    By hand: consistency 75 and three of four moods make 75; with 10 promises of which 6 were kept, the cube root of 75 x 75 x 60.
    """
    stored: dict[str, Any] = {"tenant": "acme", "scope": "tenant", "name": "acme", "half_life": 3600, "value": 0.0, "samples": 1.0, "as_of": AT}
    parts = {"harm": 10.0, "opportunities": 20.0, "prior": 20.0, "moods": 20.0, "gloom": 5.0, "facts": 9.0, "contradicted": 9.0}
    at = int(AT.timestamp() * 1_000_000)

    def shown(**other: float) -> float | None:
        return decayed(Score(score="three_cs", components=parts | other, **stored), at)

    assert shown() == pytest.approx(75)
    assert shown(promises=10.0, broken=4.0) == pytest.approx((75 * 75 * 60) ** (1 / 3))
    assert shown(facts=10.0, contradicted=10.0) == 0.0
    assert shown(moods=9.0) is None
    assert left_out("three_cs", parts | {"moods": 9.0, "promises": 1.0}) == ["moods", "promises", "facts"]
    own = {name: each for name, each in parts.items() if name not in {"prior", "opportunities"}}
    assert decayed(Score(score="three_cs", components=own, **stored), at) == 0.0


class Lines:
    """A source whose records are JSON arrays of touchpoints."""

    name = "lines"
    tells = frozenset({"message"})

    def read(self, stream: BinaryIO) -> Iterator[bytes]:
        yield from stream

    def map(self, raw: bytes) -> list[bytes]:
        if raw == b"?":
            raise Unmappable("no array")
        return [json.dumps(each).encode() for each in json.loads(raw)]


def test_a_mapped_record_becomes_touchpoints_with_their_keys() -> None:
    """Each touchpoint of a record goes out under its tenant and customer; a source's own heartbeats end here."""
    story = [json.loads(line) for line in lines(asked_twice("c-1")).splitlines()]
    heartbeat = {"id": "h", "source": "s", "type": "heartbeat", "time": "2026-03-02T10:00:00Z"}
    mapped = list(mapper(Lines())(json.dumps([*story, heartbeat]).encode(), ()))
    assert {key for key, _ in mapped} == {b"acme/c-1"}
    assert [json.loads(value) for _, value in mapped] == story


def test_what_a_mapped_message_says_follows_it() -> None:
    """A message of a source is followed by what it says; where the source told that itself, the message is not read."""
    message = {
        **json.loads(lines(asked_twice("c-1")).splitlines()[0]),
        "id": "r/0",
        "type": "message",
        "actor": {"kind": "customer"},
        "data": {"text": "my account number is 4711-22" + " " * 9000},
    }
    told = {**message, "id": "r/1", "type": "info.provided", "data": {"field": "account_number", "value": "1"}}
    unread: Counter[str] = Counter()
    reading = mapper(Lines(), recogniser=Recogniser(load_vocabulary()), unread=unread.update)
    keys, mapped = zip(*reading(json.dumps([message]).encode(), ()), strict=True)
    assert set(keys) == {b"acme/c-1"}
    assert [json.loads(value)["id"] for value in mapped] == ["r/0", "r/0/0"]
    assert unread == {"text_truncated": 1}
    assert [json.loads(value)["id"] for _, value in reading(json.dumps([message, told]).encode(), ())] == ["r/0", "r/1"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(None, "empty_value"), (b"", "empty_value"), (b"?", "unmapped"), (b'[{"id": ""}]', "missing_field")],
)
def test_a_record_that_cannot_be_mapped_is_poison(raw: bytes | None, reason: str) -> None:
    """A record without value, that no mapping fits, or that becomes no touchpoint is set aside whole, and counted."""
    refused: list[str] = []
    with pytest.raises(Poison) as caught:
        mapper(Lines(), refused.append)(raw, ())
    assert (caught.value.reason, refused) == (reason, [reason])


def test_the_log_is_short_lines_without_what_libraries_say(capsys: pytest.CaptureFixture[str]) -> None:
    """A line is time, level and sentence; services of Faust that start and stop are left out."""
    logs.configure("info")
    logging.getLogger("streams.app").info("[^SeamwatchApp]: Starting...")
    logging.getLogger("faust").warning("something")
    logging.getLogger("seamwatch").info("ready")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0][20:] == "INFO     ready"
