"""Tests of settings, rules, cases and fields as they are loaded."""
