"""A third measure: what the product is for, a request that is repeated in another contact.

Nobody publishes dialogues of one customer with several teams, so two dialogues of one collection become two contacts of one customer, the second a day
after the first or some minutes, by transfer. No sentence is changed: for a question of the second contact whose answer is annotated, three first
contacts are drawn (`sheet`): one in which the customer gives the same value of the same thing (``same``), one in which they give another value
(``other``), and one in which they never tell that field (``never``). The annotation says what is true of every turn of the second contact:

- asked again: who serves requests what the customer gave in the first contact, of the same thing, and the answer is a value given there;
- no failure: it is answered with another value, or was never given before;
- undecided, counted neither way: it is not answered, or by having no preference, or with a value that is neither the same nor clearly another one; it
  was given in the second contact before; the first contact told the same value of another thing (the area of a hotel, then of a restaurant), which
  two readers might see differently.

A value that the customer gives in the second contact, and gave in the first, is told again, in the same way. What repeats something of the second
contact itself is not looked at here, but in `reread`.

Where the annotation leaves out questions, the second contacts were read, too, by the message alone and without seeing annotations or findings
(`questions`): what who serves asks the customer for; not whether another value would do, nor to choose among what was found, nor a read-back.
"""

import csv
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from agents.fields import Fingerprinter
from agents.replay import Replay
from agents.text.recognise import Recogniser
from config.fields import load_fields, load_vocabulary
from config.rules import load_rulebook
from tests.quality import dialogues, public
from tests.quality.dialogues import COLLECTIONS, FIELDS, evaluate, of_no_thing, tuned_on
from tests.quality.reread import Counts

__all__ = ["SOURCES", "Pair", "counted", "draw", "findings", "questions", "sheet"]

SHEETS = Path(__file__).parent / "stitched"
MOST = 150
"""How many questions are drawn of a collection."""
_SEED = 37
AGAIN = ("multiwoz", "dstc2", "pershop")
"""Collections of whose questions others were drawn later, out of those that were left."""
_SEED_AGAIN = 71
_ANY = {"es ist egal", "不在意", "none"}
"""Values that say that none is preferred, besides those that `evaluate` knows."""
_START = datetime(2026, 1, 5, 9, tzinfo=UTC)
Questions = Mapping[str, Mapping[tuple[int, str], str]]
"""What is asked for, by dialogue, turn and field: ``asked``, or ``unclear`` where two readers might differ."""
Slot = tuple[str, str]
Key = tuple[int, int, str]
"""Pair, turn and field."""


class Source(NamedTuple):
    """Dialogues to stitch.

    ``fields`` says which field a slot stands for, ``untold`` which slots of which thing stand for none; ``described``: the folder of its fields, if it is
    not that of its name; ``shipped``: they are those of `config/fields`. ``certain`` are fields of which a customer has one value for good: two dialogues that
    differ in it are of two people, so that pairs are not drawn for this, and what is found there counts neither way. ``pairs``: whose pairs it has.
    ``spelt`` brings values to one spelling before they are judged; pairs were drawn of values as annotated.
    """

    name: str
    language: str
    fields: Mapping[str, str]
    read: Callable[[], Iterator[dict[str, Any]]]
    tagged: bool = True
    untold: frozenset[Slot] = frozenset()
    described: str = ""
    shipped: bool = False
    certain: frozenset[str] = frozenset()
    pairs: str = ""
    spelt: Callable[[str], str] = str

    def field(self, thing: str, slot: str) -> str | None:
        """Return what the fields call a slot of a thing, if they know it."""
        return None if (thing.lower(), slot.lower()) in self.untold else self.fields.get(slot.lower())

    def absent(self) -> str | None:
        """Return why it cannot be read here."""
        if (self.pairs or self.name) in public.WHERE:
            return public.absent(self.pairs or self.name)
        return None if dialogues.EVALUATE.exists() else f"the annotated dialogues are not there: {dialogues.EVALUATE}"


def _shared(name: str) -> Iterator[dict[str, Any]]:
    return evaluate().rows(str(COLLECTIONS[name].log))  # type: ignore[no-any-return]


_ENGLISH = {each: each for each in ("area", "price", "stars", "day", "people", "stay", "time", "food", "internet", "parking")}
_CHINESE = {each: each for each in ("区域", "食物", "星级", "日期", "人数", "停留天数", "出发地", "目的地", "出发时间", "到达时间", "时间", "价格")} | {
    "价格范围": "价格"
}
_PLACES = frozenset({("出租车", "出发地"), ("出租车", "目的地")})
def _persian(value: str) -> str:
    """Return a value as PerSHOP's customers and annotators spell it in more than one way."""
    return value.replace("کوچیک", "کوچک").replace("آ", "ا")


