"""What a message says: which fields are asked for, told and read back. Pure: the text and what was said before in, acts out."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, islice, pairwise
from typing import Any, Final, NamedTuple

from agents.fields import of_thing
from agents.text.phrases import Found
from agents.text.promises import due
from agents.text.reading import Reading, folded, read
from agents.text.times import times
from agents.text.values import Value, values
from agents.text.vocabulary import Language, Vocabulary

__all__ = ["Act", "Conversation", "Recogniser"]

_NEAR = 4
"""How many words that say nothing may stand between a value and what introduces it."""
_FAR = 6
"""How many words a gap may have."""
_REQUEST_WITHIN = 12
"""How many words may stand between a field's name and what asks for it."""
_REQUEST_WITHIN_HAN = 20
"""The same from what asks for several things at once, where a word is a character."""
_ANNOUNCING = frozenset(
    {"promise", "due", "authenticate", "authenticated", "impossible", "hypothetical", "offer", "transfer", "department"}
)
_PATIENCE = 2
"""For how many messages of the customer a request stays open."""
_LATELY = 2
"""In how many messages of the customer what was told lately was told: who asks for it again has not listened."""
_BESIDE = 1
"""How many words may stand between what names a thing and the field's name behind it: the *s* of "your wife's date of birth"."""
_BEHIND = 3
"""How many may stand between the field's name and what names its thing: "the date of birth of your wife"."""
_EITHER = 4
"""How many words may stand between an *or* and what is asked for on either side."""
_COMMA = 6
"""How many words a comma counts as, between a thing and a field of it."""
_TOLD_FIRST = 4
"""How many words stand at least before the name of a field in what is told, and not asked, before a comma."""
_FEWEST_OPENING = 2
"""How many words in capitals begin an answer; a single one may be the first of any sentence."""
_MOST_REQUESTS = 16
_MOST_GIVEN = 64
_MOST_ACTS = 32
_SEEN_BY = frozenset({"email", "iban"})
"""Kinds of values that have an @ or a digit."""
_ANY_DIGIT = re.compile("[0-9]")
_DATE_SHAPED = re.compile(r"(?<![\w./-])[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})(?![\w/-]|\.[0-9])")
"""What is written as a date, although nobody could tell the day from the month, or the calendar does not have it: no number of an account."""
_CURRENCIES = frozenset("$€£¥￥")
_COMMAS = frozenset({",", "،", "，"})
_ALONE_AMONG = 4
"""In how few words *one* answers a request; in more it stands for a thing."""
_MOST_THINGS = 64
"""How many names of things, and of fields beside them, are looked at in one message."""
_MOST_VALUES = 64
"""How many values of one kind are looked at in one message."""


class Act(NamedTuple):
    """A touchpoint type and its data. ``remembered``: what was said before was needed to tell.

    ``withheld`` is the field of a request that is told only when its answer comes (`Conversation.withheld`): first without being told, then by the answer.
    """

    type: str
    data: dict[str, Any]
    remembered: bool = False
    withheld: str = ""


class Conversation:
    """What is remembered of a contact: open requests with their age in messages, hashes of the values given, the fields last read back, the language of
    either side, and of preferences alone the value last given, which "the same day" refers to. Of fields that may be of several things: of which they were last
    asked for and read back, of which each value was given, and the ``things`` that were spoken of, the last one last.

    ``withheld``: requests of which only the answer can tell what they were, as touchpoints but for the field: a field was asked for of a thing of which it was
    never told, while it was of another; or ``either`` of several fields or of several values of what was found was asked for, or it may be asked for anew.

    ``messages`` counts those of the customer, ``told_at`` says in which of them a field was told last.
    """

    __slots__ = ("asked", "asked_of", "either", "given", "languages", "messages", "preferred", "read_back", "things", "told_at", "withheld")

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.asked_of: dict[str, str | None] = {}
        self.given: dict[tuple[str, int], tuple[str | None, ...]] = {}
        self.read_back: dict[str, str | None] = {}
        self.things: dict[str, None] = {}
        self.withheld: dict[str, dict[str, Any]] = {}
        self.either: set[str] = set()
        self.languages: dict[bool, str] = {}
        self.preferred: dict[str, str] = {}
        self.messages = 0
        self.told_at: dict[str, int] = {}

    def language(self, *, by_customer: bool) -> str | None:
        """Return the language in which this side wrote last; before it has, the other side's."""
        return self.languages.get(by_customer) or self.languages.get(not by_customer)


class _Candidate(NamedTuple):
    start: int
    end: int
    field: str
    value: str
    told: int
    listed: bool
    referred: bool = False


UNREAD: Final = ("text_truncated", "language_unknown", "language_not_configured")
"""Why a message is not read, or not to its end."""


