"""Work out findings and consistency scores by brute force from whole timelines, straight from the documents.

Nothing here is shared with the engine, and nothing is incremental: every question looks through the sorted timeline.
Timelines stay inside the memory (30 days, 500 touchpoints), so there is no horizon.

Readings: where the documents leave a choice open, what was chosen and, after "not", what was rejected.

Input and clock
 1. A heartbeat belongs to no timeline; it moves the clock only. Not: a passive touchpoint of a customer it may name.
 2. The clock used is the later of `clock` and the newest kept touchpoint or heartbeat. Not: `clock` as given.
 3. Of equal (tenant, source, id) the first in the list stays, under any customer. Not: one per customer.
 4. `identity.linked` and `customer.forgotten` move and delete nothing here: `tests.reference.identity` puts touchpoints under their customer first.
 5. A given `fields` replaces the shipped fields. Not: is merged into them.
 6. Contact and handoff ids are compared within one customer; `source` is no part of them.
 7. `sequence` is compared between sources too. Not: only within one source.

Journey
 8. A passive touchpoint that finds no journey takes its own auto id, which nobody inherits. Not: none.
 9. A passive touchpoint gives none even where it names a `journey` itself. Not: a named one is passed on.
10. A contact whose touchpoints name several journeys hands on that of its latest earlier one that is not passive.
11. Passive is a matter of journeys alone: an offer made by an agent of a known team is work, and touches its contact.

Handlers and segments
12. Only work and a customer's `actor.team` set a handler. What is not work (system, an agent without team, a private
    note, `contact.queued`, `handoff.failed`) goes to the contact's last worker. Not: to its own team, a new run.
13. `private` is read on `message` alone. Team names are compared as written.
14. Runs are counted over all touchpoints of a contact in order: one with a given segment and another handler ends a
    run, one with the same handler does not. Not: runs among the touchpoints without a segment only.
15. A given segment is (contact, name), whoever handles it; a touchpoint without one is never in it.
16. The team told is the handler of the customer's touchpoint. Not: any team that works in the same given segment.
17. The asking team is the asker's `actor.team`; without one it is unknown. Not: the contact's last handler.
18. Asked by a human: actor.kind agent or partner, team known or not; `system` is neither human nor machine.
19. Last worker and told-to count transit teams; hops, chains, answers and "worked there" do not.

Hops and chains
20. `previous_contact` is the contact's: the latest given on any of its touchpoints up to its first work.
    Not: the first work's own alone.
21. First work means first work of a team that is not transit; a predecessor with transit work only has no work.
22. A contact is the journey's if any earlier touchpoint of it is in that journey. Not: if its latest one is.
23. Ended stays ended: a touch after `contact.ended` or `contact.abandoned` does not open it again. "Ended last" goes by
    its last end. The contact that the work itself is in does not count as open.
24. The contact of the touchpoints without contact is never open, but an end without contact ends it, so it can be the
    one that ended last.
25. A chain is the whole tree of contacts, branches too (only ping_pong keeps to the path back). A touchpoint that is
    not chain work is in the chain of its contact. A contact without chain work so far is alone, whatever its
    `previous_contact` says; it joins at its first work. Not: looking ahead.
26. A hop belongs to the journey of the work that makes it; chains may cross journeys, ping_pong reads across.

Values
27. `corrects` by anybody voids ("given, decides, repeats" are the customer's, voiding is not listed); a null `valid` is
    valid. Not: the customer's alone.
28. Earlier values are provisions: values that others stated or confirmed are none.
29. Valid for a request, answer or handoff is as of that touchpoint, in its journey; the deciding provision of a request
    is compared with the values valid at the request. Not: at the decision.
30. A `policy` request for a field gives no finding at all. Not: a stored info one that marks it.
31. The deciding provision need not be in the request's journey, only in its segment; with `corrects` it decides too.
32. An echo (same_breath) is only no repeated answer; it can be `first` or decide a request. Not: left out everywhere.
    Only a provision is echoed, not one with `valid` false. Without contact, the journey's own contact counts as one.
33. Across_contacts needs two given contact ids; the touchpoints without contact are no known contact.
34. The read-back is `info.confirmed`, `confirm` or `policy` by anybody but the customer, of the same field, in the
    answer's segment. The handler's next touchpoint is any by an agent, bot, ivr or partner in that segment (private
    too), later by `time` than the read-back and before the answer in the order. Not: only of the very same actor.
35. Which value was read back is not compared; journey and validity of the read-back do not matter.

Reauthentication
36. Holds: not expired, and its level at least the level asked. `first` is the latest that holds, even where only an
    older one has seen another handler since. Not: the latest that meets every condition.
37. Another handler is another than that of the `auth.passed` (nobody counts as one of its own), working in the same
    chain after it in the order, the `auth.requested` itself included. Not: before it only. `auth.failed` revokes
    nothing.
38. The chain is the only bound: a passed authentication of another journey in the same chain holds. Not: per journey.
39. Whose an `auth.passed` is goes by reading 12, so one by `system` is the last worker's; its seam side is unknown.

Handoffs and waits
40. The first `contact.queued` of a contact without any earlier worker starts no wait: there is no last worker to differ
    from. Not: a wait from nobody. A transit last worker (entry IVR) does count.
41. The sender of a queue's wait is the contact's last worker. Not: the actor's team of the `contact.queued`.
42. "Running there" looks at the wait's own contact, in the order, past its limit too, callback and referral too.
43. An acceptance takes one wait; with an id the oldest with that id not accepted yet, of `handoff.started` only;
    without one a queue's wait too, and starts that have an id too. An id that fits none accepts none.
44. An acceptance without known team takes, without an id, only waits without `to_team`. The sender may accept.
45. A sender that is unknown is no team: any work is then by another.
46. Work and end answer by `time` alone, so one at the start's very time counts even if it sorts before it.
47. An end within the limit prevents unanswered but not slow: slow names work only.
48. Slow needs no clock: an acceptance between deadline and deadline + grace is slow at once.
49. Chain of an answering work: as of the later of that work and the start. Not: as of the end of the timeline.
50. The receiving team of a handoff is the accepting one, else `to_team` (a queue: its team). Not: `to_team` first.
    Its channel is the acceptance's, else `to_channel`, else the start's. A teamless acceptance is `to_team`'s.
51. Context known to the sender: given in the handoff's journey, or listed in a context accepted in that journey before
    the handoff. What was listed does not expire and is not voided. An acceptance that fits no start lists its own.
52. Where the sender last learnt it is the later in the order of provision and acceptance.
53. A handoff to the sender's own team can lose context and can wait like any other; callbacks and referrals can lose
    context too; so can one that failed or was never accepted.

Ping-pong
54. The contact that a return follows is that of the work it follows, the same contact too; its last end before the
    return must carry `planned_callback`. Not: any end of it, not another contact only.
55. The handoff of a return is the one it accepts, else the last in its chain since the team's last work there that
    another team sent to it or to none named. Not: only accepted ones.
56. Timed includes direct, as return does; each rule gives a finding of its own.

Findings, explanation and scores
57. A shadow finding stands in the result (with its mode) and explains nothing; an explained finding still explains.
58. An asker of unknown team has no handoff behind it; a handoff of unknown sender is passed over, not in the way. If
    the last such handoff has no standing context_lost of the field, none older is tried.
59. That handoff need not be the one that brought the asking team; transit senders count; branches of the chain too.
60. Of several reauthentications earlier in the segment the latest explains.
61. Seam sides of a person: told-to of a customer's touchpoint, else the actor's team, so unknown for `system` without.
62. Scores name channels as written (folding is for limits, comparing and seams); entity harm is harm by severity,
    moment weights are 1; harm decays from the finding's `time` (an absence: its deadline). Not: from the cause's time.
63. Opportunities of teams include transit ones and count at the first work of (segment, handler), on its channel.
64. Every journey with a touchpoint is scored; equal names under two customers are two rows.

The readings of the later rules (65 and on) stand in `rest`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .experience import marks_of, rows_of
from .rest import Rest
from .stories import repeated_story
from .timeline import (
    DEFAULT_FIELDS,
    DEFAULT_RULES,
    ENDS,
    SECOND,
    WORKERS,
    Json,
    Point,
    Wait,
    fold_channel,
    fold_value,
    merged_rules,
    microseconds,
)

HARM = {"info": 0.0, "warning": 0.15, "critical": 0.4}

#: Keys of a finding to compare; the others (mode, cause, channel, from_team, to_team) serve `scores`.
COMPARED = ("id", "detector", "reason", "severity", "tenant", "customer", "journey", "contact", "time", "seam", "silos",
            "field", "first", "again", "explained_by", "rule")  # fmt: skip


class Oracle(Rest):
    """The findings of one timeline."""

    # Values

    def field_of(self, point: Point) -> str:
        """Return the canonical name of a touchpoint's field."""
        return self.canonical(point.data.get("field"))

    def valid_values(self, point: Point, name: str) -> list[Point]:
        """List the provisions of a field in the journey that are valid when a touchpoint comes, oldest first."""
        validity = self.fields.get(name, {}).get("valid_for")
        told = self.before(
            point,
            lambda o: o.type == "info.provided" and o.journey == point.journey and self.field_of(o) == name,
        )
        corrections = [o for o in told if o.data.get("corrects") is True and o.data.get("valid") is not False]
        replaced = max((o.index for o in corrections), default=-1)
        fresh = [o for o in told if validity is None or point.time - o.time <= validity * SECOND]
        return [o for o in fresh if o.given and o.index >= replaced]

    def first_provision(self, request: Point) -> Point | None:
        """Find the first provision of the requested field after the request in its segment."""
        name = self.field_of(request)
        later = self.points[request.index + 1 :]
        return next((o for o in later if o.given and o.segment == request.segment and self.field_of(o) == name), None)

    def answers_read_back(self, point: Point, name: str) -> bool:
        """Tell whether a provision answers a confirmation, a read-back or a policy request."""
        window = self.rules["repeated_answer"]["read_back"] * SECOND
        here = self.before(point, lambda o: o.segment == point.segment)
        for asked in here:
            back = asked.type == "info.confirmed" or (
                asked.type == "info.requested" and asked.data.get("purpose") in ("confirm", "policy")
            )
            if not back or asked.kind == "customer" or self.field_of(asked) != name:
                continue
            spoke = any(o.kind in WORKERS and o.time > asked.time for o in here if o.index > asked.index)
            if point.time - asked.time <= window and not spoke:
                return True
        return False

    # Detectors

    def reason_between(self, first: Point, again: Point) -> str:
        """Say across which seam something was asked for or told again."""
        if first.asks_as == "machine" and again.asks_as == "human":
            return "bot_then_agent"
        if first.side and again.side and first.side != again.side:
            return "after_handoff"
        if fold_channel(first.channel) != fold_channel(again.channel):
            return "across_channels"
        if first.contact and again.contact and first.contact != again.contact:
            return "across_contacts"
        return "same_segment"

    def add_repeat(self, rule: str, first: Point, again: Point, severity: str = "warning") -> None:
        """Keep a repeated request or answer."""
        self.add(
            rule,
            first=first,
            again=again,
            sides=(first.side, again.side),
            channels=(first.channel, again.channel),
            reason=self.reason_between(first, again),
            severity=severity,
            name=self.field_of(again),
        )

    def repeated_request(self) -> None:
        """Asked for something that was given before."""
        for point in self.points:
            if point.type != "info.requested" or point.kind == "customer":
                continue
            name = self.field_of(point)
            known = self.valid_values(point, name)
            if (point.data.get("purpose") or "collect") != "collect" or not known:
                continue
            severity = "warning"
            if self.fields.get(name, {}).get("kind") != "identity":
                decided = self.first_provision(point)
                if decided is None:
                    severity = "info"
                elif fold_value(decided.data["value"]) not in {fold_value(o.data["value"]) for o in known}:
                    continue
            self.add_repeat("repeated_request", known[-1], point, severity)

    def repeated_answer(self) -> None:
        """Told the same again."""
        breath = self.rules["repeated_answer"]["same_breath"] * SECOND
        for point in self.points:
            if not point.given or point.data.get("corrects") is True:
                continue
            name, value = self.field_of(point), fold_value(point.data["value"])

            def equal(other: Point, name: str = name, value: str = value) -> bool:
                return other.given and self.field_of(other) == name and fold_value(other.data["value"]) == value

            known = [o for o in self.valid_values(point, name) if equal(o)]
            here = self.before(point, lambda o, place=point.place: o.place == place)  # type: ignore[misc]
            echo = any(equal(o) and point.time - o.time <= breath for o in here)
            if known and not echo and not self.answers_read_back(point, name):
                self.add_repeat("repeated_answer", known[-1], point)

    def reauthentication(self) -> None:
        """Asked to authenticate again while it still holds and after somebody else worked."""
        validity = self.rules["reauthentication"]["valid_for"]
        for point in self.points:
            if point.type != "auth.requested" or point.kind == "customer":
                continue
            chain = [o for o in self.points[: point.index + 1] if self.same_chain(o, point, point.index)]
            holding = []
            for passed in chain:
                seconds = passed.data.get("valid_for_seconds")
                lasts = (validity if seconds is None else seconds) * SECOND
                enough = (passed.data.get("level") or 0) >= (point.data.get("level") or 0)
                if passed.type == "auth.passed" and enough and point.time - passed.time <= lasts:
                    holding.append(passed)
            if any(o.work and o.index > p.index and o.handler != p.handler for p in holding for o in chain):
                first = holding[-1]
                sides, channels = (first.side, point.side), (first.channel, point.channel)
                self.add("reauthentication", first=first, again=point, sides=sides, channels=channels)

    def context_lost(self) -> None:
        """Handed off without what the sender knew and had to pass on."""
        for wait in self.waits:
            for name, first in (self.lost_at(wait) or {}).items():
                sides, channels = (wait.sender, wait.receiver), (wait.start.channel, wait.to_channel)
                self.add("context_lost", first=first, again=wait.start, sides=sides, channels=channels, name=name)

    def lost_at(self, wait: Wait) -> dict[str, Point] | None:
        """Return where the sender last learnt each field that it had to pass on and did not; None where nobody can tell."""
        start = wait.start
        if start.type != "handoff.started" or wait.context is None or wait.sender is None:
            return None
        must = [name for name, about in self.fields.items() if about.get("must_travel")]
        passed = {self.canonical(name) for name in wait.context}
        lost = {}
        for name in must:
            learnt = [o for o in self.valid_values(start, name) if o.side == wait.sender]
            for point in self.before(start, lambda o: o.type == "handoff.accepted"):
                other = self.accepts(point)
                team = other.receiver if other else point.side
                listed = (other.context if other else point.data.get("context")) or []
                mine = team == wait.sender and point.journey == start.journey
                if mine and name in {self.canonical(item) for item in listed}:
                    learnt.append(point)
            if learnt and name not in passed:
                lost[name] = max(learnt, key=lambda o: o.index)
        return lost

    def was_in_time(self, wait: Wait) -> bool | None:
        """Tell whether somebody took over within the limit; None where there is none, while that is open, and where the contact ended first."""
        if wait.limit is None:
            return None
        start, deadline = wait.start, wait.start.time + wait.limit
        if self.worked_in_time(wait, deadline):
            return True
        if wait.accepted:
            return wait.accepted.time <= deadline
        ended = any(o.type in ENDS and o.place == start.place and start.time <= o.time <= deadline for o in self.points)
        return False if not ended and self.clock >= deadline + self.rules["grace"] * SECOND else None

    def worked_in_time(self, wait: Wait, end: int) -> bool:
        """Tell whether another team worked in the wait's contact or chain between its start and a time."""
        start = wait.start
        works = [o for o in self.points if o.counted and o.team != wait.sender and start.time <= o.time <= end]
        return any(self.same_chain(o, start, max(o.index, start.index)) for o in works)

    def late_handoffs(self) -> None:
        """Waited for longer than the limit: for somebody who came late, or for nobody."""
        for wait in self.waits:
            if wait.limit is None:
                continue
            start = wait.start
            deadline = start.time + wait.limit
            worked = self.worked_in_time(wait, deadline)
            ended = any(
                o.type in ENDS and o.place == start.place and start.time <= o.time <= deadline for o in self.points
            )
            sides, channels = (wait.sender, wait.receiver), (start.channel, wait.to_channel)
            if wait.accepted:
                if wait.accepted.time > deadline and not worked:
                    self.add("slow_handoff", first=start, again=wait.accepted, sides=sides, channels=channels)
            elif not worked and not ended and self.clock >= deadline + self.rules["grace"] * SECOND:
                self.add("unanswered_handoff", first=start, again=None, sides=sides, channels=channels, time=deadline)

    def planned_callback(self, point: Point, since: Point) -> bool:
        """Tell whether a return was a callback that had been planned."""
        assert point.follows
        place = point.follows.place
        end = self.last(point, lambda o: o.type in ENDS and o.place == place)
        if end and end.data.get("planned_callback") is True:
            return True
        wait = self.accepts(point) or self.handoff_to(point, since.index)
        return bool(wait and wait.start.data.get("mode") == "callback" and wait.start.data.get("planned") is True)

    def handoff_to(self, point: Point, after: int = -1) -> Wait | None:
        """Find the last handoff before a touchpoint, in its chain, that another team sent to its team or to none."""
        team = point.side
        if team is None:
            return None
        sent = [
            wait
            for wait in self.waits
            if wait.start.type == "handoff.started"
            and after < wait.start.index < point.index
            and wait.sender not in (None, team)
            and wait.to_team in (None, team)
            and self.same_chain(wait.start, point, point.index)
        ]
        return sent[-1] if sent else None

    def ping_pong(self) -> None:
        """Back at a team that had it."""
        for point in self.hops():
            path: list[Point] = []
            step = point.follows
            while step:
                path.append(step)
                step = step.follows
            first = next((o for o in path if o.team == point.team), None)
            if first is None or self.planned_callback(point, first):
                continue
            between = {o.team for o in path[: path.index(first)]}
            timed = self.rules["ping_pong_timed"]["within"] * SECOND
            fires = {
                "ping_pong_direct": len(between) == 1,
                "ping_pong_return": True,
                "ping_pong_timed": point.time - first.time <= timed,
            }
            for rule in (rule for rule, fire in fires.items() if fire):
                self.add_hop(rule, first, point, "ping_pong")

    def excessive_handoffs(self) -> None:
        """The hop too many of a journey."""
        limit = self.rules["excessive_handoffs"]["hops"]
        journeys: dict[str, list[Point]] = {}
        for point in self.hops():
            hops = journeys.setdefault(point.journey, [])
            hops.append(point)
            if len(hops) == limit:
                self.add_hop("excessive_handoffs", hops[0], point, "excessive_handoffs")

    def add_hop(self, rule: str, first: Point, again: Point, detector: str) -> None:
        """Keep a finding about a hop."""
        assert again.follows
        sides, channels = (again.follows.team, again.team), (again.follows.channel, again.channel)
        self.add(rule, first=first, again=again, sides=sides, channels=channels, detector=detector)

    def explain(self) -> None:
        """Name the standing finding behind each repeated request and answer."""
        standing = [one for one in self.found if one["mode"] == "on"]
        for one in self.found:
            point = one["cause"]
            behind: list[Json] = []
            if one["detector"] == "repeated_request":
                wait = self.handoff_to(point)
                lost = [o for o in standing if o["detector"] == "context_lost" and o["field"] == one["field"]]
                behind = [o for o in lost if wait and o["cause"] is wait.start]
                if not behind and self.fields.get(one["field"], {}).get("kind") == "identity":
                    asked = [o for o in standing if o["detector"] == "reauthentication"]
                    behind = [
                        o for o in asked if o["cause"].segment == point.segment and o["cause"].index < point.index
                    ]
            elif one["detector"] == "repeated_answer":
                asked = [o for o in standing if o["detector"] == "repeated_request"]
                behind = [o for o in asked if self.first_provision(o["cause"]) is point]
            else:
                behind = self.behind_the_rest(one, standing)
            if behind:
                one["explained_by"] = max(behind, key=lambda o: o["cause"].index)["id"]

    def detect(self) -> list[Json]:
        """Return what stands at the clock."""
        self.repeated_request()
        self.repeated_answer()
        self.reauthentication()
        self.context_lost()
        self.late_handoffs()
        self.ping_pong()
        self.excessive_handoffs()
        self.rest()
        repeated_story(self)
        self.explain()
        for one in self.found:
            one["cause"] = {"source": one["cause"].source, "id": one["cause"].id}
        return self.found


