"""Whether the installed Faust and aiokafka are those that this room builds on: their private names are checked at start, not found missing in the night."""

import importlib
import inspect
from importlib.metadata import version
from typing import Any

from streams.errors import IncompatibleLibrary

__all__ = ["REQUIRED", "self_check"]

REQUIRED: dict[str, tuple[str, ...] | None] = {
    # Faust's consumer: what `BatchConsumer` overrides or calls, with the parameters that matter (None: only the name).
    "faust.transport.consumer:Consumer._drain_messages": ("fetcher",),
    "faust.transport.consumer:Consumer._getmany": ("active_partitions", "timeout"),
    "faust.transport.consumer:Consumer._get_active_partitions": (),
    "faust.transport.consumer:Consumer._commit": ("offsets",),
    "faust.transport.consumer:Consumer.ack": ("message",),
    "faust.transport.consumer:Consumer.commit": ("topics", "start_new_transaction"),
    "faust.transport.consumer:ThreadDelegateConsumer.earliest_offsets": ("partitions",),
    "faust.transport.consumer:ThreadDelegateConsumer.position": ("tp",),
    "faust.transport.consumer:Consumer.force_commit": ("topics", "start_new_transaction"),
    "faust.transport.consumer:Consumer.maybe_wait_for_commit_to_finish": (),
    "faust.transport.consumer:Consumer.on_partitions_revoked": ("revoked",),
    "faust.transport.consumer:Consumer.perform_seek": (),
    "faust.transport.consumer:Consumer.seek_to_committed": (),
    "faust.transport.consumer:Consumer.stop_flow": (),
    "faust.transport.consumer:Consumer.verify_event_path": ("now", "tp"),
    "faust.transport.consumer:Consumer.wait_empty": (),
    "faust.transport.consumer:Fetcher._fetcher": None,
    # What drives aiokafka's consumer, by itself in a thread.
    "mode.services:Service._default_start": (),
    "mode.services:Service._default_stop_futures": (),
    "mode.services:Service._default_stop_exit_stacks": (),
    "mode.threads:ServiceThread._stop_exit_stacks": (),
    "mode.threads:ServiceThread._stop_futures": (),
    "mode.threads:ServiceThread.start": (),
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": ("transport",),
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._ensure_consumer": (),
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.call_thread": None,
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.highwater": ("tp",),
    "faust.transport.drivers.aiokafka:Consumer._new_consumer_thread": (),
    "faust.transport.drivers.aiokafka:Transport.Consumer": None,
    "faust.transport.drivers.aiokafka:Transport.Producer": None,
    # The app.
    "faust.app.base:App._new_transport": (),
    "faust.app.base:App._new_producer_transport": (),
    "faust.app.base:App.on_first_start": (),
    "faust.app.base:App.on_start": (),
    "faust.app.base:App.on_stop": (),
    "faust.app.base:BootStrategy.enable_kafka_producer": None,
    "faust.app.base:BootStrategy.enable_web": None,
    "faust.serializers.schemas:Schema.compile": ("app",),
    "faust.streams:Stream.noack": (),
    "faust.transport.producer:Producer.flush": (),
    # aiokafka.
    "aiokafka.consumer.consumer:Fetcher": None,
    "aiokafka.consumer.fetcher:Fetcher._get_actions_per_node": ("assignment",),
    "aiokafka.consumer.fetcher:PartitionRecords.__init__": ("value_deserializer",),
    "aiokafka.consumer.fetcher:MemoryRecords": None,
    "aiokafka.consumer.fetcher:PartitionRecords._unpack_records": (),
    "aiokafka.record.default_records:_DefaultRecordBatchPy._maybe_uncompress": (),
    "aiokafka.record.memory_records:_MemoryRecordsPy._cache_next": (),
    "aiokafka.consumer.fetcher:PartitionRecords._consumer_record": ("tp", "record"),
    "aiokafka.consumer.subscription_state:SubscriptionState.fetch_context": (),
    "aiokafka.producer.producer:AIOKafkaProducer.create_batch": (),
    "aiokafka.producer.producer:AIOKafkaProducer.send_batch": ("batch", "topic", "partition"),
    "aiokafka.producer.message_accumulator:BatchBuilder.append": ("timestamp", "key", "value", "headers"),
}
"""Where: what it must accept."""

_MESSAGE_FIELDS = ("acked", "generation_id", "tp", "value")
_ATTRIBUTES = {
    "_unacked_messages", "can_resume_flow", "suspend_flow", "flow_active", "callback", "consumer_stopped_errors",
}  # fmt: skip
"""Attributes of Faust's consumer that are set on the instance, looked for in the source of its module."""


def self_check(required: dict[str, tuple[str, ...] | None] = REQUIRED) -> None:
    """Compare the installed libraries with what this room builds on.

    Raises `IncompatibleLibrary` that names every difference and the installed versions.
    """
    wrong = [problem for where, parameters in required.items() if (problem := _problem(where, parameters))]
    from faust.transport import consumer
    from faust.types.tuples import ConsumerMessage

    source = inspect.getsource(consumer)  # of the module: that of a class is found by parsing it all
    wrong += [f"faust.transport.consumer:Consumer has no {name}" for name in sorted(_ATTRIBUTES) if name not in source]
    wrong += [
        f"faust.types.tuples:ConsumerMessage has no {name}"
        for name in _MESSAGE_FIELDS
        if not hasattr(ConsumerMessage, name)
    ]
    if wrong:
        installed = ", ".join(f"{name} {version(name)}" for name in ("faust-streaming", "aiokafka", "mode-streaming"))
        raise IncompatibleLibrary(
            f"installed are {installed}, expected faust-streaming 0.15.2 or a later 0.15: {'; '.join(wrong)}"
        )


def _problem(where: str, parameters: tuple[str, ...] | None) -> str | None:
    module_name, _, path = where.partition(":")
    found: Any
    try:
        found = importlib.import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return f"{where} is gone"
    if parameters is None:
        return None
    try:
        accepted = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return f"{where} is no longer a function"
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in accepted.values()):
        return None
    missing = [name for name in parameters if name not in accepted]
    return f"{where} no longer takes {', '.join(missing)}" if missing else None
