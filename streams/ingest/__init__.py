"""The way in by HTTP: what a vendor posts is checked, appended unchanged to its raw topic, and confirmed when Kafka has it."""

from streams.ingest.appender import Appender
from streams.ingest.server import DoorObserver, Ingest, OpenDoor
from streams.ingest.signatures import Check, checker

__all__ = ["Appender", "Check", "DoorObserver", "Ingest", "OpenDoor", "checker"]
