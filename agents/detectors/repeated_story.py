"""A customer explains the problem all over to somebody else."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import Found, Side
from agents.fingerprints import KEY_ID, parts
from agents.repetition import RepetitionRule, repetition, silos_of
from agents.sketches import LENGTH, MINIMUM_CHARACTERS, MINIMUM_WORDS, differing_bits, similarity

__all__ = ["RepeatedStory"]


class RepeatedStoryRule(RepetitionRule):
    """``similarity`` is how alike two tellings are, from 0 to 1: the cosine of the angle between their sets of words.

    A message tells a story from ``minimum_words`` on, in scripts without spaces from ``minimum_characters`` on.
    """

    similarity: Annotated[float, Field(gt=0, le=1)] = 0.65
    minimum_words: Annotated[int, Field(ge=MINIMUM_WORDS)] = MINIMUM_WORDS
    minimum_characters: Annotated[int, Field(ge=MINIMUM_CHARACTERS)] = MINIMUM_CHARACTERS


class RepeatedStory(Detector[RepeatedStoryRule]):
    """Fires at the customer's first message in a segment that says what another handler was told in an earlier one."""

    name = "repeated_story"
    rule_model = RepeatedStoryRule
    types = frozenset({"message"})

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._differing = differing_bits(self.rule.similarity)

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        # Most messages tell none: what is not asked for is not made.
        return self._told(memory, seen) if len(seen.entry.data) > 3 and seen.by_customer else ()

    def _told(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        size, sketch = seen.entry.data[2:4]
        if 0 < size < self.rule.minimum_words or -self.rule.minimum_characters < size < 0:
            return
        bits = {each[:KEY_ID]: int.from_bytes(each[KEY_ID:], "big") for each in parts(sketch, LENGTH)}
        told: list[tuple[Seen, dict[bytes, int]]] = memory.setdefault((self, seen.journey), [])
        if seen.handler is not None and (self, seen.segment) not in memory:
            for first, before in reversed(told):
                if first.segment is seen.segment or first.handler in (None, seen.handler):
                    continue
                differing = _differing(before, bits)
                if differing is not None and differing <= self._differing:
                    memory[self, seen.segment] = True
                    reason = repetition(first, seen)
                    yield Found(
                        self.rule,
                        seen,
                        again=seen,
                        first=first,
                        reason=reason,
                        silos=silos_of(self.rule, reason),
                        sender=Side.of(first),
                        receiver=Side.of(seen),
                        measured={"similarity": round(similarity(differing), 6)},
                    )
                    break
        told.append((seen, bits))


def _differing(one: dict[bytes, int], other: dict[bytes, int]) -> int | None:
    """Return in how many bits two sketches differ at least, of those under a common key; None where there is none."""
    return min([(bits ^ other[key]).bit_count() for key, bits in one.items() if key in other], default=None)
