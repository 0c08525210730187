"""How data flows: the Faust app, batches and their delivery, state and changelog, event time, dead letters, sources, brokers.

Nothing here knows what a failure is (`agents`) or where results go (`sinks`). Modules are imported by name, so that `replay` can use the sources without
loading Kafka.
"""

__all__: list[str] = []
