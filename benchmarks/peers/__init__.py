"""What others do with the same topic: each counts by customer, prints its events a second, and runs in a process of its own.

``python benchmarks/peers/NAME.py BOOTSTRAP TOPIC PARTITIONS EVENTS``
"""
