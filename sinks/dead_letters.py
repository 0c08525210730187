"""Dead letters as the database knows them: where each was refused and why, where its bytes lie, and what people did with it."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Engine, Select, and_, exists, func, insert, select, tuple_

from models.tables import dead_letter_acts, dead_letters
from sinks.database import writing
from sinks.errors import database_errors

__all__ = [
    "Act",
    "Filter",
    "Letter",
    "Tally",
    "count_letters",
    "find_letter",
    "list_letters",
    "note",
    "waiting_letters",
]

_PAGE = 500


class Act(StrEnum):
    """What was done with a dead letter."""

    REPLAYED = "replayed"
    VIEWED = "viewed"


class Letter(NamedTuple):
    """A refused record. Its bytes are at ``letter_offset`` while the topic of dead letters keeps them."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    time: datetime
    letter_topic: str
    letter_partition: int
    letter_offset: int
    replayed: datetime | None

    @property
    def place(self) -> str:
        """Return where it was refused, as commands name it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Filter(NamedTuple):
    """Which dead letters: of these reasons and topics (empty: of all), refused since a moment."""

    reasons: Collection[str] = ()
    topics: Collection[str] = ()
    since: datetime | None = None


class Tally(NamedTuple):
    """How many dead letters of a topic have a reason, how many of those were written back, and when the last one came."""

    topic: str
    reason: str
    letters: int
    replayed: int
    last: datetime


_ACTS = dead_letter_acts.c
_THIS = and_(
    *(_ACTS[name] == dead_letters.c[name] for name in ("topic", "partition", "offset")), _ACTS.act == Act.REPLAYED
)
_REPLAYED = select(func.max(_ACTS.time)).where(_THIS).scalar_subquery()
_WHERE_IT_LIES = (dead_letters.c.letter_topic, dead_letters.c.letter_partition, dead_letters.c.letter_offset)


def list_letters(engine: Engine, chosen: Filter, limit: int) -> list[Letter]:
    """Return at most ``limit`` dead letters, the newest first. Raises `DatabaseUnavailable`."""
    newest = (dead_letters.c.time.desc(), dead_letters.c.topic, dead_letters.c.partition, dead_letters.c.offset.desc())
    query = _chosen(select(dead_letters, _REPLAYED), chosen).order_by(*newest).limit(limit)
    with database_errors(engine), engine.connect() as connection:
        return [Letter(*row) for row in connection.execute(query)]


def count_letters(engine: Engine, chosen: Filter) -> list[Tally]:
    """Return the numbers of dead letters by topic and reason, most first. Raises `DatabaseUnavailable`."""
    columns = dead_letters.c
    replayed = func.count().filter(exists(select(_ACTS.topic).where(_THIS)))
    query = select(columns.topic, columns.reason, func.count(), replayed, func.max(columns.time))
    query = _chosen(query, chosen).group_by(columns.topic, columns.reason).order_by(func.count().desc(), columns.topic)
    with database_errors(engine), engine.connect() as connection:
        return [Tally(*row) for row in connection.execute(query)]


def find_letter(engine: Engine, topic: str, partition: int, offset: int) -> Letter | None:
    """Return the dead letter of a record, None where there is none. Raises `DatabaseUnavailable`."""
    columns = dead_letters.c
    this = and_(columns.topic == topic, columns.partition == partition, columns.offset == offset)
    with database_errors(engine), engine.connect() as connection:
        row = connection.execute(select(dead_letters, _REPLAYED).where(this)).one_or_none()
    return None if row is None else Letter(*row)


def waiting_letters(engine: Engine, chosen: Filter) -> Iterator[list[Letter]]:
    """Yield the dead letters that were not written back, by pages, in the order in which their bytes lie. Raises `DatabaseUnavailable`."""
    query = _chosen(select(dead_letters, _REPLAYED), chosen).where(~exists(select(_ACTS.topic).where(_THIS)))
    query = query.order_by(*_WHERE_IT_LIES).limit(_PAGE)
    last: tuple[str, int, int] | None = None
    while True:
        page = query if last is None else query.where(tuple_(*_WHERE_IT_LIES) > last)
        with database_errors(engine), engine.connect() as connection:
            letters = [Letter(*row) for row in connection.execute(page)]
        if not letters:
            return
        yield letters
        last = letters[-1].letter_topic, letters[-1].letter_partition, letters[-1].letter_offset


def note(
    engine: Engine, letters: Iterable[Letter], act: Act, actor: str, now: datetime, because: str | None = None
) -> None:
    """Note what somebody did with ``letters``. Raises `DatabaseUnavailable`."""
    made = {"act": act.value, "time": now, "actor": actor, "because": because}
    rows = [{"topic": each.topic, "partition": each.partition, "offset": each.offset} | made for each in letters]
    own = writing(engine)
    with database_errors(own), own.begin() as connection:
        connection.execute(insert(dead_letter_acts), rows)


def _chosen(query: Select[Any], chosen: Filter) -> Select[Any]:
    if chosen.reasons:
        query = query.where(dead_letters.c.reason.in_(chosen.reasons))
    if chosen.topics:
        query = query.where(dead_letters.c.topic.in_(chosen.topics))
    if chosen.since is not None:
        query = query.where(dead_letters.c.time >= chosen.since)
    return query