def off_unless_shipped(folder: Path) -> Json:
    """Return rules that turn off those of which a folder has no file: what is not built cannot be compared."""
    return {
        name: {"mode": "off"}
        for name, rule in DEFAULT_RULES.items()
        if isinstance(rule, dict) and "mode" in rule and not (folder / f"{name}.yaml").exists()
    }


def timelines(touchpoints: Iterable[Json], clock: int, rules: Json | None, fields: Json | None) -> list[Oracle]:
    """Sort touchpoints into the timelines of their customers, the first of each identity only."""
    kept: dict[tuple[str, str, str], Json] = {}
    for raw in touchpoints:
        kept.setdefault((raw.get("tenant") or "default", raw["source"], raw["id"]), raw)
    clock = max([clock, *(microseconds(raw["time"]) for raw in kept.values())])
    customers: dict[tuple[str, str], list[Point]] = {}
    for raw in kept.values():
        if raw["type"] != "heartbeat":
            point = Point(raw)
            customers.setdefault((point.tenant, point.customer), []).append(point)
    shipped = DEFAULT_FIELDS if fields is None else fields
    return [Oracle(points, merged_rules(rules), shipped, clock) for _, points in sorted(customers.items())]


def findings(
    touchpoints: list[Json], *, clock: int, rules: Json | None = None, fields: Json | None = None
) -> list[Json]:
    """Return the standing findings of all customers at a clock (microseconds UTC), by tenant, customer, time and id."""
    found = [one for timeline in timelines(touchpoints, clock, rules, fields) for one in timeline.detect()]
    return sorted(found, key=lambda one: (one["tenant"], one["customer"], one["time"], one["id"]))


