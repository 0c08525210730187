"""The demonstration: a broker, a database, a worker, the console and simulated traffic, brought up together and taken down without a trace.

Modules: `traffic` (the simulated contact centre, into Kafka), `worker`, `insight` and `console` (each in a process of its own), `stage` (all of it, in order).
"""
