"""The rights in Kafka that `config/kafka/acls.sh` grants, as its lines say."""

import itertools
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

__all__ = ["Grant", "allow", "deny", "grants"]

FILE = Path(__file__).parents[2] / "config" / "kafka" / "acls.sh"


class Grant(NamedTuple):
    """One operation on the topics or group of this name (prefixed: that begin so), for a user."""

    user: str
    operation: str
    kind: str
    name: str
    prefixed: bool

    def acl(self) -> ACL:
        """Return it as Kafka has it."""
        operation = re.sub(r"(?<!^)(?=[A-Z])", "_", self.operation).upper()
        pattern = ACLResourcePatternType.PREFIXED if self.prefixed else ACLResourcePatternType.LITERAL
        resource = ResourcePattern(ResourceType[self.kind.upper()], self.name, pattern)
        return ACL(f"User:{self.user}", "*", ACLOperation[operation], ACLPermissionType.ALLOW, resource)


def grants(prefix: str) -> list[Grant]:
    """Return what the file grants under a prefix."""
    found = []
    for line in FILE.read_text().splitlines():
        if line.startswith("allow User:"):
            words = shlex.split(line.replace("$PREFIX", prefix))
            operations = [after for word, after in itertools.pairwise(words) if word == "--operation"]
            kind = "topic" if "--topic" in words else "group"
            name = words[words.index(f"--{kind}") + 1]
            found += [Grant(words[1].removeprefix("User:"), each, kind, name, "prefixed" in words) for each in operations]
    return found


def allow(admin: KafkaAdminClient, given: list[Grant]) -> None:
    """Grant."""
    failed = admin.create_acls([each.acl() for each in given])["failed"]
    assert not failed, failed


def deny(admin: KafkaAdminClient, taken: list[Grant]) -> None:
    """Take back."""
    acls = [each.acl() for each in taken]
    admin.delete_acls([ACLFilter(acl.principal, acl.host, acl.operation, acl.permission_type, acl.resource_pattern) for acl in acls])
