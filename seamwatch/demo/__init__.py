"""The demonstration: a broker, a database, a worker and simulated traffic, brought up together and taken down without a trace.

Modules: `traffic` (the simulated contact centre, into Kafka), `worker` (the worker in a process of its own), `stage` (all of it, in order).
"""
