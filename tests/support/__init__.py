"""Real servers for tests and benchmarks.

They listen on free loopback ports, have data of their own, and are gone with the process that started them.
"""
