"""Tests of the streams, over the in-memory broker."""
