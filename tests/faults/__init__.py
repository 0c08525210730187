"""Faults for real: what happens to a running installation when its workers, its broker, its database or its network fail.

`python -m tests.faults` runs the matrix (`make faults`); tests/real/test_faults.py runs a short selection of it.
"""