class Recogniser:
    """Reads messages; ``counts`` tells what could not be read, by reason, until it is taken."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._by_script: dict[str, list[Language]] = {}
        for language in vocabulary.languages.values():
            self._by_script.setdefault(language.script, []).append(language)
        self.counts: Counter[str] = Counter()

    def acts(
        self, text: str, conversation: Conversation, *, time: datetime, tag: str | None, by_customer: bool
    ) -> list[Act]:
        """Return what ``text`` says, what it says by itself first; ``conversation`` is brought up to date.

        ``time`` is when it was said, ``tag`` the message's language, if it is known.
        """
        reading = read(text)
        if reading.truncated:
            self.counts["text_truncated"] += 1
        language = self._language(reading, tag, conversation.language(by_customer=by_customer))
        if language is None:
            self.counts["language_unknown" if tag is None else "language_not_configured"] += 1
            return []
        conversation.languages[by_customer] = language.name
        found = [
            each
            for each in language.tree.find(reading.words)
            if reading.sentence_of[each.start] == reading.sentence_of[each.end - 1]
        ]
        candidates = list(self._candidates(reading, found, language, tag, conversation))
        things = _Things(reading, found, self.vocabulary, conversation)
        if by_customer:
            acts: Iterable[Act] = chain(
                self._customer(reading, found, candidates, language, conversation, things), _intents(reading, found, language)
            )
        else:
            acts = chain(
                self._handler(reading, found, candidates, language, conversation, things), self._announced(reading, found, language, time)
            )
        said = sorted(acts, key=lambda act: act.remembered)[:_MOST_ACTS]
        things.remember()
        return said

    # The language

    def _language(self, reading: Reading, tag: str | None, last: str | None) -> Language | None:
        languages = self.vocabulary.languages
        if tag is not None:
            primary = tag.replace("_", "-").partition("-")[0].lower()
            return languages.get(_SAME.get(primary, primary))
        scripts = Counter(_script(word[0]) for word in reading.words)
        del scripts[""]
        of_script = self._by_script.get(scripts.most_common(1)[0][0], []) if scripts else []
        if not scripts or len(of_script) > 1:
            seen = set(reading.words)
            hits = {each.name: len(seen & each.common) for each in of_script}
            best = max(hits, key=lambda name: (hits[name], name == last), default=None)
            if best is None or not hits[best]:
                return languages.get(last or "")
            return languages[best]
        if not of_script:
            return None
        only = of_script[0]
        return only if only.name == last or set(reading.words) & only.common else None

    # Values

    def _candidates(
        self, reading: Reading, found: list[Found], language: Language, tag: str | None, conversation: Conversation
    ) -> Iterator[_Candidate]:
        """Yield what may be a value of a field, with how surely it is told to be one."""
        named = {at: (each.start, each.end) for each in found if each.kind == "thing" and each.end - each.start > 1 for at in range(each.start, each.end)}
        listed_values = ((each.start, each.end, each.field, each.value, True) for each in found if each.kind == "value")
        spans = list(islice((span for span in listed_values if not _inside(span, named)), _MOST_VALUES))
        likely = (
            {each.field for each in found}
            | conversation.asked.keys()
            | {field for field, _ in conversation.given}
            | conversation.read_back.keys()
        )
        by_kind = self.vocabulary.by_kind(frozenset(likely))
        if by_kind or language.patterns:
            first_at = {start: index for index, start in enumerate(reading.starts)}
            last_at = {end: index for index, end in enumerate(reading.ends)}
            parts = "" if tag is None else "".join(tag.replace("_", "-").partition("-")[1:])
            region = None if parts else self.vocabulary.region
            timed: list[tuple[int, int]] = []
            if "time" in by_kind:
                for start, end, normal in islice(times(reading.text), _MOST_VALUES):
                    place = _place(start, end, first_at, last_at, reading)
                    timed.append(place)
                    spans += ((*place, field, normal, False) for field, *_ in by_kind["time"])
            shaped = islice(_DATE_SHAPED.finditer(reading.text), _MOST_VALUES)
            dated = [(_place(match.start(), match.end(), first_at, last_at, reading), match.group()) for match in shaped]
            if by_kind.keys() - _SEEN_BY or "@" in reading.text or _ANY_DIGIT.search(reading.text):
                written = list(islice(values(reading.text, f"{language.name}{parts}", region), _MOST_VALUES))
                for value_found in (*written, *_joined(written, reading.text)):
                    start, end = place = _place(value_found.start, value_found.end, first_at, last_at, reading)
                    if value_found.kind == "date":
                        dated = [each for each in dated if each[0] != place]
                    elif any(begin <= start and end <= last for (begin, last), _ in dated):
                        continue
                    if not any(begin <= start and end <= last for begin, last in timed):
                        for field, shortest, code in by_kind.get(value_found.kind, ()):
                            if code and reading.text[value_found.start - 1 : value_found.start] in _CURRENCIES:
                                continue
                            normal = value_found.text if code and value_found.kind == "phone" else value_found.normal
                            if len(normal) >= shortest:
                                spans.append((start, end, field, normal, False))
            spans += ((*place, field, text, False) for place, text in dated for field, *_ in by_kind.get("date", ()))
            for field, pattern in language.patterns:
                for match in islice(pattern.finditer(reading.text), _MOST_VALUES):
                    if match.end() > match.start():
                        spans.append(
                            (
                                *_place(match.start(), match.end(), first_at, last_at, reading),
                                field,
                                match.group(),
                                False,
                            )
                        )
        introductions = _Introductions(reading, found, language)
        told = {span: introductions.of(span[2], span[0], span[1]) for span in spans}
        waiting = conversation.asked.keys() | {field for field, _ in conversation.given} | conversation.read_back.keys()
        fields = self.vocabulary.fields
        plain = [span for span in spans if told[span] or fields[span[2]].value.alone]
        awaited = [span for span in spans if span[2] in waiting and span not in plain]
        if awaited:
            words = _listed_words(spans)
            awaited = [span for span in awaited if span[4] or not _inside(span, words)]
        for span in chain(_outermost(plain), _outermost(awaited)):
            start, end, field, value, listed = span
            yield _Candidate(start, end, field, value, told[span], listed)
        for start, end, field in _references(found, reading):
            if field in conversation.preferred:
                yield _Candidate(start, end, field, conversation.preferred[field], 1, listed=True, referred=True)
        for each in self.vocabulary.fields.values():
            if each.value.phrase:
                for start, end in introductions.phrases(each.name, each.value.phrase):
                    text = reading.text[reading.starts[start] : reading.ends[end - 1]]
                    yield _Candidate(start, end, each.name, text, 1, listed=False)

    # What customers say

    def _customer(
        self,
        reading: Reading,
        found: list[Found],
        candidates: list[_Candidate],
        language: Language,
        conversation: Conversation,
        things: "_Things",
    ) -> Iterator[Act]:
        fields, asked = self.vocabulary.fields, conversation.asked
        conversation.messages += 1
        denying = [
            (each.start, each.end, each.kind, "", True) for each in found if each.kind in ("negation", "question")
        ]
        negations = {end for _, end, kind, *_ in _outermost(denying) if kind == "negation"}
        corrections = {each.end for each in found if each.kind == "correction"}
        doubts = [each for each in found if each.kind in ("wondering", "hypothetical")] + _asked_about(reading, found, language)
        read_back = conversation.read_back
        last = read_back.keys() or ({next(reversed(conversation.given))[0]} if conversation.given else set())
        denied = bool(conversation.read_back) and any(each.kind == "no" and each.start < 2 for each in found)
        conversation.read_back = {}
        chosen: list[tuple[int, _Candidate]] = []
        for each in candidates:
            told = each.told
            if not told and each.field in asked and not _stands_for_a_thing(reading, each):
                told = 2 if each.listed else 1
                kind = 1
            elif told:
                kind = 2
            elif fields[each.field].value.alone and not _in_doubt(reading, each, doubts):
                kind = 0
            elif each.field in last and (denied or _after(reading, each.start, corrections, language, _NEAR)):
                kind = 1
            else:
                continue
            if (denied and each.field in last) or not _after(reading, each.start, negations, language, _NEAR - 1):
                chosen.append((kind, each))
        newest = {field: at for at, field in enumerate(asked)}
        chosen.sort(
            key=lambda pair: (
                -pair[0],
                -pair[1].told,
                -newest.get(pair[1].field, 0) if pair[0] == 1 else 0,
                pair[1].start - pair[1].end,
                pair[1].start,
                list(fields).index(pair[1].field),
            )
        )
        taken: set[int] = set()
        kept: list[tuple[int, _Candidate]] = []
        answered: set[str] = set()
        for kind, each in chosen:
            place = range(each.start, each.end)
            if taken.isdisjoint(place) and not (kind == 1 and not each.listed and each.field in answered):
                taken.update(place)
                kept.append((kind, each))
                answered.add(each.field)
        if not kept:
            open_ = [field for field in asked if fields[field].value.phrase]
            for field, answer in zip(
                open_, _answers(reading, [fields[each].value.phrase for each in open_], language), strict=False
            ):
                kept.append((1, _Candidate(0, len(reading.words), field, answer, 0, listed=False)))
                answered.add(field)
        open_ = [field for field in asked if fields[field].value.phrase and field not in answered]
        if open_ and language.script == "Latn" and (opening := _opening(reading, found, fields[open_[-1]].value.phrase, language)):
            start, end = opening
            if taken.isdisjoint(range(start, end)):
                text = reading.text[reading.starts[start] : reading.ends[end - 1]]
                kept.append((1, _Candidate(start, end, open_[-1], text, 0, listed=False)))
                answered.add(open_[-1])
        said: set[tuple[str, str]] = set()
        for kind, each in sorted(kept, key=lambda pair: pair[1].start):
            if (each.field, each.value) in said:
                continue
            said.add((each.field, each.value))
            data: dict[str, Any] = {"field": each.field, "value": each.value}
            if (denied and each.field in last) or _after(reading, each.start, corrections, language, _NEAR):
                data["corrects"] = True
            of: list[str | None] = [None]
            if each.field in self.vocabulary.things:
                of = [read_back[each.field]] if each.field in read_back else things.told(each, answers=kind == 1)
            _remember(conversation, each.field, each.value, of)
            conversation.told_at[each.field] = conversation.messages
            if fields[each.field].preference:
                conversation.preferred[each.field] = each.value
            alone = fields[each.field].value.alone and not _in_doubt(reading, each, doubts)
            by_itself = not each.referred and (kind != 1 or alone)
            if each.field in asked and each.field in conversation.withheld and (len(of) > 1 or each.field in conversation.either):
                yield Act("info.requested", {"field": _name(each.field, of[0])}, remembered=True, withheld=each.field)
            yield from (Act("info.provided", {**data, "field": _name(each.field, thing)}, remembered=not by_itself) for thing in of)
        for field, age in list(asked.items()):
            if field in answered or age + 1 >= _PATIENCE:
                del asked[field]
            else:
                asked[field] = age + 1

    # What those say who serve them

    def _handler(
        self,
        reading: Reading,
        found: list[Found],
        candidates: list[_Candidate],
        language: Language,
        conversation: Conversation,
        things: "_Things",
    ) -> Iterator[Act]:
        by_sentence = _by_sentence(reading, found)
        values_of: dict[int, list[_Candidate]] = {}
        for candidate in candidates:
            values_of.setdefault(reading.sentence_of[candidate.start], []).append(candidate)
        done: set[tuple[str, str, str]] = set()
        for sentence in sorted(by_sentence.keys() | values_of.keys()):
            for act in self._sentence(
                reading, sentence, by_sentence.get(sentence, []), values_of.get(sentence, []), language, conversation, things
            ):
                key = (act.type, act.data["field"], act.withheld)
                if key not in done:
                    done.add(key)
                    yield act

    def _announced(self, reading: Reading, found: list[Found], language: Language, time: datetime) -> Iterator[Act]:
        """Yield what is said of authentication, the first promise with a due time, else the first transfer to a named department."""
        telling = [each for each in found if each.kind in _ANNOUNCING]
        if not telling:
            return
        for kind, type_ in (("authenticated", "auth.passed"), ("authenticate", "auth.requested")):
            for sentence, said in _by_sentence(reading, telling).items():
                kinds = {each.kind for each in said}
                passed = (
                    "authenticated" in kinds
                    and not kinds & {"impossible", "hypothetical"}
                    and sentence not in reading.questions
                )
                if kind in kinds and (
                    passed if kind == "authenticated" else not kinds & {"authenticated", "impossible", "offer"}
                ):
                    yield Act(type_, {})
                    break
            else:
                continue
            break
        for sentence, said in _by_sentence(reading, telling).items():
            kinds = {each.kind for each in said}
            if (
                {"promise", "due"} <= kinds
                and not kinds & {"impossible", "hypothetical"}
                and sentence not in reading.questions
            ):
                at = self._due(reading, sentence, [each for each in said if each.kind == "due"], language, time)
                if at is not None:
                    yield Act("promise.made", {"due": at.isoformat()})
                    return
        for sentence, said in _by_sentence(reading, telling).items():
            kinds = {each.kind for each in said}
            if (
                {"transfer", "department"} <= kinds
                and not kinds & {"impossible", "hypothetical", "offer"}
                and sentence not in reading.questions
            ):
                yield Act("handoff.started", {"mode": "blind"})
                return

    def _due(
        self, reading: Reading, sentence: int, words: list[Found], language: Language, time: datetime
    ) -> datetime | None:
        at = [index for index, number in enumerate(reading.sentence_of) if number == sentence]
        begin, end = reading.starts[at[0]], reading.ends[at[-1]]
        text = reading.text[begin:end]
        found = list(islice(values(text, language.name, self.vocabulary.region), _MOST_VALUES))
        numbers = [
            (
                int(each.normal),
                bisect_left(reading.starts, each.start + begin),
                bisect_left(reading.starts, each.end + begin),
            )
            for each in found
            if each.kind == "number" and each.normal.isdecimal() and len(each.normal) < 6
        ]
        return due(
            time,
            words,
            numbers,
            (each.normal for each in times(text)),
            (each.normal for each in found if each.kind == "date"),
        )

    def _sentence(
        self,
        reading: Reading,
        sentence: int,
        found: list[Found],
        candidates: list[_Candidate],
        language: Language,
        conversation: Conversation,
        things: "_Things",
    ) -> Iterator[Act]:
        fields = self.vocabulary.fields
        question = sentence in reading.questions
        kinds = {each.kind for each in found}
        confirms, offers = "confirm" in kinds, "offer" in kinds
        asking = {"request", "question", "wish"} if question or not reading.punctuated else {"request"}
        refused = {each.end for each in found if each.kind == "negation"}
        spelled = "spelled" in kinds
        tagged = {index for each in found if each.kind == "tag" for index in range(each.start, each.end)}
        cues = [
            each
            for each in found
            if each.kind in asking
            and refused.isdisjoint((each.start, each.start - 1))
            and not tagged.issuperset((each.start, each.end - 1))
        ]
        cues = [] if offers else cues
        yours = {each.end for each in found if each.kind == "yours"}
        begged = {each.start for each in found if each.kind == "begged" and _ends(reading, each.end)} if yours and not offers else set()
        own = yours if question else set()
        others = {each.end for each in found if each.kind == "others"} - {each.end for each in cues}  # "a preference for the area"
        within = {"request": _REQUEST_WITHIN_HAN} if language.script == "Han" else {}
        asked: dict[str, int] = {}
        chosen: set[str] = set()
        spans = [(each.start, each.end, each.field, each.kind, True) for each in found if each.kind in ("ask", "name", "due")]
        asking_spans = list(_outermost(spans))
        questions = [(start, field) for start, _, field, kind, _ in asking_spans if kind == "ask"][:_MOST_THINGS]
        for start, end, field, kind, _ in asking_spans:
            if kind == "due" or (kind == "name" and "recap" in kinds) or not others.isdisjoint(range(start, end)):
                continue
            if spelled and things.told_of(field):  # how what was told is written
                continue
            stated = end + 1 < len(reading.words) and reading.words[end] in language.copulas and reading.words[end + 1] not in "?？؟"
            elsewhere = next((begin for begin, other in questions if begin >= end and other != field), len(reading.words))
            near = (
                cue
                for cue in cues
                if abs(start - cue.end) <= within.get(cue.kind, _REQUEST_WITHIN)
                and not (stated and cue.start > end)  # "the price is ..., would you ..."
                and cue.start < elsewhere  # "it has parking, which area would you ..."
                and not (cue.start > end and _told_first(reading, start, end, cue.start))  # "it serves Thai food, would you ..."
            )
            please = start in yours and (end in begged or (end + 1 in begged and reading.words[end] in _COMMAS))
            mine = start in own and not stated and not (offers and fields[field].preference)
            if kind == "ask" or please or mine or any(cue.kind != "wish" or fields[field].preference for cue in near):
                asked.setdefault(field, start)
        values_of: dict[str, dict[str, _Candidate]] = {}
        for candidate in candidates:
            values_of.setdefault(candidate.field, {})[candidate.value] = candidate
        for field, said in values_of.items():
            alone, told = fields[field].value.alone, any(each.told for each in said.values())
            listed = alone and len(said) > 1 and all(each.listed for each in said.values())
            if listed and question and cues and "recap" not in kinds:
                if not any(_given(conversation, field, value) for value in said):  # else: did you say this or that?
                    asked[field] = next(iter(said.values())).start  # which of these?
                    chosen |= {field} if things.found or things.preferred_of(field) else set()
                continue
            if told and not alone:
                asked.pop(field, None)
            sure = confirms and (told or alone) and len(said) == 1
            for value in said:
                if sure or ((confirms or question) and not offers and _given(conversation, field, value)):
                    asked.pop(field, None)
                    named = conversation.read_back[field] = things.read_back(field, value, said[value].start)
                    yield Act("info.confirmed", {"field": _name(field, named), "value": value}, remembered=not sure)
        either = chosen | _either(found, [(start, end, field) for start, end, field, *_ in asking_spans[:_MOST_THINGS] if field in asked])
        either |= {field for field, at in asked.items() if things.doubtful(field, at)}
        conversation.either -= asked.keys()
        for field, at in asked.items():
            thing = things.asked(field, at)
            conversation.withheld.pop(field, None)
            conversation.asked.pop(field, None)
            conversation.asked[field] = 0
            while len(conversation.asked) > _MOST_REQUESTS:
                del conversation.asked[next(iter(conversation.asked))]
            if field in self.vocabulary.things:
                conversation.asked_of[field] = thing
            if field in either:
                conversation.either.add(field)
            if field in either or things.new(field, thing):
                yield Act("info.requested", {"field": field}, withheld=field)
            if field not in either:
                yield Act("info.requested", {"field": _name(field, thing)})


class _Things:
    """Of what each field is asked for and told in a message.

    A preference is of the thing that its sentence names, the nearest to it; else of the one that was spoken of last, by whomever. Any other field is the
    customer's own, unless the words beside its name say whose it is: each thing belongs to the name that it stands next to.
    """

    def __init__(self, reading: Reading, found: list[Found], vocabulary: Vocabulary, conversation: Conversation) -> None:
        self._reading, self._found, self._vocabulary, self._conversation = reading, found, vocabulary, conversation
        self._named = list(islice((each for each in found if each.kind == "thing"), _MOST_THINGS)) if vocabulary.things else []
        self._commas = [at for at, word in enumerate(reading.words) if word in _COMMAS] if self._named else []
        self._owned: dict[tuple[str, int], str] | None = None
        self.found = any(each.kind == "found" for each in found)
        self._nothing = any(each.kind == "nothing" for each in found)

    def asked(self, field: str, at: int) -> str | None:
        """Return the thing of a request for ``field`` at a word: none where it was told of none and never of that thing."""
        thing = self._of(field, at)
        told = self.told_of(field) if thing else ()
        return None if None in told and thing not in told else thing

    def new(self, field: str, thing: str | None) -> bool:
        """Tell whether a field was told in this contact, and never of ``thing``."""
        told = self.preferred_of(field) if field in self._vocabulary.things else ()
        return bool(told) and thing not in told

    def preferred_of(self, field: str) -> set[str | None]:
        """Return the things of which a preference was told in this contact; of a field that is none, nothing."""
        return self.told_of(field) if self._vocabulary.fields[field].preference else set()

    def doubtful(self, field: str, at: int) -> bool:
        """Tell whether a preference that was told may be asked for anew, so that only the answer shows whether it was asked for in vain.

        Nothing was found, it was told some messages ago, or it is asked for of a thing, after it was told in passing of none.
        """
        conversation = self._conversation
        told = self.preferred_of(field)
        if not told:
            return False
        thing = self._of(field, at)
        if thing not in told:
            return told == {None} or (self._nothing and None in told)
        return self._nothing or conversation.messages - conversation.told_at.get(field, 0) >= _LATELY

    def told_of(self, field: str) -> set[str | None]:
        """Return the things of which a field was told in this contact; none is one of them."""
        return {each for (name, _), several in self._conversation.given.items() if name == field for each in several}

    def told(self, told: _Candidate, *, answers: bool) -> list[str | None]:
        """Return of which things the customer tells a value: of one, and if that is new, of the one of which the same preference was told last.

        Who wants the restaurant in the north, as the hotel, tells the north again, and tells the restaurant's area for the first time.
        """
        thing = self._told(told, answers=answers)
        before = self._conversation.given.get((told.field, _hash(told.value)), ()) if self._vocabulary.fields[told.field].preference else ()
        return [thing] if not before or thing in before else [before[-1], thing]

    def _told(self, told: _Candidate, *, answers: bool) -> str | None:
        """Return the thing of a value; an answer is of what was asked, unless its sentence begins by naming another; so is "the same as the hotel's"."""
        field, at = told.field, told.start
        known = self._vocabulary.things[field]
        asked_of = self._conversation.asked_of
        if field not in self._conversation.asked or field not in asked_of:
            return self._of(field, at)
        if not self._vocabulary.fields[field].preference:
            return self._of(field, at) or (asked_of[field] if answers else None)
        sentence = self._reading.sentence_of[at]
        named = [each for each in self._named if each.value in known and self._reading.sentence_of[each.start] == sentence]
        if answers or told.referred:
            named = [each for each in named if each.end <= at]
        return self._nearest(named, at) if named else asked_of[field]

    def read_back(self, field: str, value: str, at: int) -> str | None:
        """Return the thing of a value that is read back: that of which it was given last."""
        of = self._conversation.given.get((field, _hash(value)))
        return of[-1] if of else self._of(field, at)

    def remember(self) -> None:
        """Remember what was spoken of; who wants a taxi from the hotel to the restaurant speaks of the taxi, where that is new."""
        spoken = self._conversation.things
        for each in sorted(self._named, key=lambda each: each.value not in spoken):
            spoken.pop(each.value, None)
            spoken[each.value] = None

    def _of(self, field: str, at: int) -> str | None:
        known = self._vocabulary.things.get(field)
        if not known:
            return None
        sentence_of = self._reading.sentence_of
        if not self._vocabulary.fields[field].preference:
            return self._owners().get((field, sentence_of[at]))
        named = [each for each in self._named if each.value in known and sentence_of[each.start] <= sentence_of[at]]
        of_sentence = [each for each in named if sentence_of[each.start] == sentence_of[at]]
        if of_sentence:
            return self._nearest(of_sentence, at)
        if named:
            return named[-1].value
        return next((each for each in reversed(self._conversation.things) if each in known), None)

    def _nearest(self, named: list[Found], at: int) -> str:
        commas = self._commas

        def distance(each: Found) -> int:
            first, last = sorted((each.start, at))
            return last - first + _COMMA * (bisect_left(commas, last) - bisect_left(commas, first))

        return min(named, key=distance).value

    def _owners(self) -> dict[tuple[str, int], str]:
        """Return by field and sentence the thing whose it is."""
        if self._owned is None:
            self._owned = {}
            if not self._named:
                return self._owned
            sentence_of, things = self._reading.sentence_of, self._vocabulary.things
            names = list(islice((each for each in self._found if each.kind in ("name", "ask", "before") and each.field in things), _MOST_THINGS))
            for thing in self._named:
                sentence = sentence_of[thing.start]
                near = [each for each in names if sentence_of[each.start] == sentence and thing.value in things[each.field]]
                behind = [each for each in near if 0 <= each.start - thing.end <= _BESIDE]
                before = [each for each in near if 0 <= thing.start - each.end <= _BEHIND and _COMMAS.isdisjoint(self._reading.words[each.end : thing.start])]
                for each in behind or before:
                    self._owned.setdefault((each.field, sentence), thing.value)
        return self._owned


class _Introductions:
    """Where phrases end that introduce a value, and where those begin that follow one."""

    def __init__(self, reading: Reading, found: Iterable[Found], language: Language) -> None:
        self._reading = reading
        self._language = language
        self._names_end: dict[tuple[str, int], None] = {}
        self._names_start: dict[tuple[str, int], None] = {}
        self._before: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self._after: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self._far: dict[str, list[int]] = {}
        self._far_alone: dict[str, dict[str, None]] = {}
        others: dict[int, list[tuple[int, int]]] = {}
        for each in found:
            if each.kind == "others":
                for index in range(each.start, each.end):
                    others.setdefault(index, []).append((each.start, each.end))
        for start, end, kind, field, value in found:
            if any(begin <= start and end <= last and end - start < last - begin for begin, last in others.get(start, ())):
                continue
            if kind == "name":
                self._names_end[field, end] = None
                self._names_start[field, start] = None
            elif kind == "before":
                self._before.setdefault((field, end), []).append((value, end - start))
            elif kind == "after":
                self._after.setdefault((field, start), []).append((value, end - start))
            elif kind == "far":
                self._far.setdefault(value, []).append(end)
                if language.tellings[value] == {"far"}:
                    self._far_alone.setdefault(field, {})[value] = None

    def of(self, field: str, start: int, end: int) -> int:
        """Return how much introduces a value of ``field`` there: 0 nothing, else more for longer phrases."""
        if not (self._before or self._after or self._names_end or self._far_alone):
            return 0
        words, between, sentences = self._reading.words, self._language.between, self._reading.sentence_of
        best, at = 0, start
        afters = self._afters(field, end)
        befores: dict[str, int] = {}
        for _ in range(_NEAR + 1):
            if (field, at) in self._names_end:
                best = max(best, 20)
            for key, length in self._before.get((field, at), ()):
                befores.setdefault(key, length)
            if not at or words[at - 1] not in between or sentences[at - 1] != sentences[start]:
                break
            at -= 1
        tellings = self._language.tellings
        for key in {**befores, **afters, **self._far_alone.get(field, {})}:
            needed = tellings[key]
            if ("after" in needed and key not in afters) or ("before" in needed and key not in befores):
                continue
            far = self._distance(key, start, sentences) if "far" in needed else 0
            if far <= _FAR + _NEAR:
                best = max(
                    best, 20 * befores.get(key, 0) + 60 * afters.get(key, 0) + (15 - far if "far" in needed else 0)
                )
        return max(best, self._named_after(field, end))

    def _afters(self, field: str, end: int) -> dict[str, int]:
        found = dict(self._after.get((field, end), ()))
        words = self._reading.words
        if end < len(words) and words[end] in self._language.between:
            found = {**dict(self._after.get((field, end + 1), ())), **found}
        return found

    def _distance(self, key: str, start: int, sentences: list[int]) -> int:
        """Return how many words lie between the nearest far part of a phrase and the value."""
        ends = (end for end in self._far.get(key, ()) if end <= start and sentences[end - 1] == sentences[start])
        return min((start - end for end in ends), default=_FAR + _NEAR + 1)

    def _named_after(self, field: str, end: int) -> int:
        """Return whether the field's name follows the value, with a copula between them."""
        words, copula = self._reading.words, False
        for at in range(end, min(end + _NEAR, len(words))):
            if copula and (field, at) in self._names_start:
                return 20
            copula = copula or words[at] in self._language.copulas
            if words[at] not in self._language.between:
                return 0
        return 0

    def phrases(self, field: str, most: int) -> Iterator[tuple[int, int]]:
        """Yield the values of up to ``most`` words of any kind: behind what introduces them, and the copulas behind that."""
        reading, language = self._reading, self._language
        words, tellings = reading.words, language.tellings
        begins: list[tuple[int, str | None]] = []
        for (name, end), keys in self._before.items():
            if name == field:
                begins += (
                    (end, key if "after" in tellings[key] else None) for key, _ in keys if "far" not in tellings[key]
                )
        for name, end in self._names_end:
            if name == field and end < len(words) and words[end] in language.copulas:
                begins.append((end, None))
        for begin, key in begins:
            start = _skip(words, begin, language.between)
            if start == len(words) or reading.sentence_of[start] in reading.questions:
                continue
            end = _phrase_end(reading, start, most, language)
            if key is not None:
                ends = (at for at in range(start + 1, end + 1) if key in dict(self._after.get((field, at), ())))
                end = next(ends, start)
            if end > start:
                yield start, end


