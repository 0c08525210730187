"""Tables that a program measures and a document shows: what stands between two marker lines."""

import re
from pathlib import Path

__all__ = ["replace_between"]


def replace_between(document: Path, begin: str, end: str, text: str) -> None:
    """Put ``text`` between the marker lines ``begin`` and ``end`` of ``document``, in place of what stands there.

    Raises ``ValueError`` where the document has no such lines.
    """
    content = document.read_text(encoding="utf-8")
    between = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
    if not between.search(content):
        raise ValueError(f"{document}: expected the lines {begin!r} and {end!r}")
    document.write_text(between.sub(lambda _: f"{text.rstrip()}\n", content), encoding="utf-8")
