"""Find what asking, telling and handing off alone do not show: flaps, wrong ways, dead ends, promises, facts, cases, moods.

Readings, going on from those in `oracle`:

Changes and routes
65. handoff_flap counts the `times` latest changes on the way back; the change that last fired is not counted again, so
    after a flap `times` new ones are needed. Not: that one is the first of the next.
66. A change may cross contacts, as chains do; a planned callback is a change like any other.
67. A handoff that is itself the first work of its run says nothing of when its team was answered: no finding, for
    `first` is an earlier touchpoint ("older"). Not: it was handed on at once, and is its own `first`.
68. A run is a team's, human and machine alike ("the sender's own" is the team's); queue and private notes break none.
    The contact of touchpoints without contact has runs too, and intents as well.
69. "The contact's channel" of a misroute is that of the handoff itself. Not: that of most or of the first of it.
70. other_intent is judged against the latest `contact.started`, whether that names an intent or not: one without an
    intent ends the comparing. A statement that is itself the first work of a human does not come after it.
71. `confidence` is compared as it is written, not in thousandths.

Ends
72. "Its journey" of a dead end is that of the end; a touchpoint is in a contact of that journey if its own journey is
    that one. Touchpoints without contact count. Not: contacts that any earlier touchpoint put into the journey.
73. `previous_contact` is that of the contact of what follows: the latest given on any of its touchpoints up to that one.
74. The last handoff before an end is the last `handoff.started` of that very contact, before it in the order.

Promises and facts
75. A promise that was due before it was made is broken at its due time at once. Cancelled after the due time it stays
    broken; a `promise.kept` after that still makes it late.
76. Ids of promises and cases are compared as written, across journeys and sources. The customer's promises count.
77. `kept_late` waits for the clock as `not_kept` does: due time and grace.
78. What a customer says of a fact is no statement: it neither contradicts nor voids. A correction voids all earlier
    statements of the fact, of named other journeys too, and is itself a statement for later ones to contradict.
79. The latest earlier statement by another speaker decides: if it says the same, an older one that differs is not
    looked at. Named journeys that differ, voided ones and too old ones are passed over.
80. The name of a fact is folded as words, then made canonical by the catalog; so folded it is the field of a finding
    and its discriminator. Not: the name as the later statement writes it.

Contacts and cases
81. The last touchpoint that names an intent judges a repeat contact, whatever its predecessors found; where the latest
    `contact.started` then is outbound, nothing is found. Confidence does not matter. The claim may be later than the
    cause, it is earlier than what judges.
82. Who claims does not matter (a customer, a system).
83. A complaint is over by what comes after it in its journey and before the offer. A null or missing
    `claimed_resolved` closes it.

Moods, surveys, portfolios
84. "The previous one's side" is exactly that team (or none known) and that folded channel; moods in between in the
    journey that have another side end the row. Only the previous one must be young enough.
85. Private messages of a customer have moods too.
86. An exposure without metric or promised number promises nothing: an older one that does stands.
87. A scale may run downwards: shares are fractions of the way all the same.
88. An answer on a scale of no length is no answer, nor for the portfolio. What brought the customer into a quadrant is
    the latest touchpoint after which it was another, or none, before.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from .kept import Kept
from .timeline import ENDS, PASSIVE, SECOND, WORKERS, Json, Point, Wait, fold_channel, fold_value, microseconds

REST = (
    "handoff_flap",
    "misroute",
    "dead_end",
    "broken_promise",
    "contradiction",
    "repeat_contact",
    "premature_closure",
    "two_faces",
    "mood_drop",
    "expectation_gap",
    "portfolio_shift",
)
QUADRANTS = ("model", "growth", "at_risk", "dangling")  # best to worst


def thousandths(number: float) -> int:
    """Return a number in thousandths, rounded half to even."""
    return int((Decimal(str(number)) * 1000).to_integral_value(ROUND_HALF_EVEN))


def apart(one: Point, other: Point) -> str | None:
    """Tell whether the sides of two touchpoints differ, and in what: `teams` (both known), else `channels`."""
    if one.side and other.side and one.side != other.side:
        return "teams"
    return "channels" if fold_channel(one.channel) != fold_channel(other.channel) else None


def intent_of(point: Point) -> str | None:
    """Return the intent that a touchpoint names, as words."""
    named = point.data.get("intent") if point.type in ("contact.started", "intent.stated") else None
    return fold_value(named) if named else None


def mood_of(point: Point) -> int | None:
    """Return the mood of a customer's message in thousandths."""
    if point.type != "message" or point.kind != "customer" or point.data.get("sentiment") is None:
        return None
    return thousandths(point.data["sentiment"])


