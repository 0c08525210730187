"""The log: for people or for machines, and never flooded."""

import json
import logging

import pytest

from seamwatch import logs


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Time in UTC, level, logger and message, whatever stands in the message; a trace is in the object, too."""
    logs.configure("info", form="json")
    logging.getLogger("seamwatch.worker").warning("waits for %s", "the\n\"database\"")
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("seamwatch.worker").exception("ended")
    waits, ended = map(json.loads, capsys.readouterr().err.splitlines())
    assert (waits["level"], waits["logger"], waits["message"]) == ("warning", "seamwatch.worker", 'waits for the\n"database"')
    assert waits["time"].endswith("Z")
    assert "ValueError: x" in ended["trace"]


def test_what_is_said_again_and_again_is_said_ten_times_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a thousand lines of one kind ten are written, of another kind all; the next minute begins with how many were left out; critical ones come through."""
    now = [0.0]
    logs.configure("info")
    handler = logging.getLogger().handlers[0]
    handler.filters[-1] = logs.Limited(lambda: now[0])
    for number in range(1000):
        logging.warning("record %d was left out", number)
        if number % 500 == 0:
            logging.warning("something else")
    told = capsys.readouterr().err
    assert (told.count("was left out"), told.count("something else")) == (10, 2)
    now[0] = 61.0
    logging.warning("record %d was left out", 1000)
    assert "record 1000 was left out (990 more of these in the minute before)" in capsys.readouterr().err
    for _ in range(20):
        logging.critical("the worker ends")
    assert capsys.readouterr().err.count("the worker ends") == 20
