"""What Seamwatch promises, proven.

`unit` mirrors the rooms, `real` needs Apache Kafka and PostgreSQL, `support` gives them.
"""
