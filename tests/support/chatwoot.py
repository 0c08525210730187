"""Webhooks of Chatwoot, as a test or a benchmark sends them: their bodies, and the headers that prove where they come from."""

import hmac
import json
import time
from typing import Any

__all__ = ["SECRET", "message", "ping_pong", "signed"]

SECRET = "webhook-secret-of-the-tests"


def message(number: int, *, at: int = 1_772_442_840, customer: int = 7, team: str | None = None) -> bytes:
    """Return the webhook of a message: of an agent of ``team``, or of the customer. ``at`` is in seconds since 1970."""
    sender: dict[str, Any] = {"id": 9, "type": "user"} if team else {"id": customer, "type": "contact"}
    record = {
        "event": "message_created",
        "id": number,
        "content": f"Message {number}",
        "message_type": "outgoing" if team else "incoming",
        "created_at": at,
        "private": False,
        "sender": sender,
        "inbox": {"id": 3, "name": "Web shop"},
        "conversation": {
            "id": customer,
            "inbox_id": 3,
            "channel": "Channel::WebWidget",
            "status": "open",
            "meta": {"sender": {"id": customer}, "team": {"id": 1, "name": team} if team else None},
        },
    }
    return json.dumps(record).encode()


def ping_pong(customer: int, first: int) -> list[bytes]:
    """Return a conversation that two teams send back and forth; its messages are numbered from ``first``."""
    teams = [None, "orders", "billing", "orders", "billing", "orders"]
    return [
        message(first + index, at=1_772_442_840 + 60 * index, customer=customer, team=team)
        for index, team in enumerate(teams)
    ]


def signed(body: bytes) -> dict[str, str]:
    """Return the headers of a webhook that is sent now."""
    moment = str(int(time.time()))
    digest = hmac.digest(SECRET.encode(), moment.encode() + b"." + body, "sha256").hex()
    return {
        "X-Chatwoot-Signature": f"sha256={digest}",
        "X-Chatwoot-Timestamp": moment,
        "Content-Type": "application/json",
    }
