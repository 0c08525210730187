"""Tests on a real Apache Kafka and a real PostgreSQL; each is marked `real` by standing here."""
