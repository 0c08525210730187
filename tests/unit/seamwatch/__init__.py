"""Tests of the program: its commands, and the worker that they put together."""
