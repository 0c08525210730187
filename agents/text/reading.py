"""A message's text as it is read: cut to a length, without what cannot be seen, as words with their places.

Every step is linear in what is kept of the text, and what is kept is bounded.
"""

import html
import re
import unicodedata
from typing import NamedTuple

from hanziconv.charmap import simplified_charmap, traditional_charmap

__all__ = ["MAXIMUM_CHARACTERS", "Reading", "folded", "read", "words_of"]

MAXIMUM_CHARACTERS = 8_192
"""How much of a message is read, in characters; what stands behind is not looked at, and that is counted."""

_UNSEEN: dict[int, str | None] = {
    **dict.fromkeys((*range(9), *range(0xB, 0xD), *range(0xE, 0x20), *range(0x7F, 0xA0)), " "),
    **dict.fromkeys(
        (0xAD, 0x200B, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), None
    ),
    **dict.fromkeys((*range(0xFE00, 0xFE10), 0x640, *range(0x64B, 0x653), *range(0xE0000, 0xE0080)), None),
    0x3002: "。 ",  # so that no number begins with it
    0x200C: " ",  # the Persian half space parts words as a space does
    0x64A: "\u06cc",  # Arabic letters that stand for Persian ones, and those that are written with a hamza or madda or without
    0x643: "\u06a9",
    0x622: "\u0627",
    0x623: "\u0627",
    0x624: "\u0648",
    0x626: "\u06cc",
}
_HALF = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"<(?:!--|/?[A-Za-z])[^<>]{0,2000}>")
_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[0-9](?:[0-9.,:/\-]*[0-9])?|[{_HAN}]|[^\W0-9_{_HAN}]+|_|[^\w\s]|\n")
_FOLD: dict[int, str] = {
    **{
        ord(traditional): simplified
        for traditional, simplified in zip(traditional_charmap, simplified_charmap, strict=True)
    },
    **{
        ord(letter): other
        for letter, other in {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "帐": "账", "帳": "账", "週": "周", "覆": "复", "妳": "你"}.items()
    },
}
_ENDS = frozenset(".?!;\n。！？；؟؛…")
_QUESTIONS = frozenset("?？؟")


class Reading(NamedTuple):
    """A text as words; ``starts`` and ``ends`` are their places in ``text``.

    ``sentence_of`` numbers the sentence of each word, ``questions`` those that end with a question mark; ``punctuated``: some sentence ends with a mark at
    all, as those of a speech recogniser may not. ``truncated``: more was written than is read.
    """

    text: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    sentence_of: list[int]
    questions: frozenset[int]
    punctuated: bool
    truncated: bool


def read(text: str) -> Reading:
    """Return ``text`` as words: visible characters, compatible forms made one, tags of HTML taken out, digits of every script as 0-9."""
    truncated = len(text) > MAXIMUM_CHARACTERS
    if truncated:
        text = text[:MAXIMUM_CHARACTERS]
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = _LISTED.sub(", ", text)
        text = unicodedata.normalize("NFKC", _HALF.sub("\ufffd", text))[:MAXIMUM_CHARACTERS]
        text = _western_digits(text)
    text = text.translate(_UNSEEN)
    words, starts, ends, sentence_of, questions, sentence = [], [], [], [], set(), 0
    for found in _WORD.finditer(text):
        word = found.group()
        if word in _APOSTROPHES:
            continue
        words.append(folded(word))
        starts.append(found.start())
        ends.append(found.end())
        sentence_of.append(sentence)
        if word in _ENDS and not (word == "." and text[found.end() : found.end() + 1].islower()):  # "jane@example.com"
            if word in _QUESTIONS:
                questions.add(sentence)
            sentence += 1
    return Reading(text, words, starts, ends, sentence_of, frozenset(questions), sentence > 0, truncated)


def words_of(phrase: str) -> list[str]:
    """Return the words of a phrase of the vocabulary, as they come in texts; a ``*`` stays at the end of its word."""
    words: list[str] = []
    for word in read(phrase).words:
        if word == "*" and words:
            words[-1] += "*"
        else:
            words.append(word)
    return words


def folded(word: str) -> str:
    """Return the form in which words are compared: small letters, German umlauts as two letters, Chinese in simplified script."""
    if word.isascii():
        return word.lower()
    return word.casefold().translate(_FOLD)


_LISTED = re.compile(r"\uff0c(?=[0-9\uff10-\uff19])(?!(?<=[0-9\uff10-\uff19]\uff0c)[0-9\uff10-\uff19]{3}(?![0-9\uff10-\uff19]))")
"""A comma of full width before digits that does not part thousands: it becomes a narrow one, and would join them to what stands before."""
_APOSTROPHES = frozenset("'’‘`´ʼ")


def _western_digits(text: str) -> str:
    if not _OTHER_DIGIT.search(text):
        return text
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.digit(digit.group())), text)


_OTHER_DIGIT = re.compile(r"[^\D0-9]")