_OF_A_BANK = {each: each for each in ("customer_name", "account_number", "pin", "date_of_birth")}
_ONE_FOR_GOOD = frozenset({"account_number", "date_of_birth"})
SOURCES = {
    each.name: each
    for each in (
        Source(
            "multiwoz",
            "en",
            {**_ENGLISH, "depart": "departure", "dest": "destination", "leave": "leave_time", "arrive": "arrive_time"},
            partial(_shared, "multiwoz"),
            untold=frozenset({("taxi", "depart"), ("taxi", "dest")}),  # places are described as towns and stations alone
        ),
        Source("dstc2", "en", {"food": "food", "area": "area", "pricerange": "price"}, partial(_shared, "dstc2")),
        Source("woz_de", "de", {each: each for each in ("essen", "gegend", "preisklasse")}, partial(_shared, "woz_de"), tagged=False),
        Source(
            "multiwoz_zh",
            "zh",
            _CHINESE,
            partial(public.transcripts, "multiwoz_zh"),
            untold=_PLACES,
        ),
        Source(
            "multiwoz_zh_machine",
            "zh",
            _CHINESE,
            partial(public.transcripts, "multiwoz_zh_machine"),
            untold=_PLACES,
            described="multiwoz_zh",
        ),
        Source(
            "multiwoz_zh_new",
            "zh",
            _CHINESE,
            partial(public.transcripts, "multiwoz_zh_new"),
            untold=_PLACES,
            described="multiwoz_zh",
        ),
        Source("kddres", "zh-Hant", {each: each for each in ("人數", "日期", "時間")}, partial(public.transcripts, "kddres")),
        Source("pershop", "fa", {each: each for each in ("brand", "flavor", "size", "color")}, partial(public.transcripts, "pershop"), spelt=_persian),
        Source("star", "en", _OF_A_BANK, partial(public.transcripts, "star"), shipped=True, certain=_ONE_FOR_GOOD),
        Source("star_typed", "en", _OF_A_BANK, partial(public.transcripts, "star_typed"), shipped=True, certain=_ONE_FOR_GOOD, pairs="star"),
    )
}


class Pair(NamedTuple):
    """Two dialogues of one customer, and why they were drawn."""

    first: str
    second: str
    kind: str


class _Told(NamedTuple):
    turn: int
    thing: str
    field: str
    value: str


class _Asked(NamedTuple):
    turn: int
    field: str
    answer: _Told | None


@cache
def _dialogues(name: str, *, held_out: bool) -> dict[str, dict[str, Any]]:
    rows = ((str(each["id"]), each) for each in SOURCES[name].read())
    return dict(sorted((key, each) for key, each in rows if tuned_on(key.partition("/")[0]) != held_out))


def _told(source: Source, dialogue: Mapping[str, Any], *, preferring: bool = True) -> list[_Told]:
    """Return the values that the customer gives; with ``preferring`` false, where they say that they have no preference."""
    said = ((turn["i"], inform) for turn in dialogue["turns"] if turn["role"] == "user" for inform in turn["informs"])
    values = ((turn, thing, source.field(thing, slot), str(value).strip().lower()) for turn, (thing, slot, value) in said)
    return [_Told(turn, thing, field, value) for turn, thing, field, value in values if field and preferring == (not _indifferent(value))]


def _spelt(source: Source, told: list[_Told]) -> list[_Told]:
    return [each._replace(value=source.spelt(each.value)) for each in told]


def _indifferent(value: str) -> bool:
    return value in evaluate().NO_VALUE | _ANY


def _asked(source: Source, dialogue: Mapping[str, Any], read: Questions | None = None) -> Iterator[_Asked]:
    """Yield what is asked for in a dialogue: as annotated, or as read."""
    turns = dialogue["turns"]
    for turn, after in zip(turns, [*turns[1:], {}], strict=True):
        if turn["role"] != "system":
            continue
        answers = [each for each in _told(source, dialogue) if each.turn == after.get("i")] if after.get("role") == "user" else []
        if read is None:
            fields = [source.field(thing, slot) for thing, slot in turn["requests"]]
        else:
            fields = [field for (at, field), kind in read[str(dialogue["id"])].items() if at == turn["i"] and kind == "asked"]
        for field in filter(None, fields):
            of_field = [each for each in answers if each.field == field]
            yield _Asked(turn["i"], field, of_field[0] if len(of_field) == 1 else None)


