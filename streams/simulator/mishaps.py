"""Journeys in which something goes wrong, one kind a story; each notes what must be found, and nothing else may be.

What must be found is thought out from the definitions, here, where the story knows what it does wrong.
"""

from collections.abc import Callable, Mapping

from streams.simulator.cast import IDENTITY, INTENTS, IVR, Handler
from streams.simulator.letdowns import LETDOWNS
from streams.simulator.story import Story

__all__ = ["MISHAPS"]


# --- asked again, told again ------------------------------------------------------------------------------------------


def asked_after_bot(story: Story) -> None:
    """The bot (or the IVR) was told, the human asks again; whether the bot's notes came through is not known."""
    team, field = story.intent.team, _field(story)
    if story.random.random() < 0.4:
        story.enter(team, give=(field,), passes=story.random.random() < 0.5)
    else:
        story.contact("chat")
        story.answer(story.bot())
        story.say("problem")
        story.ask_and_tell(field)
        story.pass_on(story.human(team), story.random.choice((None, [field])))
        story.reply("greeting")
    _ask_again(story, field, "bot_then_agent")
    _end(story)


def asked_after_handoff(story: Story) -> None:
    """One team was told, the next one asks again."""
    team, field = story.intent.team, _field(story)
    story.enter(story.other_team(team))
    story.ask_and_tell(field)
    story.talk(70)
    story.pass_on(story.human(team), story.random.choice((None, [field])))
    story.reply("greeting")
    _ask_again(story, field, "after_handoff")
    _end(story)


def asked_across_channels(story: Story) -> None:
    """What was typed into a form, or told the same team in a chat, is asked for on the phone."""
    team, field = story.intent.team, _field(story)
    if story.random.random() < 0.5:
        story.contact(story.random.choice(("web", "app", "email")))
        story.tell(field)
    else:
        story.contact("chat")
        story.answer(story.human(team))
        story.ask_and_tell(field)
        story.talk()
    story.end(resolved=None)
    story.wait(story.random.uniform(0.05, 20) * 3600)
    story.enter(team)
    _ask_again(story, field, "across_channels")
    _end(story)


def asked_across_contacts(story: Story) -> None:
    """The customer calls the same team the next day, and is asked again."""
    team, field = story.intent.team, _field(story)
    story.enter(team)
    story.ask_and_tell(field)
    story.talk()
    story.end(resolved=None)
    story.wait(story.random.uniform(2, 40) * 3600)
    story.contact("voice", linked=story.random.random() < 0.5)
    story.queue(team)
    story.wait(20)
    story.answer(story.human(team))
    _ask_again(story, field, "across_contacts")
    _end(story)


def asked_twice(story: Story) -> None:
    """The same person asks twice in one conversation."""
    field = _field(story)
    story.enter(story.intent.team)
    story.ask_and_tell(field)
    story.talk()
    _ask_again(story, field, "same_segment")
    _end(story)


def told_again(story: Story) -> None:
    """Nobody asks; the customer tells it once more, since nobody seems to know."""
    team, field = story.intent.team, _field(story)
    story.contact("chat")
    story.answer(story.human(story.other_team(team)))
    story.ask_and_tell(field)
    story.talk(70)
    story.pass_on(story.human(team), None)
    story.reply("greeting")
    story.wait(10)
    story.expect("repeated_answer", story.tell(field), field, "after_handoff")
    _end(story)


def explained_again(story: Story) -> None:
    """The customer explains everything, is passed on, and explains everything."""
    team = story.intent.team
    story.enter(story.other_team(team))
    story.say("story")
    story.talk(70)
    story.pass_on(story.human(team), None)
    story.reply("greeting")
    story.wait(10)
    story.expect("repeated_story", story.say("story again", -0.5), None, "after_handoff")
    _end(story)


# --- who are you, once more -------------------------------------------------------------------------------------------


def authenticated_again(story: Story) -> None:
    """The IVR or a team knew who it is; the next one asks for proof again, and sometimes for the account number too."""
    team, asks = story.intent.team, story.random.random() < 0.5
    if story.random.random() < 0.5:
        story.contact("voice")
        story.answer(IVR)
        reason = "bot_then_agent"
    else:
        story.enter(story.other_team(team))
        reason = "after_handoff"
    if asks:
        story.ask_and_tell("account_number")
    story.authenticate(level=1)
    story.talk(60)
    story.pass_on(story.human(team), ["account_number"] if asks else None)
    story.expect("reauthentication", story.authenticate(level=1))
    if asks:
        _ask_again(story, "account_number", reason, explained_by="reauthentication")
    _end(story)


# --- handing off ------------------------------------------------------------------------------------------------------


