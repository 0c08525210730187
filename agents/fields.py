"""Fields: what customers are asked for and tell, and how two values of one are compared without keeping either.

A value is folded by its field's format, hashed under a secret key and thrown away. People see a mask.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from agents.fingerprints import KEY_ID, LENGTH
from agents.sketches import Sketcher, parts_of

__all__ = ["OF", "FieldCatalog", "FieldDefinition", "FieldFormat", "FieldKind", "Fingerprinter", "fold", "fold_words", "mask", "of_thing", "readable", "shown"]

FieldKind = Literal["identity", "contact", "account", "order", "preference", "other"]
FieldFormat = Literal["words", "number", "date", "phone", "email", "postal", "iban", "card", "order"]

OF = " of "
"""Between the name of a field and that of its thing."""

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
    as words. ``region`` (two letters) is where phone numbers without country code and dates in digits are read.
    ``things`` are what else it may be of than the customer or what they have in hand: see :func:`of_thing`.
    """

    name: str
    kind: FieldKind = "other"
    aliases: tuple[str, ...] = ()
    validity: int | None = None
    must_travel: bool = False
    secret: bool = False
    format: FieldFormat | None = None
    region: str | None = None
    things: tuple[str, ...] = ()
    folding: FieldFormat = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folding", self.format or _FORMAT_OF_KIND.get(self.kind, "words"))


    def of_things(self) -> Iterator["FieldDefinition"]:
        """Yield the definition of the field of each thing: the same but for its names, and that it need not travel."""
        for thing in self.things:
            aliases = tuple(of_thing(alias, thing) for alias in self.aliases)
            yield replace(self, name=of_thing(self.name, thing), aliases=aliases, must_travel=False, things=())


def of_thing(name: str, thing: str) -> str:
    """Return what field ``name`` is called where it is that of ``thing``: a field of its own, never compared with that of another thing or of none."""
    return f"{name}{OF}{thing}"


class FieldCatalog:
    """Find a field's definition by its name or an alias; a name that nobody listed is canonical and of kind other."""

    def __init__(self, definitions: Iterable[FieldDefinition] = ()) -> None:
        """Index ``definitions``.

        Raises ``ValueError`` where two of them claim one name or alias.
        """
        self.definitions: tuple[FieldDefinition, ...] = tuple(definitions)
        self._listed: dict[str, FieldDefinition] = {}
        self._unlisted: dict[str, FieldDefinition] = {}
        for definition in (each for listed in self.definitions for each in (listed, *listed.of_things())):
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
    """Turn values into fingerprints that can be compared for equality, and not be turned back without the key.

    While a ``previous`` key is set, a value has a fingerprint under both; :mod:`agents.fingerprints` compares them.
    """

    def __init__(self, key: bytes, previous: bytes | None = None) -> None:
        """Use ``key``, at least 16 secret bytes, and the ``previous`` one; raise ``ValueError`` if one is shorter, or both have one id."""
        if len(key) < 16:
            raise ValueError(f"the key has {len(key)} bytes; use at least 16")
        self._key = key
        self.key_id = hmac.digest(key, b"key id", "sha256")[:KEY_ID]
        self._begun: dict[tuple[str, str], hmac.HMAC] = {}
        self._sketcher = Sketcher(key)
        self._previous = None if previous is None else Fingerprinter(previous)
        if self._previous is not None and self._previous.key_id == self.key_id:
            raise ValueError("the key and the previous one have the same id; use another key")

    def fingerprint(self, tenant: str, definition: FieldDefinition, value: str, language: str | None = None) -> bytes:
        """Return 16 bytes: the key's id (2), and 14 of HMAC-SHA-256(key, tenant, canonical field, folded value); with a previous key, 16 more of it.

        Fingerprints under different keys begin differently and say nothing about each other.
        """
        begun = self._begun.get((tenant, definition.name))
        if begun is None:
            begun = self._begin(tenant, definition.name)
        digest = begun.copy()
        digest.update(fold(definition, value, language).encode("utf-8", "surrogatepass"))
        fingerprint = self.key_id + digest.digest()[: LENGTH - KEY_ID]
        previous = self._previous
        return fingerprint if previous is None else fingerprint + previous.fingerprint(tenant, definition, value, language)

    def sketch(self, text: str) -> tuple[int, bytes] | None:
        """Return the size and the sketch of a text, see :mod:`agents.sketches`; with a previous key, two sketches. None for a short text."""
        story = parts_of(text)
        if story is None:
            return None
        size, parts = story
        sketch = self._sketch(parts)
        previous = self._previous
        return size, sketch if previous is None else sketch + previous._sketch(parts)

    def _sketch(self, parts: set[str]) -> bytes:
        return self.key_id + self._sketcher.sketch(parts)

    def _begin(self, tenant: str, name: str) -> hmac.HMAC:
        if len(self._begun) >= _CACHED:
            self._begun.clear()
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (tenant, name):  # Each behind its length, so that no two triples give the same bytes.
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        self._begun[tenant, name] = digest
        return digest


