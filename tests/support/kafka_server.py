"""A real Apache Kafka: one broker that is its own controller."""

import base64
import contextlib
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from kafka.errors import KafkaError

from tests.support.server import Server, ServerError, free_ports

__all__ = ["KAFKA_JARS", "KafkaServer"]

KAFKA_JARS = Path(__file__).parents[2] / ".cache" / "kafka" / "lib"
LOG_CONFIGURATION = Path(__file__).parent / "kafka" / "log4j2.xml"

MEBIBYTE = 1024 * 1024


class KafkaServer(Server):
    """A broker on a free loopback port.

    Topics are never created by use. One replica; records up to 16 MiB; groups form at once and may ask for session
    timeouts from one second. `settings` are further lines of the broker's configuration. With `proxy` it listens on a second port,
    `behind_proxy`, and tells who asks there that it is at the port `proxy`: of a proxy, which hands on to `behind_proxy`. With `identity`, a file with
    its certificate and key (PEM), it listens at `secured`, too, by TLS and SASL, and lets nobody there do what no ACL allows; and at `certified`, by TLS and
    certificates of clients, those in the file `clients` alone, who may do everything. `PLAIN_USER` may do everything at `secured`.
    """

    PLAIN_USER = "plain"

    name = "Apache Kafka"

    def __init__(self, proxy: int | None = None, identity: Path | None = None, clients: Path | None = None, **settings: str | int) -> None:
        super().__init__()
        self._proxy = proxy
        self._identity = identity
        self._clients = clients or identity
        self.directory = Path(tempfile.mkdtemp(prefix="seamwatch-kafka-"))
        self._port, self._controller_port, self.behind_proxy, self._secured_port, self._certified_port = free_ports(5)
        self._configuration = self.directory / "server.properties"
        lines = (
            self._properties()
            | self._second_listener()
            | self._secured_listener()
            | {key.replace("_", "."): value for key, value in settings.items()}
        )
        self._configuration.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))

    @property
    def bootstrap(self) -> str:
        """The broker's address, `host:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def secured(self) -> str:
        """The address at which it speaks TLS and SASL, by the name in its certificate."""
        return f"localhost:{self._secured_port}"

    @property
    def certified(self) -> str:
        """The address at which it speaks TLS and wants a certificate, by the name in its own."""
        return f"localhost:{self._certified_port}"

    def add_user(self, name: str, password: str) -> None:
        """Make a user who may enter at `secured` by SCRAM; the password of `PLAIN_USER` is its name."""
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
                admin.alter_user_scram_credentials([UserScramCredentialUpsertion(name, mechanism, password, iterations=4096)])

    @property
    def data(self) -> Path:
        """The directory of the log."""
        return self.directory / "data"

    def command(self) -> Sequence[str]:
        """Return the broker's command line, and format its directory before the first start."""
        if not self.data.exists():
            self._format()
        return [*self._java("-Xmx512m", "-XX:+UseSerialGC"), "kafka.Kafka", str(self._configuration)]

    def ready(self) -> bool:
        """Tell whether the broker answers a client and has elected its controller."""
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False  # asked first because a client that fails to connect logs errors and leaves its thread behind
        try:
            with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except KafkaError:
            return False

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [*self._java("-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format"]
        formatted = subprocess.run(
            [*tool, f"--cluster-id={cluster}", "-c", str(self._configuration)],
            capture_output=True,
            text=True,
            check=False,
        )
        if formatted.returncode:
            raise ServerError(f"{self.name}: could not format {self.data}\n{formatted.stdout}{formatted.stderr}")

    def _java(self, *options: str) -> list[str]:
        java = shutil.which("java")
        if java is None or not KAFKA_JARS.is_dir():
            raise ServerError("Apache Kafka is not here: run `make services`")
        return [java, *options, "-cp", f"{KAFKA_JARS}/*", f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}"]

    def _properties(self) -> dict[str, str | int]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.data),
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 2,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "message.max.bytes": 16 * MEBIBYTE,
            "replica.fetch.max.bytes": 16 * MEBIBYTE,
            "log.cleaner.dedupe.buffer.size": 16 * MEBIBYTE,  # 128 MiB by default, a quarter of our heap
            "broker.session.timeout.ms": 3000,  # a killed broker may register again when its old session is over
            "broker.heartbeat.interval.ms": 500,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "background.threads": 2,
        }

    def _second_listener(self) -> dict[str, str]:
        if self._proxy is None:
            return {}
        usual = self._properties()
        return {
            "listeners": f"{usual['listeners']},PROXIED://127.0.0.1:{self.behind_proxy}",
            "advertised.listeners": f"{usual['advertised.listeners']},PROXIED://127.0.0.1:{self._proxy}",
            "listener.security.protocol.map": f"{usual['listener.security.protocol.map']},PROXIED:PLAINTEXT",
        }

    def _secured_listener(self) -> dict[str, str]:
        if self._identity is None:
            return {}
        usual, own, certified = self._properties(), "listener.name.secured", "listener.name.certified"
        keystores = {f"{name}.ssl.keystore.{what}": value for name in (own, certified) for what, value in (("type", "PEM"), ("location", str(self._identity)))}
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{self.PLAIN_USER}="{self.PLAIN_USER}";'
        return keystores | {
            "listeners": f"{usual['listeners']},SECURED://127.0.0.1:{self._secured_port},CERTIFIED://127.0.0.1:{self._certified_port}",
            "advertised.listeners": f"{usual['advertised.listeners']},SECURED://{self.secured},CERTIFIED://{self.certified}",
            "listener.security.protocol.map": f"{usual['listener.security.protocol.map']},SECURED:SASL_SSL,CERTIFIED:SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
            f"{own}.scram-sha-512.sasl.jaas.config": scram,
            f"{own}.scram-sha-256.sasl.jaas.config": scram,
            f"{own}.plain.sasl.jaas.config": plain,
            f"{certified}.ssl.client.auth": "required",
            f"{certified}.ssl.truststore.type": "PEM",
            f"{certified}.ssl.truststore.location": str(self._clients),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:CN=client;User:{self.PLAIN_USER}",  # the first of the other listeners
        }

    def close(self) -> None:
        """End it and remove its data: a clean shutdown of many topics takes half a minute and saves nothing here."""
        self.kill()
        super().close()
