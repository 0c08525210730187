"""Compare fingerprints: one of 16 bytes, or, while a key is being replaced, one under each of two keys.

Each begins with the id of its key. Values whose fingerprints have no key in common are incomparable: neither the same
nor different.
"""

from collections.abc import Iterable
from typing import Final

__all__ = ["comparable", "parts", "same"]

_LENGTH: Final = 16
_KEY_ID: Final = 2


def parts(fingerprint: bytes) -> tuple[bytes, ...]:
    """Return the fingerprints of a value, one for each key."""
    if len(fingerprint) == _LENGTH:
        return (fingerprint,)
    return tuple(fingerprint[start : start + _LENGTH] for start in range(0, len(fingerprint), _LENGTH))


def same(one: bytes, other: bytes) -> bool:
    """Tell whether two values are equal under a key that both were hashed with."""
    if one == other:
        return True
    if len(one) == len(other) == _LENGTH:
        return False
    return not set(parts(one)).isdisjoint(parts(other))


def comparable(one: bytes, others: Iterable[bytes]) -> bool:
    """Tell whether a value can be compared with each of the others."""
    keys = {part[:_KEY_ID] for part in parts(one)}
    return all(any(part[:_KEY_ID] in keys for part in parts(other)) for other in others)
