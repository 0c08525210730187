"""What a handler who reads the brief would not have asked again."""

import pytest

from tests.quality.briefs import verdicts


@pytest.mark.parametrize("mess_rate", [0.0, 0.1])
def test_the_brief_would_have_spared_most_repeated_requests(mess_rate: float) -> None:
    """In simulated journeys only what was told to the asking handler since the brief is asked again, whether or not touchpoints come late."""
    counts = verdicts(400, mess_rate=mess_rate)
    assert sum(counts.values()) > 30
    assert {reason for reason, verdict in counts if verdict != "avoidable"} <= {"same_segment"}