def _listed_words(spans: list[tuple[int, int, str, str, bool]]) -> dict[int, tuple[int, int]]:
    """Return by each of its places the listed value of several words that reaches furthest."""
    words: dict[int, tuple[int, int]] = {}
    for start, end, _, _, listed in spans:
        for at in range(start, end) if listed and end - start > 1 else ():
            words[at] = max(words.get(at, (start, end)), (start, end), key=lambda word: word[1])
    return words


def _inside(span: tuple[int, int, str, str, bool], words: dict[int, tuple[int, int]]) -> bool:
    """Tell whether a value is a part of something longer that means another: the *two* in the Chinese Tuesday, the *centre* of a sports centre."""
    start, end = words.get(span[0], span[:2])
    return span[1] <= end and span[1] - span[0] < end - start


def _skip(words: list[str], at: int, skipped: frozenset[str]) -> int:
    while at < len(words) and words[at] in skipped:
        at += 1
    return at


def _phrase_end(reading: Reading, start: int, most: int, language: Language) -> int:
    end = start
    while (
        end < min(start + most, len(reading.words))
        and reading.words[end][0].isalnum()
        and reading.words[end] not in language.stop
    ):
        end += 1
    return end


def _answers(reading: Reading, most: list[int], language: Language) -> list[str]:
    """Return a short message as the answers of any words to as many open requests: one, or as many as it has parts between commas."""
    if not most or reading.questions:
        return []
    commas = [index for index, word in enumerate(reading.words) if word in _COMMAS]
    parts = [slice(start, end) for start, end in pairwise([-1, *commas, len(reading.words)])]
    if len(most) == 1 or len(parts) != len(most):
        parts = [slice(-1, len(reading.words))]
    answers: list[str] = []
    for part, longest in zip(parts, most, strict=False):
        start = _skip(reading.words, part.start + 1, language.between)
        end = part.stop
        while end > start and (not reading.words[end - 1][0].isalnum() or reading.words[end - 1] in language.between):
            end -= 1
        words = [word for word in reading.words[start:end] if word not in (",", "،")]
        if not words or len(words) > longest or any(word in language.stop or not word[0].isalnum() for word in words):
            return []
        answers.append(reading.text[reading.starts[start] : reading.ends[end - 1]])
    return answers


