"""The name of a seam."""

import pytest

from models.finding import seam_sides


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("team:billing>team:tech", ("team:billing", "team:tech")),
        ("channel:voice>channel:web", ("channel:voice", "channel:web")),
        ("team:a>b>team:c>d", ("team:a>b", "team:c>d")),
        ("team:a: b>team:", ("team:a: b", "team:")),
        ("team:billing", ("team:billing", "")),
        ("a>b", ("a>b", "")),
        ("", ("", "")),
    ],
)
def test_a_team_may_be_called_anything(name: str, sides: tuple[str, str]) -> None:
    """What stands between two sides is the first > before a team or a channel; what is no seam has one side alone."""
    assert seam_sides(name) == sides
