"""Settings: where they come from, what is refused, and what is never printed."""

import os
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import load_settings, misspelt

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SEAMWATCH_")]:
        monkeypatch.delenv(name)


def test_everything_has_a_default_but_the_keys() -> None:
    """The program starts with nothing set; what needs a key says so."""
    settings = load_settings()
    assert (settings.broker, settings.database, settings.prefix) == (
        "127.0.0.1:9092",
        "sqlite:///seamwatch.db",
        "seamwatch",
    )
    assert (settings.partitions, settings.metrics_host, settings.metrics_port) == (12, "127.0.0.1", 9464)
    assert settings.alert_expiry == 86_400_000_000
    with pytest.raises(ConfigError, match="SEAMWATCH_HASH_KEY is not set; set it to at least 16 secret bytes"):
        settings.require_hash_key()
    with pytest.raises(ConfigError, match="SEAMWATCH_CUSTOMER_KEY is not set"):
        settings.require_customer_key()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values come from .env, then from the environment, then from what the caller gives; empty ones count as not set."""
    (tmp_path / ".env").write_text(f"SEAMWATCH_PREFIX=file\nSEAMWATCH_HASH_KEY={SECRET}\nPOSTGRES_PASSWORD=x\n")
    assert load_settings().prefix == "file"
    monkeypatch.setenv("SEAMWATCH_PREFIX", "environment")
    monkeypatch.setenv("SEAMWATCH_HASH_KEY", "")
    settings = load_settings()
    assert settings.prefix == "environment"
    assert settings.require_hash_key() == SECRET.encode()
    assert load_settings(prefix="given").prefix == "given"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("kafka://127.0.0.1:9092", "127.0.0.1:9092"),
        ("broker-1:9093, broker-2", "broker-1:9093,broker-2:9092"),
        ("[::1]:9092", "[::1]:9092"),
    ],
)
def test_brokers_are_written_in_two_ways(given: str, expected: str) -> None:
    """Addresses come with or without scheme and port, one or several."""
    assert load_settings(broker=given).broker == expected


def test_postgresql_is_always_reached_by_psycopg() -> None:
    """The usual spellings of the address mean the one driver that is installed."""
    for given in ("postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"):
        assert load_settings(database=given).database == "postgresql+psycopg://u:p@h/d"


def test_secrets_print_as_stars() -> None:
    """Keys and the database's password stand in no text that the settings turn into."""
    settings = load_settings(hash_key=SECRET, customer_key=SECRET, database=f"postgresql://bob:a:{SECRET}@x@h/d")
    for text in (repr(settings), str(settings), str(settings.shown()), settings.model_dump_json()):
        assert SECRET not in text
    assert "hash_key=***" in repr(settings)
    assert settings.shown()["database"] == "postgresql+psycopg://bob:***@h/d"
    assert SECRET in settings.database


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("HASH_KEY", "too-short", "is too short; expected at least 16 secret bytes"),
        ("CUSTOMER_KEY", "too-short", "is too short"),
        ("PREVIOUS_HASH_KEY", "too-short", "is too short"),
        ("REGION", "Germany", "expected the two letters of a country, such as DE"),
        ("BROKER", "http://x:1", "expected host:port or kafka://host:port"),
        ("BROKER", "x:99999", "expected host:port"),
        ("DATABASE", "mysql://u:hunter2@h/d", "expected sqlite:///FILE or postgresql://"),
        ("PARTITIONS", "0", "expected greater than or equal to 1"),
        ("PARTITIONS", "twelve", "expected a valid integer"),
        ("METRICS_PORT", "70000", "expected less than or equal to 65535"),
        ("PREFIX", "a b", "expected letters, digits, dots, dashes and underscores"),
        ("ALERT_EXPIRY", "24", "expected a duration such as 25s"),
    ],
)
def test_wrong_settings_are_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    """The variable is named with what was expected, and its value is not repeated."""
    monkeypatch.setenv(f"SEAMWATCH_{name}", value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"SEAMWATCH_{name}: {sentence}")
    assert "\n" not in str(caught.value)
    assert f"{value!r}" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_misspelt_variables_are_noticed() -> None:
    """A variable that is nearly a setting is one that somebody thinks is set; what others put there is left alone."""
    assert misspelt(["SEAMWATCH_DATABSE", "SEAMWATCH_SERVICE_HOST", "SEAMWATCH_PREFIX", "PATH"]) == [
        "SEAMWATCH_DATABSE is no setting; did you mean SEAMWATCH_DATABASE?"
    ]


def test_secrets_of_doors_come_by_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A door's secrets stand in a variable of its source, in .env or in a file of their own, two while they change; they are never printed."""
    (tmp_path / "desk").write_text(f"{SECRET}-new\n{SECRET}-old\n")
    (tmp_path / ".env").write_text(f"SEAMWATCH_INGEST_SECRETS__CHATWOOT={SECRET}\n")
    monkeypatch.setenv("SEAMWATCH_INGEST_SECRETS__OUR_DESK", f"file:{tmp_path / 'desk'}")
    monkeypatch.setenv("SEAMWATCH_INGEST_SECRETS__GONE", "file:/nowhere")
    settings = load_settings()
    assert settings.door_secrets("chatwoot") == [SECRET]
    assert settings.door_secrets("our-desk") == [f"{SECRET}-new", f"{SECRET}-old"]
    assert settings.door_secrets("zendesk") == []
    with pytest.raises(ConfigError, match="SEAMWATCH_INGEST_SECRETS__GONE: /nowhere cannot be read"):
        settings.door_secrets("gone")
    assert SECRET not in f"{settings} {settings.shown()}"
    assert misspelt(os.environ) == []
    assert misspelt(["SEAMWATCH_INGEST_SECRET__CHATWOOT"]) != []
    monkeypatch.setenv("SEAMWATCH_INGEST_SECRETS", SECRET)
    with pytest.raises(ConfigError, match="expected one variable a source") as refused:
        load_settings()
    assert SECRET not in str(refused.value)


def test_the_door_listens_on_loopback_unless_told() -> None:
    """Where records are taken in is host and port; anything else is refused."""
    assert load_settings().listen() == ("127.0.0.1", 8464)
    assert load_settings(ingest_listen="[::1]:80").listen() == ("::1", 80)
    with pytest.raises(ConfigError, match="INGEST_LISTEN: expected HOST:PORT"):
        load_settings(ingest_listen="8464")
