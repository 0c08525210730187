"""Tests of the detection, without Kafka, files or clocks."""