def _opening(reading: Reading, found: list[Found], most: int, language: Language) -> tuple[int, int] | None:
    """Return the words in capitals with which an answer of any words begins, before it goes on to something else: "I'm Jane Doe, my number is ..."."""
    words = reading.words
    answers = {each.start: each.end for each in found if each.kind == "answer"}
    named = {each.start for each in found if each.kind in ("name", "before")}
    start = 0
    while start < len(words) and (start in answers or words[start] in language.between or words[start] in _COMMAS):
        start = answers.get(start, start + 1)
    end = start
    while end < len(words) and end not in named and words[end] not in language.stop and reading.text[reading.starts[end]].isupper():
        end += 1
    return (start, end) if _FEWEST_OPENING <= end - start <= most and reading.sentence_of[start] == reading.sentence_of[end - 1] else None


def _ends(reading: Reading, at: int) -> bool:
    """Tell whether a sentence ends before a word."""
    return at == len(reading.words) or reading.sentence_of[at] != reading.sentence_of[at - 1] or not reading.words[at][0].isalnum()


def _after(reading: Reading, start: int, ends: set[int], language: Language, most: int) -> bool:
    """Tell whether one of ``ends`` lies before ``start``, with words between them that say nothing."""
    at = start
    for _ in range(most + 1):
        if at in ends:
            return True
        if (
            not at
            or reading.words[at - 1] not in language.between
            or reading.sentence_of[at - 1] != reading.sentence_of[start]
        ):
            return False
        at -= 1
    return False