def fold(definition: FieldDefinition, value: str, language: str | None = None) -> str:
    """Return the form of ``value`` in which it is compared; ``language`` is the tag of the language in which it was said.

    ``words``: NFKC, case folded, trimmed, runs of white space one space.
    ``number``: besides, digits of every script are 0-9, spaces, dashes, dots and slashes between two digits do not count,
    and a number said in words, digit by digit or not, is its digits.
    ``date``: where its order is certain, year, month and day with dashes, without leading zeros. Else as ``number``, but
    what stands between two groups of digits is one dash (the first of December is not the eleventh of February), and
    leading zeros of a group do not count.
    ``phone``: E.164 where it can be dialled; else as ``number``, without parentheses.
    ``email``: lower case, the domain as DNS holds it.
    ``postal``, ``iban``, ``card``, ``order``: as ``number``, without spaces, dashes, dots and slashes anywhere.
    """
    folding = definition.folding
    if folding == "number":
        return _fold_number(value, language)
    if folding == "words":
        return fold_words(value)
    folded = "" if folding == "date" else _fold_number(value, language)
    if folding in _COMPACT and folded.isalnum() and folded.isascii():
        return folded
    from agents.formats.folding import FOLDS  # heavy, and needed by those who have such fields

    return FOLDS[folding](value, folded, language, definition.region) or _fold_date(value)


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
    return shown(value)


def shown(value: str) -> str:
    """Return the beginning of a text of our own as it can be stored and shown."""
    return value[:READABLE].translate(_UNPRINTABLE)


def fold_words(value: str) -> str:
    """Return text without what does not count in words: width, case, and white space but for one space between words."""
    if value.isascii():
        return " ".join(value.lower().split())
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _fold_number(value: str, language: str | None) -> str:
    folded = fold_words(value)
    if folded.isdigit() and folded.isascii():
        return folded
    folded = _fold_digits(folded)
    if not folded.isalnum():
        folded = _SEPARATORS.sub("", folded)
    # What ends in a digit and has no spaces is not said in words.
    if (folded[-1:].isdigit() and " " not in folded) or not _SAID.search(folded):
        return folded
    from agents.formats.folding import said

    return said(folded, language)


def _fold_date(value: str) -> str:
    return _LEADING_ZEROS.sub("", _SEPARATORS.sub("-", _fold_digits(fold_words(value))))


def _fold_digits(folded: str) -> str:
    if folded.isascii():
        return folded
    return "".join(str(unicodedata.digit(letter)) if letter.isdigit() else letter for letter in folded)


_SEPARATORS = re.compile(r"(?<=[0-9])[ ./\-\u00b7\u2010-\u2015\u2044\u2212\u2215]+(?=[0-9])")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_SAID = re.compile(r"(?<![0-9a-z])[a-z]{2,}(?![0-9a-z])|[^\x00-\x7f]")
_COMPACT = frozenset({"card", "order"})
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