def share_of(answer: Point, key: str) -> Fraction | None:
    """Return how far up its scale a number of a survey's answer is, None where there is no number or no scale."""
    if answer.data.get(key) is None:
        return None
    return share(answer, answer.data[key])


def share(answer: Point, number: float) -> Fraction | None:
    """Return how far up an answer's scale a number is, None where the scale has no length."""
    low, high = thousandths(answer.data["minimum"]), thousandths(answer.data["maximum"])
    return Fraction(thousandths(number) - low, high - low) if low != high else None


class Rest(Kept):
    """The findings of the later rules."""

    def in_contact(self, point: Point) -> list[Point]:
        """List the touchpoints before one in its contact."""
        return self.before(point, lambda o: o.place == point.place)

    def age_within(self, rule: str, earlier: Point, later: Point, key: str = "within") -> bool:
        """Tell whether one touchpoint is at most so much older than another."""
        return bool(later.time - earlier.time <= self.rules[rule][key] * SECOND)

    def wait_of(self, start: Point) -> Wait:
        """Find the wait that a handoff started."""
        return next(wait for wait in self.waits if wait.start is start)

    def handoff_flap(self) -> None:
        """Back and forth between machine and human."""
        fired: set[int] = set()
        for point in self.points:
            changes: list[Point] = []
            step: Point | None = point if point.counted else None
            while step and step.index not in fired:
                if step.follows and WORKERS[step.kind] != WORKERS[step.follows.kind]:
                    changes.append(step)
                step = step.follows
            if not changes or changes[0] is not point or len(changes) < self.rules["handoff_flap"]["times"]:
                continue
            first = changes[self.rules["handoff_flap"]["times"] - 1]
            if self.age_within("handoff_flap", first, point):
                fired.add(point.index)
                assert point.follows
                sides, channels = (point.follows.team, point.team), (point.follows.channel, point.channel)
                self.add("handoff_flap", first=first, again=point, sides=sides, channels=channels)

    def handed_on_at_once(self) -> None:
        """Passed on as soon as it came."""
        for point in self.points:
            if point.type != "handoff.started" or not point.counted or WORKERS[point.kind] != "human":
                continue
            if point.data.get("mode") in ("callback", "referral") or point.data.get("planned") is True:
                continue
            run: list[Point] = []
            for work in [o for o in [*self.in_contact(point), point] if o.counted]:
                if run and run[-1].team != work.team:
                    run = []
                run.append(work)
            if run[0] is not point and self.age_within("misroute", run[0], point):
                wait = self.wait_of(point)
                sides, channels = (wait.sender, wait.receiver), (point.channel, wait.to_channel)
                reason = "handed_on_at_once"
                self.add("misroute", first=run[0], again=point, sides=sides, channels=channels, reason=reason)

    def other_intent(self) -> None:
        """Routed for one thing, come for another."""
        told: set[tuple[str, str]] = set()
        least = Decimal(str(self.rules["misroute"]["confidence"]))
        for point in self.points:
            if point.type != "intent.stated" or point.place in told:
                continue
            sure = point.data.get("confidence")
            here = self.in_contact(point)
            started = [o for o in here if o.type == "contact.started"]
            humans = any(o.counted and WORKERS[o.kind] == "human" for o in here)
            if not humans or not started or (sure is not None and Decimal(str(sure)) < least):
                continue
            routed = intent_of(started[-1])
            if routed is not None and routed != intent_of(point):
                told.add(point.place)
                self.blame("misroute", point, first=started[-1], again=point, reason="other_intent")

    def dead_end(self) -> None:
        """Handed off, then over without result, and nothing follows."""
        window = self.rules["dead_end"]["within"] * SECOND
        for end in self.points:
            abandoned = end.type == "contact.abandoned"
            unresolved = end.type == "contact.ended" and end.data.get("resolved") is False
            if not end.contact or not (abandoned or unresolved) or end.data.get("planned_callback") is True:
                continue
            handoffs = [o for o in self.in_contact(end) if o.type == "handoff.started"]
            if not handoffs:
                continue
            last = handoffs[-1]
            if last.data.get("mode") == "callback" and last.data.get("planned") is True:
                continue
            if any(self.follows_on(end, o) and o.time <= end.time + window for o in self.points[end.index + 1 :]):
                continue
            if self.clock < end.time + window + self.rules["grace"] * SECOND:
                continue
            wait = self.wait_of(last)
            self.add(
                "dead_end",
                first=last,
                again=None,
                cause=end,
                sides=(wait.sender, wait.receiver),
                channels=(last.channel, wait.to_channel),
                reason="abandoned" if abandoned else "unresolved",
                time=end.time + window,
            )

    def follows_on(self, end: Point, later: Point) -> bool:
        """Tell whether a touchpoint after an end goes on with what ended."""
        if later.type in PASSIVE or later.type in ENDS:
            return False
        if later.contact == end.contact or later.journey == end.journey:
            return True
        here = [*self.in_contact(later), later]
        previous = [o.raw["previous_contact"] for o in here if o.raw.get("previous_contact")]
        return bool(previous) and previous[-1] == end.contact

    def broken_promise(self) -> None:
        """Promised, and not done by then."""
        for made in self.points:
            if made.type != "promise.made":
                continue
            due = microseconds(made.data["due"])
            same = [
                o
                for o in self.points[made.index + 1 :]
                if o.type in ("promise.made", "promise.kept", "promise.cancelled")
                and o.data["promise"] == made.data["promise"]
            ]
            if due - made.time > self.rules["broken_promise"]["furthest"] * SECOND or any(o.time <= due for o in same):
                continue
            if self.clock < due + self.rules["grace"] * SECOND:
                continue
            again = next((o.index for o in same if o.type == "promise.made"), len(self.points))
            late = any(o.type == "promise.kept" and o.index < again for o in same)
            reason, about = "kept_late" if late else "not_kept", made.data["promise"]
            self.blame("broken_promise", made, first=made, again=None, reason=reason, about=about, time=due)

    def contradiction(self) -> None:
        """Told one thing here and another there."""
        for point in self.points:
            if not self.states(point) or point.data.get("correction") is True:
                continue
            fact = self.fact_of(point)
            same = self.before(point, lambda o, fact=fact: self.states(o) and self.fact_of(o) == fact)  # type: ignore[misc]
            voided = max((o.index for o in same if o.data.get("correction") is True), default=-1)
            others = [
                o
                for o in same
                if o.index >= voided
                and self.age_within("contradiction", o, point)
                and apart(o, point)
                and not (o.raw.get("journey") and point.raw.get("journey") and o.journey != point.journey)
            ]
            if others and fold_value(others[-1].data["value"]) != fold_value(point.data["value"]):
                reason = "across_" + str(apart(others[-1], point))
                self.add_between("contradiction", others[-1], point, reason=reason, name=fact)

    def states(self, point: Point) -> bool:
        """Tell whether this is the company's word on a fact."""
        return point.type == "fact.stated" and point.kind != "customer"

    def fact_of(self, point: Point) -> str:
        """Return the canonical name of a stated fact."""
        return self.canonical(fold_value(point.data["fact"]))

    def repeat_contact(self) -> None:
        """Said to be solved, and here again for the same."""
        for contact in sorted({o.contact for o in self.points if o.contact}):
            naming = [o for o in self.points if o.contact == contact and intent_of(o)]
            if not naming:
                continue
            judge = naming[-1]
            starts = [o for o in [*self.in_contact(judge), judge] if o.type == "contact.started"]
            if starts and starts[-1].data.get("direction") == "outbound":
                continue
            claims = [
                o
                for o in self.before(judge, self.claims)
                if o.contact
                and o.contact != contact
                and self.age_within("repeat_contact", o, judge)
                and self.issue_of(o) == intent_of(judge)
            ]
            if claims:
                self.blame("repeat_contact", claims[-1], first=claims[-1], again=naming[0])

    def claims(self, point: Point) -> bool:
        """Tell whether this claims that something is solved."""
        ended = point.type == "contact.ended" and point.data.get("resolved") is True
        return ended or (point.type == "case.closed" and point.data.get("claimed_resolved") is True)

    def issue_of(self, point: Point) -> str | None:
        """Return what a touchpoint's contact is about when that comes."""
        named = [intent_of(o) for o in self.in_contact(point) if intent_of(o)]
        return named[-1] if named else None

    def premature_closure(self) -> None:
        """Closed, and opened again by the customer."""
        for point in self.points:
            if point.type != "case.reopened" or point.kind != "customer":
                continue
            case = point.data["case"]
            about = self.before(point, lambda o, case=case: o.data.get("case") == case)  # type: ignore[misc]
            story = [o for o in about if o.type in ("case.closed", "case.reopened")]
            closed = story[-1] if story and story[-1].type == "case.closed" else None
            if closed and self.age_within("premature_closure", closed, point):
                reason = "claimed_resolved" if closed.data.get("claimed_resolved") is True else "closed"
                self.blame("premature_closure", closed, first=closed, again=point, reason=reason)

    def two_faces(self) -> None:
        """Sold to while a complaint is open."""
        complaints = {fold_value(one) for one in self.rules["two_faces"]["complaints"]}
        reconciling = {fold_value(one) for one in self.rules["two_faces"]["reconciling"]}
        for point in self.points:
            if point.type != "offer.made" or point.kind == "customer" or fold_value(point.data["offer"]) in reconciling:
                continue
            opened = [
                o
                for o in self.before(point, lambda o: intent_of(o) in complaints)
                if self.age_within("two_faces", o, point, "open_for") and not self.made_good(o, point)
            ]
            if opened:
                self.add_between("two_faces", opened[-1], point)

    def made_good(self, complaint: Point, upto: Point) -> bool:
        """Tell whether a complaint was over before a touchpoint."""
        return any(
            (o.type == "contact.ended" and o.data.get("resolved") is True)
            or (o.type == "case.closed" and o.data.get("claimed_resolved") is not False)
            for o in self.points[complaint.index + 1 : upto.index]
            if o.journey == complaint.journey
        )

    def mood_drop(self) -> None:
        """In a worse mood on the other side of a seam."""
        rule = self.rules["mood_drop"]
        for point in self.points:
            mood = mood_of(point)
            if mood is None:
                continue
            earlier = self.before(point, lambda o, point=point: o.journey == point.journey and mood_of(o) is not None)  # type: ignore[misc]
            if not earlier or not apart(earlier[-1], point) or not self.age_within("mood_drop", earlier[-1], point):
                continue
            row: list[int] = []
            for other in reversed(earlier):
                same = (other.side, fold_channel(other.channel)) == (
                    earlier[-1].side,
                    fold_channel(earlier[-1].channel),
                )
                if not same or len(row) == rule["messages"]:
                    break
                row.append(mood_of(other) or 0)
            if Fraction(sum(row), len(row)) - mood >= thousandths(rule["margin"]):
                self.add_between("mood_drop", earlier[-1], point)

    def expectation_gap(self) -> None:
        """Worse than was expected or advertised."""
        margin = Fraction(thousandths(self.rules["expectation_gap"]["margin"]), 1000)
        for point in self.points:
            score = share_of(point, "score") if point.type == "survey.answered" else None
            if score is None:
                continue
            first, hoped = None, share_of(point, "expected")
            if hoped is None:
                first = self.last(point, lambda o, point=point: self.advertises(o, point))  # type: ignore[misc]
                hoped = share(point, first.data["promised"]) if first else None
            if hoped is not None and hoped - score >= margin:
                reason = "advertised" if first else "expected"
                self.blame("expectation_gap", point, first=first, again=point, reason=reason)

    def advertises(self, exposure: Point, answer: Point) -> bool:
        """Tell whether this promised a number of what an answer is about, not too long before."""
        metric = exposure.data.get("metric")
        return (
            exposure.type == "brand.exposure"
            and metric is not None
            and fold_value(metric) == fold_value(answer.data["metric"])
            and exposure.data.get("promised") is not None
            and self.age_within("expectation_gap", exposure, answer)
        )

    def quadrant_after(self, index: int) -> int | None:
        """Return the quadrant when the touchpoint at an index has come, as a place in `QUADRANTS`."""
        rule, past = self.rules["portfolio_shift"], self.points[: index + 1]
        revenues = [
            o.data["billed_revenue"]
            for o in past
            if o.type == "account.updated" and o.data.get("billed_revenue") is not None
        ]
        shares = [share_of(o, "score") for o in past if o.type == "survey.answered"]
        latest = [one for one in shares if one is not None][-rule["surveys"] :]
        if not revenues or not latest:
            return None
        rich = thousandths(revenues[-1]) >= thousandths(rule["revenue"])
        happy = sum(latest, Fraction()) / len(latest) >= Fraction(thousandths(rule["satisfaction"]), 1000)
        return (0 if rich else 1) if happy else (2 if rich else 3)

    def portfolio_shift(self) -> None:
        """A customer worth less, or less content, than before."""
        for point in self.points:
            before, after = self.quadrant_after(point.index - 1), self.quadrant_after(point.index)
            if before is None or after is None or after <= before:
                continue
            brought = point.index - 1
            while self.quadrant_after(brought - 1) == before:
                brought -= 1
            self.blame("portfolio_shift", point, first=self.points[brought], again=point, reason=QUADRANTS[after])

    def rest(self) -> None:
        """Look for all of them."""
        self.handoff_flap()
        self.handed_on_at_once()
        self.other_intent()
        self.dead_end()
        self.broken_promise()
        self.contradiction()
        self.repeat_contact()
        self.premature_closure()
        self.two_faces()
        self.mood_drop()
        self.expectation_gap()
        self.portfolio_shift()

    def behind_the_rest(self, one: Json, standing: list[Json]) -> list[Json]:
        """List the standing findings that explain one of these."""
        if one["detector"] == "dead_end":
            waits = [o for o in standing if o["detector"] == "unanswered_handoff"]
            return [o for o in waits if {"source": o["cause"].source, "id": o["cause"].id} == one["first"]]
        if one["detector"] == "premature_closure" and one["contact"]:
            return [o for o in standing if o["detector"] == "repeat_contact" and o["contact"] == one["contact"]]
        return []