def scoring(found: list[Json]) -> list[Json]:
    """Keep the findings that score: mode on, not explained, the heaviest of each cause."""
    heaviest: dict[tuple[str, str, str], Json] = {}
    for one in sorted(found, key=lambda o: (-HARM[o["severity"]], o["rule"], o["id"])):
        if one["mode"] == "on" and one["explained_by"] is None:
            heaviest.setdefault((one["tenant"], one["cause"]["source"], one["cause"]["id"]), one)
    return list(heaviest.values())


def scores(
    found: list[Json], touchpoints: list[Json], *, as_of: int, rules: Json | None = None, fields: Json | None = None
) -> list[Json]:
    """Return the scores as of a time: consistency of journeys, customers, teams, channels, brands, seams, tenants; handoffs; and those of experience.

    `found` is the result of `findings` over the same touchpoints; each row has tenant, score, scope, name, customer
    (of a journey, else None), half_life (seconds), value, and harm and opportunities (None where there are none).
    """
    charged = scoring(found)
    lines = timelines(touchpoints, as_of, rules, fields)

    def decay(time: int, half_life: int) -> float:
        return math.pow(2.0, -(as_of - time) / SECOND / half_life)

    rows: list[Json] = []

    def row(tenant: str, scope: str, name: str, half_life: int, value: float, **more: float | str) -> None:
        base: Json = {"tenant": tenant, "score": "consistency", "scope": scope, "name": name, "half_life": half_life}
        rows.append({"customer": None, "harm": None, "opportunities": None} | base | {"value": value} | more)

    for line in lines:
        tenant, customer = line.points[0].tenant, line.points[0].customer
        mine = [one for one in charged if (one["tenant"], one["customer"]) == (tenant, customer)]
        weigh = {one["id"]: -math.log(1 - HARM[one["severity"]]) * decay(one["time"], 604_800) for one in mine}
        row(tenant, "customer", customer, 604_800, 100 * math.exp(-sum(weigh.values())))
        for journey in sorted({point.journey for point in line.points}):
            total = sum(weigh[one["id"]] for one in mine if one["journey"] == journey)
            row(tenant, "journey", journey, 604_800, 100 * math.exp(-total), customer=customer)

    chances: list[tuple[str, str, str, int]] = []  # tenant, scope, name, time
    for line in lines:
        seen: set[tuple[Any, ...]] = set()
        for point in line.points:
            if point.work and (point.segment, point.handler) not in seen:
                seen.add((point.segment, point.handler))
                brand = point.raw.get("brand")
                who = ("team", point.team), ("channel", point.channel), ("brand", brand), ("tenant", point.tenant)
                chances += [(point.tenant, scope, name, point.time) for scope, name in who if name]
        for hop in line.hops():
            assert hop.follows
            chances.append((hop.tenant, "seam", f"team:{hop.follows.team}>team:{hop.team}", hop.time))
    harms: list[tuple[str, str, str, int, float]] = []
    for one in charged:
        team = one["from_team"] if "handoff" in one["silos"] else one["to_team"]
        seam = f"{one['seam']['from']}>{one['seam']['to']}" if one["seam"] else None
        places = ("team", team), ("channel", one["channel"]), ("brand", one["brand"]), ("seam", seam), ("tenant", one["tenant"])
        for scope, name in places:
            if name:
                harms.append((one["tenant"], scope, name, one["time"], HARM[one["severity"]]))
    entities = sorted({chance[:3] for chance in chances} | {harm[:3] for harm in harms})
    for entity in entities:
        for half_life in (3_600, 604_800):
            done = sum(harm[4] * decay(harm[3], half_life) for harm in harms if harm[:3] == entity)
            could = sum(decay(chance[3], half_life) for chance in chances if chance[:3] == entity)
            value = 100 * (1 - min(1.0, done / (could + 20)))
            row(*entity, half_life, value, harm=done, opportunities=could)
    journeys = {(each["tenant"], each["scope"], each["name"], each["half_life"]): each["value"] for each in rows if each["scope"] != "journey"}
    for each in rows:
        if each["scope"] == "journey":
            journeys[each["tenant"], f"journey of {each['customer']}", each["name"], each["half_life"]] = each["value"]
        elif each["scope"] != "customer" and each["harm"] + each["opportunities"] < 1e-6:  # less is none any more
            del journeys[each["tenant"], each["scope"], each["name"], each["half_life"]]
    marks = []
    for line in lines:
        point = line.points[0]
        mine = [one for one in charged if (one["tenant"], one["customer"]) == (point.tenant, point.customer)]
        marks.append((line, marks_of(line, mine)))
    return rows + handoff_scores(lines, as_of) + rows_of(marks, journeys, as_of)


