"""Tests that need no server, one folder a room."""
