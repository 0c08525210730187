"""The rule behind every alert, in a real browser: beside each threshold stands what was held against it, whatever the detector and the language."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from agents.detectors import DETECTORS
from agents.fields import Fingerprinter
from agents.replay import Replay
from config.fields import load_fields
from config.rules import load_cases, load_rulebook
from seamwatch.rule_facts import configured
from tests.real.test_console_pages import prefer
from tests.support.console import console

_JUDGED = {
    "broken_promise": {"furthest"},
    "context_lost": set(),
    "contradiction": {"within"},
    "dead_end": {"within"},
    "excessive_handoffs": {"hops"},
    "expectation_gap": {"margin", "within"},
    "handoff_flap": {"times", "within"},
    "misroute": {"within"},
    "mood_drop": {"margin", "within"},
    "ping_pong_direct": set(),
    "ping_pong_return": set(),
    "ping_pong_timed": {"within"},
    "portfolio_shift": {"revenue", "satisfaction"},
    "premature_closure": {"within"},
    "reauthentication": {"validity"},
    "repeat_contact": {"within"},
    "repeated_answer": {"same_breath"},
    "repeated_request": set(),
    "repeated_story": {"similarity"},
    "slow_handoff": {"answer_limits"},
    "two_faces": {"open_for"},
    "unanswered_handoff": {"answer_limits"},
}
_REASON = {"expectation_gap": "advertised", "portfolio_shift": "at_risk"}
"""Of rules with several reasons: the one whose finding has all of its values."""
_MAKES_THE_VALUE = {"grace", "messages", "surveys", "minimum_words", "minimum_characters", "read_back"}
"""Settings by which a value is made, or a touchpoint is left out before: nothing is held against them."""
_EXACTLY = {
    "excessive_handoffs": ["3 ≥ 3"],
    "handoff_flap": ["3 ≥ 3", "20 sec ≤ 1 min"],
    "misroute": ["20 sec ≤ 1 min"],
    "mood_drop": ["1 ≥ 0.5", "5 min 50 sec ≤ 1 day"],
    "portfolio_shift": ["≥ 1,000", "0.5 < 0.6"],
    "repeated_story": ["0.901 ≥ 0.65"],
}
_FORM = re.compile(r"(\S.* )?[≥<≤>·] \S")


def fired() -> dict[str, dict[str, Any]]:
    """Return a finding of each rule, of the first case beside it that has one."""
    rulebook, fields = load_rulebook(), load_fields(None)
    found: dict[str, dict[str, Any]] = {}
    for case in load_cases():
        if case.rule in found or not case.findings:
            continue
        replay = Replay(case.rulebook(rulebook), fields, Fingerprinter(b"cases hold no secrets"))
        for number, line in enumerate(case.touchpoints, 1):
            replay.feed(number, line)
        replay.finish(case.until)
        for body in replay.findings():
            if body["rule"]["name"] == case.rule and body["reason"] == _REASON.get(case.rule, body["reason"]):
                found.setdefault(case.rule, body)
    return found


def test_every_threshold_is_known() -> None:
    """Of every setting that is a time or a number it is decided whether something is held against it: a new one asks for that."""
    rules = load_rulebook().rules
    assert {rule.detector for rule in rules} == set(DETECTORS)
    for rule in rules:
        numbers = {each["key"] for each in configured(rule, None)["settings"] if each["unit"] != "words" and each["value"] is not None}
        own = numbers - _MAKES_THE_VALUE - {"mode", "severity", "silos"}
        judged = _JUDGED[rule.name] | ({"within"} if rule.name in {"ping_pong_direct", "ping_pong_return"} else set())  # which judge by their order alone
        assert own - {"confidence"} == judged, rule.name


def test_the_value_stands_beside_its_threshold(upgraded: Path, tmp_path: Path, browser: Browser) -> None:
    """Of every rule, what was seen stands beside what is set, in words of each language, with the rule's version and its reason; what is left is set apart."""
    bodies = fired()
    assert bodies.keys() == _JUDGED.keys()
    with console(upgraded, tmp_path, browser) as desk:
        for name, body in bodies.items():
            desk.hold(body | {"revision": 1, "alert": name, "explained_by": None, "severity": "warning", "rule": body["rule"] | {"mode": "on"}})
        for language in ("en", "de", "zh-Hans", "fa"):
            page = desk.signed_in()
            prefer(page, language=language)
            for name, judged in _JUDGED.items():
                page.goto(f"{desk.address}/alerts/{name}")
                rule = page.locator(".rule")
                rule.wait_for()
                seen = [each.strip() for each in rule.locator(".judged dd").all_inner_texts()]
                assert len(seen) == len(judged), (language, name, seen)
                assert all(_FORM.match(each) for each in seen), (language, name, seen)
                assert rule.locator("dt code").count() == 0, (language, name)
                assert name in rule.inner_text()
                if language == "en":
                    assert seen == _EXACTLY.get(name, seen)
                if language == "fa":
                    assert not re.search("[0-9]", "".join(seen)), (name, seen)
            page.context.close()
