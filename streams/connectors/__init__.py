"""Telephone systems that tell events over TCP to whoever logs in: Asterisk (AMI) and FreeSWITCH (ESL)."""

from streams.connectors.dialects import Ami, Denied, Esl, Event, Foreign
from streams.connectors.listening import Dialect, listen

__all__ = ["Ami", "Denied", "Dialect", "Esl", "Event", "Foreign", "listen"]
