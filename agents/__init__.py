"""What is watched for: one customer's timeline, the fold over it, detectors, scores.

Everything here but ``agents.live`` is pure: no Kafka, no database, no clock, and no import besides ``models``.
"""
