"""Wrong settings, as somebody would get them wrong: each is told in one sentence at start, without a stack trace and without its value."""

from pathlib import Path

import pytest

from tests.unit.seamwatch.support import run

PASSWORD = "hunter2-and-more"
KEY = "0123456789abcdef0123"


@pytest.mark.parametrize(
    ("command", "name", "value", "sentence"),
    [
        ("worker", "HASH_KEY", "short", "SEAMWATCH_HASH_KEY: is too short"),
        ("worker", "HASH_KEY", "file:/nowhere", "SEAMWATCH_HASH_KEY: /nowhere cannot be read"),
        ("worker", "BROKER", "https://kafka", "SEAMWATCH_BROKER: expected host:port"),
        ("worker", "RULES_DIR", "/nowhere", "/nowhere: expected a directory of rules"),
        ("worker", "METRICS_HOST", "999.0.0.1", "metrics port 999.0.0.1:9464"),
        ("worker", "KAFKA_SECURITY_PROTOCOL", "TLS", "SEAMWATCH_KAFKA_SECURITY_PROTOCOL: expected 'PLAINTEXT', 'SSL'"),
        ("worker", "KAFKA_PASSWORD", PASSWORD, "SEAMWATCH_KAFKA_PASSWORD: SEAMWATCH_KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        ("worker", "SOURCE_TOPICS__NOBODY", "vendor.events", "SEAMWATCH_SOURCE_TOPICS__NOBODY: SEAMWATCH_SOURCES does not name"),
        ("worker --roles ingest", "INGEST_LISTEN", "127.0.0.1:99999", "SEAMWATCH_INGEST_LISTEN: expected a port"),
        ("worker --roles insight", "RATES", "USD=0.9", "SEAMWATCH_RATES: expected a JSON object"),
        ("worker --roles insight", "INVITATIONS_FILE", "/nowhere", "/nowhere: cannot be read"),
        ("worker --roles deliver", "PREFIX", "seamwatch", "nobody is to be told: name receivers in a file"),
        ("worker --roles deliver", "RECEIVERS_FILE", "/nowhere", "/nowhere: cannot be read"),
        ("worker --roles deliver", "DELIVER_SECRETS__CRM", "file:/nowhere", "SEAMWATCH_DELIVER_SECRETS__CRM: there is no receiver of this name"),
        ("worker --roles deliver", "DELIVER_SECRETS", "secret", "SEAMWATCH_DELIVER_SECRETS: expected one variable a receiver"),
        ("worker --roles deliver,sink", "PREFIX", "seamwatch", "deliver works in a process of its own"),
        ("console", "CONSOLE_URL", "ftp://x", "SEAMWATCH_CONSOLE_URL: expected https://HOST"),
        ("console", "DATABASE", "sqlite:////nowhere/x.db", "there is no such file"),
        ("db upgrade", "DATABASE", f"postgresql://u:{PASSWORD}@h:port/d", "the database's address is none"),
        ("db upgrade", "DATABASE", f"postgresql://u:{PASSWORD}@127.0.0.1:1/d?sslmod=require", 'the database\'s address: invalid connection option "sslmod"'),
    ],
)
def test_a_wrong_setting_is_told_in_a_sentence(command: str, name: str, value: str, sentence: str) -> None:
    """The program ends with 1 or 2, its last line names what is wrong, and neither a trace nor a secret is shown."""
    ended = run(*command.split(), env={"SEAMWATCH_HASH_KEY": KEY, f"SEAMWATCH_{name}": value})
    assert ended.exit_code in (1, 2)
    assert ended.output.splitlines()[-1].startswith("Error: ")
    assert sentence in ended.output
    for word in ("Traceback", "this is a bug", PASSWORD):
        assert word not in ended.output


def test_a_settings_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """An .env in another encoding is named."""
    (tmp_path / ".env").write_bytes(b"SEAMWATCH_PREFIX=\xff\xfe")
    ended = run("--workdir", str(tmp_path), "topics", "check")
    assert (ended.exit_code, ended.output) == (2, "Error: .env: is not UTF-8\n")