def draw(name: str, *, held_out: bool = True, again: bool = False) -> list[Pair]:
    """Return the pairs of a collection, as the seed draws them; ``again``: of questions that were left, as another seed does."""
    source, drawn = SOURCES[name], random.Random(_SEED)
    known = _dialogues(name, held_out=held_out)
    told = {key: _told(source, dialogue) for key, dialogue in known.items()}
    targets = [
        (key, asked.answer)
        for key, dialogue in known.items()
        for asked in _asked(source, dialogue)
        if asked.answer and not any(each.field == asked.field and each.turn < asked.turn for each in told[key])
    ]
    chosen = drawn.sample(targets, min(MOST, len(targets)))
    if again:
        taken, drawn = set(chosen), random.Random(_SEED_AGAIN)
        left = [each for each in targets if each not in taken]
        chosen = drawn.sample(left, min(MOST, len(left)))
    pairs = []
    for second, answer in chosen:
        thing = (answer.thing, answer.field)
        values = {key: {each.value for each in several if (each.thing, each.field) == thing} for key, several in told.items() if key != second}
        for kind, firsts in (
            ("same", [key for key, given in values.items() if answer.value in given]),
            ("other", [key for key, given in values.items() if given and not any(_alike(each, answer.value) for each in given)]),
            ("never", [key for key in values if told[key] and not any(each.field == answer.field for each in told[key])]),
        ):
            if firsts and not (kind == "other" and answer.field in source.certain):
                pairs.append(Pair(drawn.choice(firsts), second, kind))
    return pairs


def sheet(name: str, *, again: bool = False) -> list[Pair]:
    """Return the pairs that were put on record before the recogniser was run on them; ``again``: those that were drawn later."""
    with (SHEETS / f"{SOURCES[name].pairs or name}{'.again' if again else ''}.csv").open(encoding="utf-8", newline="") as rows:
        return [Pair(**row) for row in csv.DictReader(rows)]


def questions(name: str) -> Questions | None:
    """Return what was read to be asked for in the second contacts of a collection; None where nobody read them."""
    path = SHEETS / f"{name}.questions.csv"
    if not path.exists():
        return None
    read: dict[str, dict[tuple[int, str], str]] = {}
    with path.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            of_dialogue = read.setdefault(row["dialogue"], {})
            if row["kind"]:
                of_dialogue[int(row["turn"]), row["field"]] = row["kind"]
    return read


def findings(
    name: str, form: str, pairs: Iterable[Pair], *, held_out: bool = True, written: Callable[[str], str] = dialogues.untokenised
) -> list[dict[str, Any]]:
    """Return what is found where the dialogues of each pair are contacts of one customer, annotated (``structured``) or as messages alone (``text``).

    ``written`` is how a message is written.
    """
    source, known = SOURCES[name], _dialogues(name, held_out=held_out)
    described = None if source.shipped else FIELDS / (source.described or name)
    recogniser = Recogniser(load_vocabulary(described)) if form == "text" else None
    replay = Replay(load_rulebook(), load_fields(described), Fingerprinter(b"a key of at least sixteen bytes"), recogniser)
    lines = chain.from_iterable(_contacts(source, form, number, written, known[pair.first], known[pair.second]) for number, pair in enumerate(pairs))
    for number, line in enumerate(lines):
        replay.feed(number, json.dumps(line).encode())
    replay.release()
    replay.flush()
    assert not replay.dead_letters, replay.dead_letters[:3]
    return list(replay.findings())


