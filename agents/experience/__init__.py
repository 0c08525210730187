"""How customers experience a company: one score a file, each with what it measures in a timeline and its formula.

A measure is told of touchpoints and answers with evidence: chances to do well, and how far each was missed. Evidence is summed by part; a score is a formula
of the sums of one or more parts (``RESTS_ON``), so partial sums of many partitions add up, and what a new fold takes back is subtracted.
"""

from collections.abc import Mapping, Sequence

from agents.experience.communication import COMMUNICATION, Facts, Promises, communication_score
from agents.experience.difference import DIFFERENCE, Handlings, difference_score
from agents.experience.emotional import EMOTIONAL, Moods, emotional_score
from agents.experience.evidence import BROUGHT_SHORT, LEAST, MOVED, MOVED_BY_PARTNERS, Evidence, Measure, Settings, Told
from agents.experience.expectation import EXPECTATION, Expectations, expectation_score
from agents.experience.fusion import FUSION, Bonds, consumer_fusion, fusion_score, points_of
from agents.experience.purpose import PURPOSE, Contacts, purpose_score
from agents.experience.three_cs import THREE_CS, three_cs_score
from agents.experience.value import VALUE, Answers, value_score

__all__ = [
    "BROUGHT_SHORT",
    "COMMUNICATION",
    "DIFFERENCE",
    "EMOTIONAL",
    "EXPECTATION",
    "FUSION",
    "LEAST",
    "MEASURES",
    "MOVED",
    "MOVED_BY_PARTNERS",
    "PURPOSE",
    "RESTS_ON",
    "THREE_CS",
    "VALUE",
    "Evidence",
    "Measure",
    "Settings",
    "Told",
    "communication_score",
    "consumer_fusion",
    "difference_score",
    "emotional_score",
    "expectation_score",
    "fusion_score",
    "points_of",
    "purpose_score",
    "three_cs_score",
    "value_score",
]

MEASURES: Sequence[type[Measure]] = (Moods, Promises, Facts, Contacts, Handlings, Answers, Expectations, Bonds)

RESTS_ON: Mapping[str, tuple[str, ...]] = {
    EMOTIONAL: ("moods",),
    COMMUNICATION: ("promises", "facts"),
    THREE_CS: ("moods", "promises", "facts"),
    PURPOSE: ("contacts",),
    DIFFERENCE: ("handlings",),
    VALUE: ("answers",),
    EXPECTATION: ("promises", "expected", "advertised"),
    FUSION: (MOVED, MOVED_BY_PARTNERS),
}
"""By score the parts whose sums it is made of; the headline of the three Cs rests on the sums of consistency besides."""
