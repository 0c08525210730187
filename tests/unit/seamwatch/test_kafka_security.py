"""How the broker is spoken to: what the settings turn into, and what is refused before anything connects."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from config.settings import load_settings
from seamwatch.broker import connection, security, stream_settings
from seamwatch.demo.stage import _UNSECURED

PASSWORD = "correct-horse-battery"


def test_without_settings_nothing_is_encrypted() -> None:
    """The broker on loopback is spoken to as it is."""
    assert connection(load_settings()) == {"bootstrap_servers": "127.0.0.1:9092", "security_protocol": "PLAINTEXT"}


def test_every_client_gets_name_password_and_checked_certificates(tmp_path: Path) -> None:
    """With SASL_SSL the workers' and the tools' clients get the same: broker and host name are checked, and nothing prints the password."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    settings = load_settings(kafka_security_protocol="SASL_SSL", kafka_username="seamwatch", kafka_password=f"file:{file}")
    given = connection(settings)
    assert (given["sasl_mechanism"], given["sasl_plain_username"], given["sasl_plain_password"]) == ("SCRAM-SHA-512", "seamwatch", PASSWORD)
    assert given["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert given["ssl_context"].check_hostname
    streams = stream_settings(settings, ())
    assert streams.security.keys() == given.keys() - {"bootstrap_servers"}
    assert PASSWORD not in f"{settings} {settings.shown()} {streams}"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kafka_security_protocol": "SASL_SSL", "kafka_password": PASSWORD}, "SEAMWATCH_KAFKA_USERNAME is not set, and SEAMWATCH_KAFKA_SECURITY_PROTOCOL"),
        ({"kafka_security_protocol": "SASL_SSL", "kafka_username": "x"}, "SEAMWATCH_KAFKA_PASSWORD is not set"),
        ({"kafka_username": "x", "kafka_password": PASSWORD}, "SEAMWATCH_KAFKA_USERNAME: SEAMWATCH_KAFKA_SECURITY_PROTOCOL is PLAINTEXT; expected SASL_SSL"),
        ({"kafka_ca_file": "/nowhere"}, "SEAMWATCH_KAFKA_CA_FILE: SEAMWATCH_KAFKA_SECURITY_PROTOCOL is PLAINTEXT; expected SSL"),
        ({"kafka_security_protocol": "SSL", "kafka_ca_file": "/nowhere"}, "SEAMWATCH_KAFKA_CA_FILE: /nowhere: expected certificates"),
        ({"kafka_security_protocol": "SSL", "kafka_ca_file": __file__}, "SEAMWATCH_KAFKA_CA_FILE: .*: expected certificates"),
        ({"kafka_security_protocol": "SSL", "kafka_certificate_file": __file__}, "SEAMWATCH_KAFKA_CERTIFICATE_FILE: .*: expected a certificate and its key"),
    ],
)
def test_what_would_be_ignored_or_is_missing_is_refused(given: dict[str, Any], sentence: str) -> None:
    """A password without SASL would be ignored, and TLS without its certificates would fail later: both are told at start."""
    with pytest.raises(ConfigError, match=sentence) as refused:
        security(load_settings(**given))
    assert PASSWORD not in str(refused.value)


def test_the_demonstration_speaks_to_its_own_broker_as_it_is() -> None:
    """Whoever has set TLS for the installation can still run the demonstration."""
    assert security(load_settings(**_UNSECURED)) == {"security_protocol": "PLAINTEXT"}
    assert {"kafka_security_protocol", "kafka_username", "kafka_ca_file"} <= _UNSECURED.keys()
