"""Sketches of what customers tell: 28 bytes by which two texts can be compared, and from which neither can be read.

A text is the set of its words of three letters or more, each cut to six (so that most of its forms are one), and of the
pairs of characters in scripts that put no spaces between words. A sketch is a SimHash of that set: bit by bit, what most
of the keyed hashes of its parts say. Two sketches differ in the share of bits that the angle between the two sets is of
a half turn (Charikar 2002); the cosine of that angle is how similar the texts are, 1 for the same words, 0 for none in common.
"""

import hashlib
import math
import re
from typing import Final

from agents.formats.locale import plain

__all__ = ["LENGTH", "MINIMUM_CHARACTERS", "MINIMUM_WORDS", "Sketcher", "differing_bits", "parts_of", "similarity"]

MINIMUM_WORDS: Final = 8
MINIMUM_CHARACTERS: Final = 12
"""So many words, or characters of a script without spaces, a text has at least that gets a sketch."""

LENGTH: Final = 30
"""Bytes of a sketch: the id of its key (2), and 28 of bits."""

_BITS: Final = 224
_LONGEST: Final = 4096
_FEWEST_PARTS: Final = 8
_MOST_PARTS: Final = 255
_CACHED: Final = 4096
_ASCII_WORDS = re.compile(r"\b[a-z0-9]{3,6}")
_WORDS = re.compile(r"\b[^\W_]{3,6}")
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f]+"
)
_BITS_OF_DIGITS = bytes(each & 1 for each in range(256))
_MAJORITY = tuple(bytes(48 + (2 * count > total) for count in range(256)) for total in range(_MOST_PARTS + 1))


def parts_of(text: str) -> tuple[int, set[str]] | None:
    """Return how long a text is (words; of a script without spaces characters, negative) and what is compared of it; None where it is too short.

    Of a longer one the first 4,096 characters are read.
    """
    spaces = text.count(" ", 0, _LONGEST)
    if text.isascii():
        if spaces < MINIMUM_WORDS - 1:
            return None
        size, parts = spaces + 1, set(_ASCII_WORDS.findall(text[:_LONGEST].lower()))
    else:
        runs = _WITHOUT_SPACES.findall(text[:_LONGEST])
        characters = sum(map(len, runs))
        if characters < MINIMUM_CHARACTERS and spaces < MINIMUM_WORDS - 1:
            return None
        size = spaces + 1 if characters < MINIMUM_CHARACTERS else -characters
        text = plain(text[:_LONGEST])
        if runs:
            text = _WITHOUT_SPACES.sub(" ", text)
        parts = set(_WORDS.findall(text))
        for run in runs:
            parts.update([run[start : start + 2] for start in range(len(run) - 1)])
    if len(parts) < _FEWEST_PARTS:
        return None
    if len(parts) > _MOST_PARTS:
        parts = set(sorted(parts)[:_MOST_PARTS])
    return size, parts


def differing_bits(similarity: float) -> int:
    """Return in how many bits the sketches of texts at least so similar (0..1) differ at most."""
    return math.floor(_BITS * math.acos(similarity) / math.pi)


def similarity(differing: int) -> float:
    """Return how similar (0..1) texts are whose sketches differ in so many bits."""
    return max(0.0, math.cos(math.pi * differing / _BITS))


class Sketcher:
    """Makes sketches under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"sketches" + key).digest()
        self._lanes: dict[str, int] = {}

    def sketch(self, parts: set[str]) -> bytes:
        """Return 28 bytes of bits for at most 255 parts of a text."""
        total = 0
        for part in parts:
            lanes = self._lanes.get(part)
            total += self._spread(part) if lanes is None else lanes
        majority = total.to_bytes(_BITS, "big").translate(_MAJORITY[len(parts)])
        return int(majority, 2).to_bytes(_BITS // 8, "big")

    def _spread(self, part: str) -> int:
        """Return the hash of a part with a byte for each of its bits, so that adding up counts them all at once."""
        if len(self._lanes) >= _CACHED:
            self._lanes.clear()
        encoded = part.encode("utf-8", "surrogatepass")
        bits = int.from_bytes(hashlib.blake2b(encoded, digest_size=_BITS // 8, key=self._key).digest(), "big")
        lanes = self._lanes[part] = int.from_bytes(f"{bits:0{_BITS}b}".encode().translate(_BITS_OF_DIGITS), "big")
        return lanes
