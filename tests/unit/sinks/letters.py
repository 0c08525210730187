"""Dead letters in the database: found by filter, counted, written back once, and who saw one; the same on every database."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select

from models.tables import dead_letter_acts, dead_letters
from sinks.dead_letters import Act, Filter, Letter, count_letters, find_letter, list_letters, note, waiting_letters

AT = datetime(2026, 3, 2, 9, 14, tzinfo=UTC)


class Letters:
    """What `sinks.dead_letters` promises; a subclass gives the fixture ``engine``."""

    @pytest.fixture
    def filled(self, engine: Engine) -> Engine:
        """Give a database with 1,200 dead letters of two topics and reasons, a second after each other."""
        rows = [
            {
                "topic": "t.raw.desk" if number % 3 else "t.touchpoints",
                "partition": number % 2,
                "offset": number,
                "reason": "unmapped" if number % 3 else "naive_time",
                "detail": "a sentence",
                "time": AT + timedelta(seconds=number),
                "letter_topic": "t.dead-letters",
                "letter_partition": number % 2,
                "letter_offset": number // 2,
            }
            for number in range(1200)
        ]
        with engine.begin() as connection:
            connection.execute(insert(dead_letters), rows)
        return engine

    def test_letters_are_found_by_reason_topic_and_time(self, filled: Engine) -> None:
        """A filter chooses; the newest come first, and no more than are asked for."""
        newest = list_letters(filled, Filter(), 3)
        assert [each.offset for each in newest] == [1199, 1198, 1197]
        assert newest[0].place == "t.raw.desk/1/1199"
        assert {each.topic for each in list_letters(filled, Filter(reasons=["naive_time"]), 2000)} == {"t.touchpoints"}
        assert len(list_letters(filled, Filter(topics=["t.raw.desk"]), 2000)) == 800
        assert len(list_letters(filled, Filter(since=AT + timedelta(seconds=1190)), 2000)) == 10
        assert list_letters(filled, Filter(["naive_time"], ["t.raw.desk"]), 2000) == []

    def test_letters_are_counted_by_topic_and_reason(self, filled: Engine) -> None:
        """The table has each pair once, with how many were written back and when the last one came."""
        note(filled, list_letters(filled, Filter(["unmapped"]), 5), Act.REPLAYED, "ann", AT)
        counted = [each[:4] for each in count_letters(filled, Filter())]
        assert counted == [("t.raw.desk", "unmapped", 800, 5), ("t.touchpoints", "naive_time", 400, 0)]
        assert count_letters(filled, Filter(["naive_time"]))[0].last == AT + timedelta(seconds=1197)

    def test_what_was_written_back_waits_no_more(self, filled: Engine) -> None:
        """Every letter comes once, in the order of its bytes; what is marked meanwhile or before is left out, and seeing one changes nothing."""
        pages = waiting_letters(filled, Filter())
        first = next(pages)
        note(filled, first, Act.REPLAYED, "ann", AT)
        note(filled, first[:3], Act.REPLAYED, "ann", AT + timedelta(seconds=1))
        rest = [letter for page in pages for letter in page]
        assert len({*first, *rest}) == len(first) + len(rest) == 1200
        assert [each[6:9] for each in [*first, *rest]] == sorted(each[6:9] for each in [*first, *rest])
        assert sum(map(len, waiting_letters(filled, Filter()))) == 1200 - len(first)
        note(filled, rest[:1], Act.VIEWED, "ann", AT, "ticket 1")
        assert sum(map(len, waiting_letters(filled, Filter()))) == 1200 - len(first)
        assert find_letter(filled, *first[0][:3]) == first[0]._replace(replayed=AT + timedelta(seconds=1))
        assert find_letter(filled, "t.raw.desk", 9, 9) is None

    def test_who_saw_one_is_noted(self, filled: Engine) -> None:
        """An act has its person, moment and cause."""
        letter: Letter = list_letters(filled, Filter(), 1)[0]
        note(filled, [letter], Act.VIEWED, "ann", AT, "ticket 1")
        with filled.connect() as connection:
            [row] = connection.execute(select(dead_letter_acts))
        assert tuple(row) == ("t.raw.desk", 1, 1199, "viewed", AT, "ann", "ticket 1")