def handoff_scores(lines: list[Oracle], as_of: int) -> list[Json]:
    """Return the handoff scores of teams, seams and tenants: (accepted in time / decided) x (nothing lost / context known), each from its start on."""
    told: dict[tuple[str, str, str], list[tuple[int, bool | None, bool | None]]] = {}
    for line in lines:
        for wait in line.waits:
            lost = line.lost_at(wait)
            marks = wait.start.time, line.was_in_time(wait), None if lost is None else not lost
            if marks[1:] == (None, None):
                continue
            tenant = wait.start.tenant
            for scope, name in (("team", wait.receiver), ("seam", seam_of(wait)), ("tenant", tenant)):
                if name:
                    told.setdefault((tenant, scope, name), []).append(marks)
    rows = []
    for (tenant, scope, name), marks_in in told.items():
        for half_life in (3_600, 604_800):
            factors = []
            for factor in (1, 2):
                known = [(math.pow(2.0, -(as_of - each[0]) / SECOND / half_life), each[factor]) for each in marks_in]
                decided = sum(weight for weight, good in known if good is not None)
                if decided >= 1e-6:  # less is none any more
                    factors.append(sum(weight for weight, good in known if good) / decided)
            if not factors:
                continue
            base = {"tenant": tenant, "score": "handoff", "scope": scope, "name": name, "half_life": half_life}
            rows.append({"customer": None, "harm": None, "opportunities": None} | base | {"value": 100 * math.prod(factors)})
    return rows


def seam_of(wait: Wait) -> str | None:
    """Name the seam of a wait: the teams where they differ, else the folded channels."""
    if wait.sender and wait.receiver and wait.sender != wait.receiver:
        return f"team:{wait.sender}>team:{wait.receiver}"
    channels = [fold_channel(wait.start.channel), fold_channel(wait.to_channel)]
    return f"channel:{channels[0]}>channel:{channels[1]}" if channels[0] != channels[1] else None
