"""What customers are asked for again within one contact is found, in dialogues that nobody had looked at."""

import pytest

from tests.quality import public
from tests.quality.within import SHEETS, SOURCES, counted, dialogues, findings, sample, sheet

pytestmark = pytest.mark.slow
LANGUAGES = {"en": ("multiwoz_test",), "de": ("woz_de_more", "bcontrast")}


@pytest.mark.parametrize("name", SOURCES)
def test_what_was_read_are_the_dialogues_that_the_seed_draws(name: str) -> None:
    """The sheet holds each dialogue of the draw, and tells nothing of a turn in which nobody who serves speaks."""
    if missing := public.absent(name):
        pytest.skip(missing)
    drawn, known = sample(name), dialogues(name)
    rows = (SHEETS / f"{name}.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {row.partition(",")[0] for row in rows} == set(drawn)
    assert len(drawn) > 100
    for (dialogue, turn, _), kind in sheet(name).items():
        assert known[dialogue]["turns"][turn]["role"] == "system"
        assert kind in ("asked", "unclear")


@pytest.mark.parametrize("language", LANGUAGES)
def test_seven_in_ten_are_found_and_few_findings_are_wrong(language: str) -> None:
    """Of messages alone: seven in ten are found, and seventeen in twenty findings are right, alerts or not."""
    sums = [0, 0, 0]
    for name in LANGUAGES[language]:
        if missing := public.absent(name):
            pytest.skip(missing)
        sums = [one + other for one, other in zip(sums, next(counted(name, findings(name, sample(name))))[1], strict=True)]
    read, found, right = sums
    assert read > 15
    assert right >= 0.85 * found, sums
    assert right >= 0.70 * read, sums