def context_dropped(story: Story) -> None:
    """A team that knew passes the customer on without it; mostly the next one has to ask."""
    team, sender = story.intent.team, story.other_team(story.intent.team)
    fields = story.random.choice((["account_number"], ["order_number"], ["account_number", "order_number"]))
    if story.random.random() < 0.3:
        # The sender did not hear it from the customer: it came with the handoff from the IVR.
        story.enter(sender, give=fields)
        reason = "bot_then_agent"
    else:
        story.enter(sender)
        for field in fields:
            story.ask_and_tell(field)
        reason = "after_handoff"
    story.talk(70)
    kept = fields[:1] if len(fields) > 1 and story.random.random() < 0.5 else []
    started, handoff = story.hand_off(team, kept, mode="blind")
    story.wait(20)
    story.accept(story.human(team), handoff, story.random.choice((None, kept)))
    lost = [field for field in fields if field not in kept]
    for field in lost:
        story.expect("context_lost", started, field)
    if story.random.random() < 0.7:
        story.reply("greeting")
        _ask_again(story, story.random.choice(lost), reason, explained_by="context_lost")
    _end(story)


def nobody_answers(story: Story) -> None:
    """The customer is passed on and waits; nobody takes over within the limit."""
    team, other = story.intent.team, story.other_team(story.intent.team)
    story.enter(team)
    story.talk(70)
    story.reply("passing")
    way = story.random.randrange(3)
    if way == 0:
        started, _ = story.hand_off(other, None)
        story.queue(other)
    elif way == 1:
        started = story.queue(other)
    else:
        started, _ = story.hand_off(None, None, mode="blind")
    story.expect("unanswered_handoff", started)
    story.wait_since(started, story.random.uniform(61, 150))
    if story.random.random() < 0.4:
        story.answer(story.human(other))  # work that comes too late, and accepts nothing
        _end(story)
    else:
        story.say("annoyed", -0.65)
        # The menu may have handed off before; only the handoff that nobody answered explains it.
        if any(line.touchpoint["type"] == "handoff.started" for line in story.lines):
            explained_by = None if way == 1 else "unanswered_handoff"
            story.expect("dead_end", story.abandon(150), reason="abandoned", explained_by=explained_by)
        else:
            story.abandon(150)


def mail_lies_around(story: Story) -> None:
    """A mail is passed on to another team and nobody looks at it for more than a day."""
    team, other = story.intent.team, story.other_team(story.intent.team)
    story.contact("email")
    story.say("problem")
    story.answer(story.human(team))
    started, handoff = story.hand_off(other, None)
    story.wait_since(started, story.random.uniform(24.1, 40) * 3600)
    if story.random.random() < 0.5:
        story.expect("slow_handoff", story.accept(story.human(other), handoff))
        _end(story)
    else:
        story.expect("unanswered_handoff", started)
        story.say("annoyed", -0.6)


def slow_to_answer(story: Story) -> None:
    """The next team takes over, but too late."""
    team, other = story.intent.team, story.other_team(story.intent.team)
    story.enter(other)
    story.talk(70)
    started, handoff = story.hand_off(team, None)
    story.wait_since(started, story.random.uniform(60.001, 170))
    story.expect("slow_handoff", story.accept(story.human(team), handoff))
    _end(story)


def sent_back(story: Story) -> None:
    """A team passes the customer on and gets them back: in one call, or by way of another number."""
    team, other = story.intent.team, story.other_team(story.intent.team)
    story.enter(team)
    story.talk(70)
    story.pass_on(story.human(other), None)
    story.talk(70)
    if story.random.random() < 0.6:
        _, back = story.pass_on(story.human(team), None)
    else:
        story.hand_off(team, None, mode="referral")
        story.end(resolved=False)
        story.wait(story.random.uniform(5, 50))
        story.contact("voice")
        story.queue(team)
        story.wait(10)
        back = story.answer(story.human(team))
    story.expect("ping_pong_direct", back)
    story.say("back", -0.5)
    _end(story)


def passed_around(story: Story) -> None:
    """Three changes of team in one journey, and sometimes a fourth; all teams are different ones."""
    teams = [story.intent.team]
    while len(teams) < story.random.choice((4, 4, 5)):
        teams.append(story.other_team(*teams))
    story.enter(teams[0])
    for number, team in enumerate(teams[1:], 1):
        story.talk(65)
        _, accepted = story.pass_on(story.human(team), None)
        if number == 3:
            story.expect("excessive_handoffs", accepted)
    story.say("back", -0.65)
    _end(story)


