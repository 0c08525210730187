"""Fields: what customers are asked for and tell, and how two values of one are compared without keeping either.

A value is folded by its field's format, hashed under a secret key and thrown away. People see a mask.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

__all__ = [
    "FieldCatalog",
    "FieldDefinition",
    "FieldFormat",
    "FieldKind",
    "Fingerprinter",
    "differ",
    "fold",
    "fold_words",
    "mask",
    "readable",
]

FieldKind = Literal["identity", "contact", "account", "order", "preference", "other"]
FieldFormat = Literal["words", "number", "date"]

READABLE = 80
"""How many characters are shown of a value that the company stated."""

_CACHED = 4096
"""How many unlisted names, or pairs of tenant and field, are remembered: they come from outside, without end."""


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """What is known of a field.

    ``validity`` is how long a value holds, in microseconds; ``None``: for the journey. ``must_travel``: a handoff that
    leaves it out loses context. ``secret``: nobody is shown any part of a value. ``format`` says how values are folded
    before they are compared (see :func:`fold`); ``None``: as a number for identity, contact, account and order, else
    as words.
    """

    name: str
    kind: FieldKind = "other"
    aliases: tuple[str, ...] = ()
    validity: int | None = None
    must_travel: bool = False
    secret: bool = False
    format: FieldFormat | None = None
    folding: FieldFormat = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folding", self.format or _FORMAT_OF_KIND.get(self.kind, "words"))


class FieldCatalog:
    """Find a field's definition by its name or an alias; a name that nobody listed is canonical and of kind other."""

    def __init__(self, definitions: Iterable[FieldDefinition] = ()) -> None:
        """Index ``definitions``.

        Raises ``ValueError`` where two of them claim one name or alias.
        """
        self.definitions: tuple[FieldDefinition, ...] = tuple(definitions)
        self._listed: dict[str, FieldDefinition] = {}
        self._unlisted: dict[str, FieldDefinition] = {}
        for definition in self.definitions:
            for name in (definition.name, *definition.aliases):
                if name in self._listed:
                    raise ValueError(f"{name} is both {self._listed[name].name} and {definition.name}")
                self._listed[name] = definition
        self.must_travel: frozenset[str] = frozenset(each.name for each in self.definitions if each.must_travel)

    def definition(self, name: str) -> FieldDefinition:
        """Return the definition behind ``name``."""
        found = self._listed.get(name) or self._unlisted.get(name)
        if found is None:
            if len(self._unlisted) >= _CACHED:
                self._unlisted.clear()
            found = self._unlisted[name] = FieldDefinition(name)
        return found


class Fingerprinter:
    """Turn values into fingerprints that can be compared for equality, and not be turned back without the key."""

    KEY_ID_BYTES: ClassVar = 2
    LENGTH: ClassVar = 16

    def __init__(self, key: bytes) -> None:
        """Use ``key``, at least 16 secret bytes; a shorter one raises ``ValueError``."""
        if len(key) < 16:
            raise ValueError(f"the key has {len(key)} bytes; use at least 16")
        self._key = key
        self.key_id = hmac.digest(key, b"key id", "sha256")[: self.KEY_ID_BYTES]
        self._begun: dict[tuple[str, str], hmac.HMAC] = {}

    def fingerprint(self, tenant: str, definition: FieldDefinition, value: str) -> bytes:
        """Return 16 bytes: the key's id (2), and 14 of HMAC-SHA-256(key, tenant, canonical field, folded value).

        Fingerprints under different keys begin differently and say nothing about each other.
        """
        begun = self._begun.get((tenant, definition.name))
        if begun is None:
            begun = self._begin(tenant, definition.name)
        digest = begun.copy()
        digest.update(_FOLDS[definition.folding](value).encode("utf-8", "surrogatepass"))
        return self.key_id + digest.digest()[: self.LENGTH - self.KEY_ID_BYTES]

    def _begin(self, tenant: str, name: str) -> hmac.HMAC:
        if len(self._begun) >= _CACHED:
            self._begun.clear()
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (tenant, name):  # Each behind its length, so that no two triples give the same bytes.
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        self._begun[tenant, name] = digest
        return digest


def differ(one: bytes, other: bytes) -> bool:
    """Tell whether two fingerprints are of different values; of different keys nobody can tell."""
    return one != other and one[: Fingerprinter.KEY_ID_BYTES] == other[: Fingerprinter.KEY_ID_BYTES]


def fold(definition: FieldDefinition, value: str) -> str:
    """Return the form of ``value`` in which it is compared.

    ``words``: NFKC, case folded, trimmed, runs of white space one space.
    ``number``: besides, digits of every script are 0-9, and spaces, dashes, dots and slashes between two digits do not
    count.
    ``date``: as ``number``, but what stands between two groups of digits is one dash (the first of December is not the
    eleventh of February), and leading zeros of a group do not count.
    """
    return _FOLDS[definition.folding](value)


def mask(definition: FieldDefinition, value: str) -> str:
    """Return what people may see of ``value``: the last third, at most four characters; nothing if short or secret."""
    length = len(value)
    if definition.secret or length < 6:
        return "…"
    return "…" + value[-min(length // 3, 4) :].translate(_UNPRINTABLE)


def readable(definition: FieldDefinition, value: str) -> str:
    """Return what people may see of a ``value`` that we stated ourselves: its beginning, or its mask where it is the customer's own or secret."""
    if definition.secret or definition.kind != "other":
        return mask(definition, value)
    return value[:READABLE].translate(_UNPRINTABLE)


def fold_words(value: str) -> str:
    """Return words in the form in which they are compared: NFKC, case folded, trimmed, runs of white space one space."""
    if value.isascii():
        return " ".join(value.lower().split())
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _fold_number(value: str) -> str:
    folded = _fold_digits(fold_words(value))
    return folded if folded.isalnum() else _SEPARATORS.sub("", folded)


def _fold_date(value: str) -> str:
    return _LEADING_ZEROS.sub("", _SEPARATORS.sub("-", _fold_digits(fold_words(value))))


def _fold_digits(folded: str) -> str:
    if folded.isascii():
        return folded
    return "".join(str(unicodedata.digit(letter)) if letter.isdigit() else letter for letter in folded)


_SEPARATORS = re.compile(r"(?<=[0-9])[ ./\-\u00b7\u2010-\u2015\u2044\u2212\u2215]+(?=[0-9])")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_FOLDS: Mapping[FieldFormat, Callable[[str], str]] = {
    "words": fold_words,
    "number": _fold_number,
    "date": _fold_date,
}
_FORMAT_OF_KIND: Mapping[FieldKind, FieldFormat] = {
    "identity": "number",
    "contact": "number",
    "account": "number",
    "order": "number",
}

# A mask is stored and shown: no control characters and half characters, which PostgreSQL could not store, and none that
# turn the direction of the text around it.
_UNPRINTABLE = {
    code: "\ufffd"
    for first, last in ((0, 0x1F), (0x7F, 0x9F), (0x2028, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF))
    for code in range(first, last + 1)
}
