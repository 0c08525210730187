"""Journeys that go as they should: whatever looks like a mishap in them is none, and nothing may be found."""

from collections.abc import Callable, Mapping

from streams.simulator.story import Story

__all__ = ["ORDINARY"]


def call_solved(story: Story) -> None:
    """A call comes through the IVR, which passes on the account number; the agent reads it back and solves it."""
    team = story.intent.team
    story.enter(team, give=("account_number",))
    story.read_back("account_number")
    story.ask_and_tell(story.intent.field)
    story.talk()
    _goodbye(story)


def call_answered_at_the_last_moment(story: Story) -> None:
    """A team takes over exactly at the limit: that is in time."""
    team = story.intent.team
    story.enter(story.other_team(team))
    story.talk(70)
    started, handoff = story.hand_off(team, None)
    story.wait_since(started, 60)
    story.accept(story.human(team), handoff)
    story.ask_and_tell("account_number")
    _goodbye(story)


def chat_with_bot(story: Story) -> None:
    """A bot solves it alone; an invalid value is asked for again, and a correction replaces what was said before."""
    story.contact("chat")
    story.answer(story.bot())
    story.say("problem")
    story.ask("account_number")
    if story.random.random() < 0.5:
        story.tell("account_number", valid=False)
        story.ask("account_number")
        story.tell("account_number", new=True, valid=True)
    else:
        story.tell("account_number")
        story.tell("account_number", new=True, corrects=True)
    story.read_back("account_number")
    story.talk()
    _goodbye(story)


def warm_handoff(story: Story) -> None:
    """A bot passes the customer on with all that it knows; the agent reads back what is there and asks for what is missing."""
    team, field = story.intent.team, story.intent.field
    story.contact(story.random.choice(("chat", "app")))
    story.answer(story.bot())
    story.state_intent()
    story.ask_and_tell("account_number")
    story.ask_and_tell(field)
    story.reply("passing")
    if story.random.random() < 0.1:
        # The handoff says that nothing was passed on, the one who takes over says that it arrived: that counts.
        _, handoff = story.hand_off(team, [])
        story.wait(12)
        story.accept(story.human(team), handoff, ["account_number", field])
    else:
        story.pass_on(story.human(team), ["account_number", field])
    story.add("message", {"kind": "agent", "team": team}, {"text": "sees the bot's notes", "private": True})
    story.read_back("account_number")
    story.read_back(field)
    story.ask("account_number", "policy")
    story.tell("account_number")
    story.talk(40)
    _goodbye(story)


def failed_handoff(story: Story) -> None:
    """A handoff fails at first; the second attempt is taken over within the limit of the first."""
    team, other = story.intent.team, story.other_team(story.intent.team)
    story.enter(team)
    story.talk(80)
    _, failed = story.hand_off(other, None)
    story.add("handoff.failed", {"kind": "system"}, {"handoff": failed, "reason": "busy"})
    _, handoff = story.hand_off(other, None)
    story.wait(15)
    story.accept(story.human(other), handoff)
    story.talk()
    _goodbye(story)


def step_up(story: Story) -> None:
    """Who the customer is was checked before; a stronger check, or one after the first has expired, is none too many."""
    team = story.intent.team
    story.enter(story.other_team(team))
    story.authenticate(level=1, valid_for_seconds=60.0, fails=story.random.random() < 0.4)
    level = story.random.choice((1, 2))
    story.talk(10)
    story.wait(60 if level == 1 else 0)
    story.pass_on(story.human(team), None)
    story.authenticate(level=level)
    story.talk()
    _goodbye(story)


def expired_code(story: Story) -> None:
    """A one-time code holds for five minutes; after that a new one must be asked for."""
    story.enter(story.intent.team)
    story.ask_and_tell("one_time_code")
    story.talk(30)
    story.wait(310)
    story.ask("one_time_code")
    story.tell("one_time_code", new=True)
    _goodbye(story)


def second_order(story: Story) -> None:
    """The same question, but about another thing: what the customer answers is new."""
    story.enter(story.intent.team)
    story.ask_and_tell("order_number")
    story.talk()
    story.ask("order_number")
    story.tell("order_number", new=True)
    _goodbye(story)


