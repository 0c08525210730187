"""Tests of the console's server, each over a database of its own."""
