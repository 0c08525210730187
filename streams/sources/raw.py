"""What is inside raw records: arrays of them, forms, JSON that stands as text in JSON, HTML."""

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from streams.sources.errors import Unmappable

__all__ = ["elements", "form", "read_texts", "without_tags"]

_MOST_FIELDS = 1000
_BLOCKS = frozenset({"blockquote", "br", "div", "h1", "h2", "h3", "hr", "li", "ol", "p", "pre", "table", "tr", "ul"})
_UNSEEN = frozenset({"script", "style"})


def elements(raw: bytes) -> list[bytes]:
    """Return the elements of a JSON array, each as it was written.

    Raises :class:`Unmappable` where it is none.
    """
    try:
        return [bytes(each) for each in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    except RecursionError as error:
        raise Unmappable("the JSON is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unmappable("not JSON") from error


def form(raw: bytes) -> dict[str, Any]:
    """Return the fields of a form (``application/x-www-form-urlencoded``); of a name that comes twice, the last one.

    Raises :class:`Unmappable` where it is none.
    """
    try:
        return dict(parse_qsl(raw.decode(), strict_parsing=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise Unmappable("not a form in UTF-8") from error


def read_texts(record: dict[str, Any], places: Sequence[str]) -> None:
    """Replace text by the JSON that it holds at ``places`` (keys with dots between them); what is no JSON stays text."""
    for place in places:
        *path, last = place.split(".")
        holder: Any = record
        for key in path:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and isinstance(text := holder.get(last), str):
            try:
                holder[last] = msgspec.json.decode(text)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                continue


def without_tags(html: str) -> str:
    """Return the text of HTML as lines, one a block; what a browser does not show is left out."""
    words = _Words()
    words.feed(html)
    words.close()
    return "\n".join(line for part in "".join(words.parts).split("\n") if (line := " ".join(part.split())))


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._unseen = False

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self._unseen = tag in _UNSEEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen = False
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)