def planned_callback(story: Story) -> None:
    """A team promises to call back, and does: that the customer comes back to it is no ping-pong."""
    team, other = story.intent.team, story.other_team(story.intent.team)
    story.enter(team)
    promise = story.promise(hours=4, about="callback")
    story.talk(70)
    story.pass_on(story.human(other), None)
    story.talk(30)
    if story.random.random() < 0.5:
        story.end(resolved=None, planned_callback=True)
    else:
        story.hand_off(team, None, mode="callback", planned=True)
        story.end(resolved=None)
    story.wait(story.random.uniform(120, 400))
    story.contact("voice", direction="outbound")
    story.answer(story.human(team))
    story.talk()
    story.add("promise.kept", {"kind": "agent", "team": team}, {"promise": promise})
    _goodbye(story)


def mail_then_call(story: Story) -> None:
    """What was written in a mail is read back in the call of the next day; a second promise was taken back in time."""
    team, field = story.intent.team, story.intent.field
    story.contact("email")
    story.say("problem")
    story.tell(field)
    story.wait(3600)
    story.answer(story.human(team))
    promise = story.promise(hours=72, about="refund")
    story.end(resolved=None)
    story.wait(story.random.uniform(10, 30) * 3600)
    story.contact("voice", linked=True)
    story.answer(story.human(team))
    story.add("promise.cancelled", {"kind": "agent", "team": team}, {"promise": promise})
    story.read_back(field)
    story.talk()
    _goodbye(story)


def case_with_parts(story: Story) -> None:
    """A case is closed, and opened again by the team itself since a part came late."""
    team = story.intent.team
    story.contact("voice")
    story.queue(team)
    story.wait(25)
    story.answer(story.human(team))
    story.ask_and_tell("account_number")
    by, case = {"kind": "agent", "team": team}, {"case": f"case-{story.random.randrange(10**6)}"}
    story.add("fact.stated", by, {"fact": "delivery date", "value": "Thursday"})
    story.add("case.closed", by, case | {"claimed_resolved": False})
    story.add("case.reopened", by, case)
    story.end(resolved=None)


def gave_up_and_called_again(story: Story) -> None:
    """The customer gives up early, before the limit, and is served a few minutes later."""
    team = story.intent.team
    story.contact("voice")
    story.queue(team)
    story.wait(story.random.uniform(5, 35))
    story.abandon(30)
    story.wait(story.random.uniform(60, 240))
    story.enter(team, give=("account_number",))
    story.read_back("account_number")
    story.talk()
    _goodbye(story)


def browsing(story: Story) -> None:
    """A visitor of the web site turns out to be a customer, sees an advertisement, and is glad in public."""
    story.become_newcomer()
    visitor = f"v-{story.customer}"
    story.aside(
        "brand.exposure",
        {"kind": "system"},
        {"claim": "help within a minute", "promised": 60.0},
        customer=visitor,
        channel="web",
        journey=None,
    )
    story.contact("web")
    story.aside("identity.linked", {"kind": "system"}, {"other": visitor, "by": "login"})
    story.end()
    story.aside(
        "account.updated",
        {"kind": "system"},
        {"billed_revenue": 420.0, "forecast_revenue": 480.0, "currency": "EUR", "segment": "private"},
    )
    story.aside(
        "mention.published",
        {"kind": "customer"},
        {"sentiment": 0.6, "public": True, "reach": 120},
        channel="social",
        source="social-desk",
    )


def farewell(story: Story) -> None:
    """A customer asks to be forgotten."""
    story.contact("web")
    story.end()
    story.aside("customer.forgotten", {"kind": "customer"})


def _goodbye(story: Story) -> None:
    """End well: solved, perhaps with an offer and a survey."""
    story.reply("solved")
    story.say("thanks", round(story.random.uniform(0.2, 0.9), 2))
    if story.handler is not None and story.random.random() < 0.1:
        story.add(
            "offer.made",
            {"kind": story.handler.kind, "team": story.handler.team},
            {"offer": "faster line", "amount": 5.0},
        )
    story.end()
    if story.random.random() < 0.25:
        story.survey(story.random.randint(4, 5))


ORDINARY: Mapping[Callable[[Story], None], int] = {
    call_solved: 12,
    chat_with_bot: 10,
    warm_handoff: 9,
    call_answered_at_the_last_moment: 1,
    failed_handoff: 2,
    step_up: 3,
    expired_code: 1,
    second_order: 1,
    planned_callback: 2,
    mail_then_call: 3,
    case_with_parts: 2,
    gave_up_and_called_again: 2,
    browsing: 3,
    farewell: 1,
}
"""Stories, and how often each is told."""
