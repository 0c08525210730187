"""Read by brute force whether a customer explains the problem all over: from the words of the texts themselves, without sketches.

Readings, after those of `oracle`:
S1. A story is a customer's `message`, not private, of at least `minimum_words` words (white space between them) or `minimum_characters` characters of a script
    without spaces, of which at least eight different parts are compared: words of three letters or more, cut to six, and pairs of such characters.
S2. Fires at the first story of a segment that is like one of another segment, earlier in the order, in its journey, told to another handler. Both
    handlers are known: what nobody was told yet is not told again. Not: to another person of the team, which no source tells.
S3. The latest such story is `first`. Once a segment; a story that fired can be `first` of another.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .oracle import Oracle

SPACELESS = "[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
KEYBOARDS = str.maketrans({"\u064a": "\u06cc", "\u0643": "\u06a9", "\u200c": " "})


def parts_of(text: str) -> set[str]:
    """Return the words and pairs of characters that a text is compared by."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(KEYBOARDS)
    folded = "".join(str(unicodedata.digit(letter)) if letter.isdigit() else letter for letter in folded)
    words = re.findall(r"[^\W_]+", re.sub(SPACELESS, " ", folded))
    runs = re.findall(SPACELESS + "+", folded)
    return {word[:6] for word in words if len(word) >= 3} | {
        run[at : at + 2] for run in runs for at in range(len(run) - 1)
    }


def repeated_story(oracle: Oracle) -> None:
    """Told another handler what one was told before."""
    rule = oracle.rules["repeated_story"]
    stories: list[tuple[int, set[str]]] = []
    for point in oracle.points:
        if point.type != "message" or point.kind != "customer" or point.data.get("private") is True:
            continue
        text = point.data["text"]
        characters, words = len(re.findall(SPACELESS, text)), text.count(" ") + 1
        enough = characters >= rule["minimum_characters"] if characters >= 12 else words >= rule["minimum_words"]
        if enough and len(parts_of(text)) >= 8:
            stories.append((point.index, parts_of(text)))
    fired = set()
    for index, parts in stories:
        point = oracle.points[index]
        if point.handler is None or point.segment in fired:
            continue
        like = [
            oracle.points[earlier]
            for earlier, others in stories
            if earlier < index and len(parts & others) >= rule["similarity"] * math.sqrt(len(parts) * len(others))
        ]
        heard = [
            one
            for one in like
            if one.journey == point.journey
            and one.segment != point.segment
            and one.handler not in (None, point.handler)
        ]
        if heard:
            fired.add(point.segment)
            first = heard[-1]
            oracle.add(
                "repeated_story",
                first=first,
                again=point,
                sides=(first.side, point.side),
                channels=(first.channel, point.channel),
                reason=oracle.reason_between(first, point),
            )