def back_and_forth(story: Story) -> None:
    """Two teams send the customer to each other: every return is found, and the third change of team."""
    team, other = story.intent.team, story.other_team(story.intent.team)
    story.enter(team)
    for number, receiver in enumerate((other, team, other), 1):
        story.talk(65)
        _, accepted = story.pass_on(story.human(receiver), None)
        if number >= 2:
            story.expect("ping_pong_direct", accepted)
        if number == 3:
            story.expect("excessive_handoffs", accepted)
    story.say("annoyed", -0.65)
    _end(story)


# --- sent astray, and forgotten ---------------------------------------------------------------------------------------


def sent_astray(story: Story) -> None:
    """The customer gets to a team that they did not want: it passes them on at once, or hears that it is about something else."""
    team = story.intent.team
    if story.random.random() < 0.6:
        story.enter(story.other_team(team))
        started, handoff = story.hand_off(team, None, at_once=True)
        story.expect("misroute", started, reason="handed_on_at_once")
        story.wait(5)
        story.accept(story.human(team), handoff)
    else:
        wrong = story.random.choice([each for each in INTENTS if each.name != story.intent.name])
        story.contact("voice", intent=wrong.name)
        story.queue(wrong.team)
        story.answer(story.human(wrong.team))
        story.expect("misroute", story.state_intent(), reason="other_intent")
    _end(story)


def bot_and_human(story: Story) -> None:
    """A team's bot and its people give the customer to each other within a minute."""
    team = story.intent.team
    story.contact("chat")
    handlers = (Handler(team, "bot", "bot-2"), story.human(team))
    for number in range(4):
        taken_over = story.answer(handlers[number % 2])
        story.reply("greeting")
    story.expect("handoff_flap", taken_over)
    _end(story)


def given_up(story: Story) -> None:
    """The customer is passed on and gives up, or is told at once that nobody can help, and nothing follows."""
    team, other = story.intent.team, story.other_team(story.intent.team)
    story.enter(team)
    story.talk(70)
    _, handoff = story.hand_off(other, None)
    story.wait(story.random.uniform(5, 30))
    if story.random.random() < 0.5:
        story.expect("dead_end", story.abandon(30), reason="abandoned")
    else:
        story.accept(story.human(other), handoff)
        story.expect("dead_end", story.end(resolved=False), reason="unresolved")


def promise_forgotten(story: Story) -> None:
    """A team promises something and does not do it in time."""
    team = story.intent.team
    story.enter(team)
    promise = story.promise(hours=2, about="callback")
    made = story.lines[-1].touchpoint["id"]
    story.talk()
    story.end(resolved=None)
    if story.random.random() < 0.5:
        story.expect("broken_promise", made, reason="not_kept")
        return
    story.wait(story.random.uniform(2.1, 30) * 3600)
    story.contact("voice", direction="outbound")
    story.answer(story.human(team))
    story.add("promise.kept", {"kind": "agent", "team": team}, {"promise": promise})
    story.expect("broken_promise", made, reason="kept_late")
    _end(story)


# --- what they share --------------------------------------------------------------------------------------------------


def _field(story: Story) -> str:
    return story.random.choice(("account_number", "date_of_birth", story.intent.field, story.intent.field))


def _ask_again(story: Story, field: str, reason: str, explained_by: str | None = None) -> None:
    """Let the handler ask for what was told; the customer tells it again, tells something else or is found in another way."""
    story.wait(6)
    identity = field in IDENTITY
    request = story.ask(field)
    answer = story.random.choices(("same", "other", "none"), (6, 1, 3))[0]
    if answer == "same":
        story.expect("repeated_request", request, field, reason, explained_by=explained_by)
        story.expect("repeated_answer", story.tell(field), field, reason, explained_by="repeated_request")
        story.say("annoyed", -0.6)
    elif answer == "other":
        story.tell(field, new=True)
        if identity:
            story.expect("repeated_request", request, field, reason, explained_by=explained_by)
    else:
        story.say("annoyed", -0.65)
        story.expect(
            "repeated_request",
            request,
            field,
            reason,
            severity="warning" if identity else "info",
            explained_by=explained_by,
        )


def _end(story: Story) -> None:
    story.talk()
    story.end()
    if story.random.random() < 0.2:
        story.survey(story.random.randint(1, 3))


MISHAPS: Mapping[Callable[[Story], None], int] = {
    asked_after_bot: 6,
    asked_after_handoff: 4,
    asked_across_channels: 3,
    asked_across_contacts: 2,
    asked_twice: 1,
    told_again: 2,
    explained_again: 2,
    authenticated_again: 4,
    context_dropped: 5,
    nobody_answers: 4,
    mail_lies_around: 1,
    slow_to_answer: 4,
    sent_back: 4,
    passed_around: 3,
    back_and_forth: 1,
    sent_astray: 3,
    bot_and_human: 1,
    given_up: 2,
    promise_forgotten: 2,
    **LETDOWNS,
}
"""Stories, and how often each is told."""
