"""What goes wrong from contact to contact: one says what another unsays, and what was settled is not. Each story says what must be found."""

from collections.abc import Callable, Mapping

from streams.simulator.story import Story

__all__ = ["LETDOWNS"]


def told_otherwise(story: Story) -> None:
    """Two teams tell the customer two dates; nobody says that the later one is a correction."""
    team = story.intent.team
    _call(story, team)
    story.state("delivery date", "Thursday")
    story.end(resolved=None)
    _call_later(story, story.other_team(team))
    story.expect("contradiction", story.state("delivery date", "Monday"), "delivery date", "across_teams")
    story.end(resolved=None)


def not_resolved(story: Story) -> None:
    """The call is ended as resolved, and the customer calls with the same intent again."""
    story.become_newcomer()
    _call(story, story.intent.team)
    story.state_intent()
    story.talk()
    story.end()
    _call_later(story, story.intent.team)
    story.expect("repeat_contact", story.state_intent())
    story.end(resolved=None)


def closed_too_early(story: Story) -> None:
    """A case is closed, as resolved or not, and the customer opens it again."""
    _call(story, story.intent.team)
    claimed = story.random.random() < 0.6
    case = story.close_case(claimed_resolved=claimed)
    story.end(resolved=None)
    story.wait(story.random.uniform(1, 100) * 3600)
    story.contact("web")
    reopened = story.add("case.reopened", {"kind": "customer"}, {"case": case})
    story.expect("premature_closure", reopened, reason="claimed_resolved" if claimed else "closed")
    story.end(resolved=None)


def sold_to(story: Story) -> None:
    """The customer complains, and is sold to before anybody has settled it."""
    story.become_newcomer()
    _call(story, story.intent.team)
    story.add("intent.stated", {"kind": "customer"}, {"intent": "complaint"})
    story.talk()
    story.end(resolved=None)
    _call_later(story, story.other_team(story.intent.team))
    story.expect("two_faces", story.offer("faster line"))
    story.end(resolved=None)


def mood_falls(story: Story) -> None:
    """The customer is glad with one team, and sorry to have been sent to the next."""
    team = story.intent.team
    _call(story, team)
    story.say("thanks", round(story.random.uniform(0.3, 0.9), 2))
    story.end(resolved=None)
    _call_later(story, story.other_team(team))
    story.expect("mood_drop", story.say("annoyed", round(story.random.uniform(-0.9, -0.2), 2)))
    story.end(resolved=None)


def disappointed(story: Story) -> None:
    """The customer says that they had expected more."""
    _call(story, story.intent.team)
    story.talk()
    story.end()
    story.expect("expectation_gap", story.survey(story.random.randint(1, 2), expected=4), reason="expected")


def worth_less(story: Story) -> None:
    """A pleased customer who paid well pays less, or one who pays well is pleased no more."""
    story.become_newcomer()
    story.bill(1500.0)
    _call(story, story.intent.team)
    story.end()
    story.survey(5)
    story.wait(story.random.uniform(1, 48) * 3600)
    if story.random.random() < 0.5:
        story.expect("portfolio_shift", story.bill(300.0), reason="growth")
    else:
        story.expect("portfolio_shift", story.survey(1), reason="at_risk")


def _call(story: Story, team: str) -> None:
    story.contact("voice")
    story.queue(team)
    story.wait(story.random.uniform(5, 40))
    story.answer(story.human(team))


def _call_later(story: Story, team: str) -> None:
    story.wait(story.random.uniform(1, 20) * 3600)
    _call(story, team)


LETDOWNS: Mapping[Callable[[Story], None], int] = {
    told_otherwise: 2,
    not_resolved: 3,
    closed_too_early: 2,
    sold_to: 1,
    mood_falls: 2,
    disappointed: 2,
    worth_less: 1,
}
"""Stories, and how often each is told."""
