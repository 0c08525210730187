"""Times of day, as people write them."""

import pytest

from agents.text.reading import read
from agents.text.times import times

SAID = [
    ("17:15", ["17:15"]),
    ("5 pm", ["17:00"]),
    ("12:15 am", ["00:15"]),
    ("17.30 Uhr", ["17:30"]),
    ("下午5点", ["17:00"]),
    ("下午5:30左右", ["17:30"]),
    ("晚上七点半", ["19:30"]),
    ("下午三点一刻", ["15:15"]),
    ("十一点四十五分出发", ["11:45"]),
    ("二十点零五到", ["20:05"]),
    ("下午六時半", ["18:30"]),
    ("今晚7點5個人", ["19:00"]),
    ("八点两个人", ["08:00"]),
    ("中午12点半", ["12:30"]),
    ("中午一点", ["13:00"]),
    ("中午11点", ["11:00"]),
    ("晚上12点", ["00:00"]),
    ("一点半", ["01:30"]),
    ("便宜一点", []),
    ("三小时", []),
    ("什么时候", []),
    ("3点", ["03:00"]),
]


@pytest.mark.parametrize(("text", "expected"), SAID)
def test_a_time_of_day_is_read(text: str, expected: list[str]) -> None:
    """In digits and in Chinese numerals, by the part of the day that stands before; *a little* is none."""
    assert [each.normal for each in times(text)] == expected


@pytest.mark.parametrize("text", ["我们2位，17:15过去", "出发时间：17:15", "时间：17:15，2位"])
def test_a_time_behind_a_chinese_mark_is_read(text: str) -> None:
    """A comma or colon of full width does not join a time to what stands before it."""
    assert [each.normal for each in times(read(text).text)] == ["17:15"]


def test_a_comma_that_parts_thousands_is_kept() -> None:
    """12，000 stays one number."""
    assert "12,000" in read("一共12，000元").text