def _in_doubt(reading: Reading, candidate: _Candidate, doubts: list[Found]) -> bool:
    sentence = reading.sentence_of[candidate.start]
    return any(each.end <= candidate.start and reading.sentence_of[each.start] == sentence for each in doubts)


def _intents(reading: Reading, found: list[Found], language: Language) -> Iterator[Act]:
    """Yield each intent that a customer states, and neither denies nor supposes."""
    denied = {each.end for each in found if each.kind == "negation"}
    supposed: dict[int, int] = {}
    for each in found:
        if each.kind == "hypothetical":
            supposed.setdefault(reading.sentence_of[each.start], each.end)
    intents: dict[str, None] = {}
    for each in found:
        if (
            each.kind == "intent"
            and not _after(reading, each.start, denied, language, _NEAR)
            and supposed.get(reading.sentence_of[each.start], each.start + 1) > each.start
        ):
            intents[each.value] = None
    for intent in intents:
        yield Act("intent.stated", {"intent": intent})


def _stands_for_a_thing(reading: Reading, candidate: _Candidate) -> bool:
    """Tell whether a value is the word *one* in the middle of a sentence: "I want one in the centre"."""
    return (
        candidate.value == "1"
        and not candidate.listed
        and len(reading.words) > _ALONE_AMONG
        and not reading.words[candidate.start][0].isdigit()
    )