def _contacts(source: Source, form: str, number: int, written: Callable[[str], str], *two: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    begin = _START + timedelta(hours=number)
    later = timedelta(days=1) if number % 2 else timedelta(seconds=40 * len(two[0]["turns"]) + 300)
    for contact, dialogue in enumerate(two):
        team = ("first", "second")[contact]
        for count, turn in enumerate(dialogue["turns"]):
            by_customer = turn["role"] == "user"
            base = {
                "source": "dialogues",
                "tenant": "eval",
                "customer": f"{source.name}-{number}",
                "contact": f"{number}/{contact}",
                "channel": "chat",
                "previous_contact": f"{number}/0" if contact and not number % 2 else None,
                "time": (begin + contact * later + timedelta(seconds=20 * count)).isoformat(),
                "actor": {"kind": "customer", "team": team} if by_customer else {"kind": "agent", "id": f"agent-{team}", "team": team},
            }
            at = f"{number}#{contact}#{turn['i']}#{count}"
            if form == "text":
                yield {**base, "id": at, "type": "message", "data": {"text": written(turn["text"])}, **({"language": source.language} if source.tagged else {})}
                continue
            acts: dict[tuple[str, str | None], None] = {}
            for thing, slot, *value in turn["informs" if by_customer else "requests"]:
                field = source.field(thing, slot)
                if field and not (value and _indifferent(str(value[0]).strip().lower())):
                    acts[field, source.spelt(str(value[0])) if value else None] = None
            for index, (field, given) in enumerate(acts):
                data = {"field": field} if given is None else {"field": field, "value": given}
                yield {**base, "id": f"{at}/{index}", "type": "info.provided" if by_customer else "info.requested", "data": data}


def counted(
    name: str, pairs: list[Pair], found: Iterable[Mapping[str, Any]], *, held_out: bool = True, read: Questions | None = None
) -> Iterator[tuple[str, Counts, list[Key], list[Key]]]:
    """Yield by detector how findings agree with what is annotated of the second contacts, which of them are wrong, and what was not found.

    With ``read`` who serves asks for what was read, whatever is annotated.
    """
    source, known = SOURCES[name], _dialogues(name, held_out=held_out)
    truth: dict[str, set[Key]] = {"repeated_answer": set(), "repeated_request": set()}
    undecided: dict[str, set[Key]] = {"repeated_answer": set(), "repeated_request": set()}
    for number, pair in enumerate(pairs):
        before = _spelt(source, _told(source, known[pair.first]))
        within = _spelt(source, _told(source, known[pair.second]))
        for detector, turn, field, answer in _judged(source, known[pair.second], within, read):
            given = [each for each in before if each.field == field]
            key = (number, turn, field)
            if any(each.field == field and each.turn < turn for each in within):
                undecided[detector].add(key)
            elif answer is None:
                undecided[detector].add(key) if given or detector == "repeated_answer" else None
            elif any((each.thing, each.value) == (answer.thing, answer.value) for each in given):
                truth[detector].add(key)
            elif (given and field in source.certain) or any(_alike(each.value, answer.value) for each in given):
                undecided[detector].add(key)
        if read is not None:
            undecided["repeated_request"] |= {(number, *place) for place, kind in read[pair.second].items() if kind == "unclear"}
        undecided["repeated_request"] |= {
            (number, turn["i"], field) for turn in known[pair.second]["turns"] if turn.get("undecided") for field in source.fields.values()
        }
        undecided["repeated_request"] |= {
            (number, turn["i"], field)
            for turn in known[pair.second]["turns"]
            if turn.get("more")
            for field in set(source.fields.values()) - {source.field(*each) for each in turn["requests"]}
        }
    for detector, of, severities in (
        ("repeated_answer", "repeated_answer", None),
        ("repeated_request", "repeated_request", None),
        ("repeated_request, for alerts", "repeated_request", {"warning", "critical"}),
    ):
        got = {
            key
            for key, severity in (_key(each) for each in found if each["detector"] == of and _across(each))
            if key is not None and (severities is None or severity in severities) and (not source.shipped or key[2] in source.fields.values())
        }
        left = truth[of] - undecided[of]
        got -= undecided[of]
        yield detector, Counts(len(left), len(got), len(got & left)), sorted(got - left), sorted(left - got)


def _judged(
    source: Source, dialogue: Mapping[str, Any], told: list[_Told], read: Questions | None
) -> Iterator[tuple[str, int, str, _Told | None]]:
    for asked in _asked(source, dialogue, read):
        yield "repeated_request", asked.turn, asked.field, None if asked.answer is None else _spelt(source, [asked.answer])[0]
    for each in told:
        yield "repeated_answer", each.turn, each.field, each
    for each in _told(source, dialogue, preferring=False):
        yield "repeated_answer", each.turn, each.field, None


def _key(finding: Mapping[str, Any]) -> tuple[Key | None, str]:
    number, contact, turn, _ = finding["again"]["id"].split("#")
    return ((int(number), int(turn), of_no_thing(finding["field"])) if contact == "1" else None), finding["severity"]


def _across(finding: Mapping[str, Any]) -> bool:
    return str(finding["first"]["id"]).split("#")[1] == "0"


def _alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def main() -> int:
    """Put the pairs of collections on record: ``python -m tests.quality.stitched woz_de multiwoz.again``."""
    for argument in sys.argv[1:]:
        name, _, again = argument.partition(".")
        with (SHEETS / f"{argument}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([Pair._fields, *draw(name, again=bool(again))])
    return 0


if __name__ == "__main__":
    sys.exit(main())
