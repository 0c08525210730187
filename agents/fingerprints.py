"""Compare what was hashed under a key: one fingerprint or sketch, or, while a key is being replaced, one under each of two keys.

Each begins with the id of its key. What has no key in common is incomparable: neither the same nor different.
"""

from collections.abc import Iterable
from typing import Final

__all__ = ["KEY_ID", "LENGTH", "comparable", "differ", "parts", "same"]

KEY_ID: Final = 2
"""Bytes of the id of a key."""

LENGTH: Final = 16
"""Bytes of a fingerprint under one key."""


def parts(hashed: bytes, length: int = LENGTH) -> tuple[bytes, ...]:
    """Return the fingerprints of a value, or what else is ``length`` bytes long, one for each key."""
    if len(hashed) == length:
        return (hashed,)
    return tuple(hashed[start : start + length] for start in range(0, len(hashed), length))


def same(one: bytes, other: bytes, length: int = LENGTH) -> bool:
    """Tell whether two values are equal under a key that both were hashed with."""
    if one == other:
        return True
    if len(one) == len(other) == length:
        return False
    return not set(parts(one, length)).isdisjoint(parts(other, length))


def comparable(one: bytes, others: Iterable[bytes], length: int = LENGTH) -> bool:
    """Tell whether a value can be compared with each of the others."""
    keys = {part[:KEY_ID] for part in parts(one, length)}
    return all(any(part[:KEY_ID] in keys for part in parts(other, length)) for other in others)


def differ(one: bytes, other: bytes) -> bool:
    """Tell whether two fingerprints are of different values; of those without a common key nobody can tell."""
    return one != other and not same(one, other) and comparable(one, (other,))