def _references(found: list[Found], reading: Reading) -> Iterator[tuple[int, int, str]]:
    """Yield where a field is named as the same as before: "the same day", "the same general area"."""
    same = {each.end for each in found if each.kind == "same"}
    for name in found if same else ():
        if name.kind == "name":
            start, sentence = name.start, reading.sentence_of[name.start]
            if any(end in same and reading.sentence_of[end - 1] == sentence for end in (start, start - 1)):
                yield start, name.end, name.field


def _asked_about(reading: Reading, found: list[Found], language: Language) -> list[Found]:
    """Return what makes a question one about something that both know ("is it in the north?", "that is in the north, right?").

    It looks for nothing, as "is there ...?" does.
    """
    sought = {each.start for each in found if each.kind == "seeking"}
    if not reading.questions:
        return []
    asked = [each for each in found if each.kind in ("about", "confirm") and reading.sentence_of[each.start] in reading.questions]
    return [each for each in asked if each.kind == "about" and each.start not in sought and _begins(reading, each.start, language)] + [
        each._replace(end=0)  # what stands before it is in doubt, too
        for each in asked
        if each.kind == "confirm" and reading.words[each.end : each.end + 1] in (["?"], ["؟"])
    ]


def _begins(reading: Reading, at: int, language: Language) -> bool:
    """Tell whether nothing but words that say nothing stands before a word in its sentence, or since its last comma."""
    sentence = reading.sentence_of[at]
    for before in range(at - 1, at - 2 - _FAR, -1):
        if before < 0 or reading.sentence_of[before] != sentence or reading.words[before] in _COMMAS:
            return True
        if reading.words[before] not in language.between:
            return False
    return False


