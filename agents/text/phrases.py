"""Many phrases found in a text at once: a tree of words, walked from every word of the text.

The work is bounded by words of the text times words of the longest phrase; no expression is tried that could be slow.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agents.text.reading import words_of

__all__ = ["Found", "PhraseTree", "spelled_out"]

_CACHED = 20_000
_MOST_WORDS = 16
_MOST_SPELLINGS = 2048


class Found(NamedTuple):
    """A phrase in a text, from word ``start`` up to word ``end``, and what it stands for."""

    start: int
    end: int
    kind: str
    field: str
    value: str


class _Node:
    __slots__ = ("after", "whats")

    def __init__(self) -> None:
        self.after: dict[str, _Node] = {}
        self.whats: list[tuple[str, str, str]] = []


class PhraseTree:
    """Holds phrases and what each stands for; a word that ends with ``*`` stands for all words that begin so."""

    def __init__(self) -> None:
        self._root = _Node()
        self._stems: set[str] = set()
        self._alternatives: dict[str, tuple[str, ...]] = {}

    def add(self, words: Iterable[str], kind: str, field: str = "", value: str = "") -> None:
        """Add one spelling of a phrase, as words."""
        node = self._root
        for word in words:
            if word.endswith("*"):
                self._stems.add(word)
            node = node.after.setdefault(word, _Node())
        what = (kind, field, value)
        if what not in node.whats:
            node.whats.append(what)

    def find(self, words: list[str]) -> list[Found]:
        """Return all phrases in ``words``, by their beginnings, shorter ones before longer ones."""
        first, found = self._root.after, []
        forms = [self._forms(word) for word in words]
        for start, beginnings in enumerate(forms):
            nodes = [first[form] for form in beginnings if form in first]
            end = start
            while nodes:
                end += 1
                for node in nodes:
                    for kind, field, value in node.whats:
                        found.append(Found(start, end, kind, field, value))
                if end == len(forms):
                    break
                nodes = [node.after[form] for node in nodes if node.after for form in forms[end] if form in node.after]
        return found

    def _forms(self, word: str) -> tuple[str, ...]:
        forms = self._alternatives.get(word)
        if forms is None:
            if len(self._alternatives) >= _CACHED:
                self._alternatives.clear()
            stems = (word[:length] + "*" for length in range(1, min(len(word), 40) + 1))
            forms = self._alternatives[word] = (word, *(stem for stem in stems if stem in self._stems))
        return forms


def spelled_out(phrase: str) -> Iterator[list[str]]:
    """Yield the spellings of ``phrase`` as words: ``(a|b)`` is one of several, ``[a]`` may be missing.

    Raises ``ValueError`` with a sentence where brackets do not match, or there are too many spellings or words.
    """
    for count, spelling in enumerate(_spellings(_parsed(phrase)), 1):
        words = words_of(spelling)
        if not words:
            raise ValueError("a phrase needs a word")
        if count > _MOST_SPELLINGS or len(words) > _MOST_WORDS:
            raise ValueError(
                f"at most {_MOST_SPELLINGS} spellings of at most {_MOST_WORDS} words; write it as several phrases"
            )
        yield words


_Part = str | list[list["_Part"]]


def _parsed(phrase: str) -> list[_Part]:
    """Return the parts of a phrase: text, or a list of alternatives."""
    stack: list[tuple[str, list[list[_Part]]]] = [("", [[]])]
    for letter in phrase:
        close, alternatives = stack[-1]
        if letter in "([":
            stack.append((")" if letter == "(" else "]", [[]]))
            if len(stack) > 6:
                raise ValueError("brackets are nested too deeply")
        elif letter in ")]":
            if letter != close:
                raise ValueError(f"{letter} closes nothing")
            stack.pop()
            stack[-1][1][-1].append(alternatives if letter == ")" else [*alternatives, []])
        elif letter == "|" and close:
            alternatives.append([])
        else:
            alternatives[-1].append(letter)
    if len(stack) > 1:
        raise ValueError(f"{stack[-1][0]} is missing")
    return stack[0][1][0]


def _spellings(parts: list[_Part]) -> Iterator[str]:
    if not parts:
        yield ""
        return
    first, rest = parts[0], parts[1:]
    beginnings = [first] if isinstance(first, str) else [text for each in first for text in _spellings(each)]
    for beginning in beginnings:
        for end in _spellings(rest):
            yield beginning + end