def _outermost(spans: list[tuple[int, int, str, str, bool]]) -> Iterator[tuple[int, int, str, str, bool]]:
    """Yield the spans that lie in no longer one."""
    reach = longest = begin = -1
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        start, end = span[:2]
        if start != begin:
            reach, begin, longest = max(reach, longest), start, end
        if end == longest and end > reach:
            yield span


def _joined(written: list[Value], text: str) -> Iterator[Value]:
    """Yield as one code the groups of a code that only spaces part."""
    groups: list[list[Value]] = []
    for value in written:
        if value.kind in ("number", "code", "postal") and groups and text[groups[-1][-1].end : value.start] == " ":
            groups[-1].append(value)
        else:
            groups.append([value] if value.kind in ("number", "code", "postal") else [])
        if not groups[-1]:
            groups.pop()
    for group in groups:
        if len(group) > 1 and any(len(value.normal) > 2 for value in group):
            start, end = group[0].start, group[-1].end
            yield Value("code", start, end, text[start:end], "".join(value.normal for value in group))


def _told_first(reading: Reading, start: int, end: int, cue: int) -> bool:
    """Tell whether a name stands in what is told before a comma, and what asks behind it."""
    sentence = reading.sentence_of[start]
    return not _COMMAS.isdisjoint(reading.words[end:cue]) and start >= _TOLD_FIRST and reading.sentence_of[start - _TOLD_FIRST] == sentence


def _by_sentence(reading: Reading, found: Iterable[Found]) -> dict[int, list[Found]]:
    by_sentence: dict[int, list[Found]] = {}
    for each in found:
        by_sentence.setdefault(reading.sentence_of[each.start], []).append(each)
    return by_sentence


def _place(
    start: int, end: int, first_at: dict[int, int], last_at: dict[int, int], reading: Reading
) -> tuple[int, int]:
    """Return the words from character ``start`` up to ``end``; where they begin or end inside a word, that word too."""
    first = first_at.get(start)
    if first is None:
        first = max(0, bisect_right(reading.starts, start) - 1)
    last = last_at.get(end)
    if last is None:
        last = bisect_left(reading.ends, end)
    return first, min(last, len(reading.words) - 1) + 1


def _either(found: list[Found], asked: list[tuple[int, int, str]]) -> set[str]:
    """Return of the fields that a sentence asks for (with the words of each request) those that it leaves to choose: "the area or the price range?"."""
    fields: set[str] = set()
    for each in found if len(asked) > 1 else ():
        if each.kind == "either":
            before = max((span for span in asked if span[0] < each.start), default=None)
            after = min((span for span in asked if span[1] > each.end and span != before), default=None)
            if before and after and before[2] != after[2] and after[0] - each.end <= _EITHER and each.start - before[1] <= _EITHER:
                fields |= {before[2], after[2]}
    return fields


def _name(field: str, thing: str | None) -> str:
    return field if thing is None else of_thing(field, thing)


def _remember(conversation: Conversation, field: str, value: str, of: list[str | None]) -> None:
    key = field, _hash(value)
    before = conversation.given.pop(key, ())
    conversation.given[key] = (*(each for each in before if each not in of), *of)
    while len(conversation.given) > _MOST_GIVEN:
        del conversation.given[next(iter(conversation.given))]


def _given(conversation: Conversation, field: str, value: str) -> bool:
    return (field, _hash(value)) in conversation.given


def _hash(value: str) -> int:
    return hash("".join(letter for letter in folded(value) if letter.isalnum()))


def _script(letter: str) -> str:
    if letter < "\u0250":
        return "Latn" if letter.isalpha() else ""
    if "\u0600" <= letter < "\u0780" or "\ufb50" <= letter < "\ufe00":
        return "Arab"
    if "\u3400" <= letter < "\ua000" or "\uf900" <= letter < "\ufb00":
        return "Han"
    return "other" if letter.isalpha() else ""


_SAME = {
    "deu": "de",
    "ger": "de",
    "eng": "en",
    "zho": "zh",
    "chi": "zh",
    "cmn": "zh",
    "yue": "zh",
    "fas": "fa",
    "per": "fa",
    "pes": "fa",
    "prs": "fa",
}
