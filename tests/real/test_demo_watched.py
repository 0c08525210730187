"""The demonstration as a user starts it, scraped by a real Prometheus as `config/prometheus/demo.yml` says: its dashboards are filled."""

import os
import re
import signal
from functools import partial
from itertools import chain
from pathlib import Path

import pytest

from tests.real.test_demo import read_until, rest, start
from tests.support.prometheus_server import CHOSEN, PrometheusServer, dashboard_queries, filled
from tests.support.workers import until

EMPTY = {
    "it reads touchpoints alone, no source's own records": ("stream: Topics that are paused A", "stream: Odd ones a second D"),
    "it has no doors": (
        "stream: Posted a second, by outcome A",
        "stream: Not signed as it should be, by source A",
        "stream: From a request to Kafka's confirmation A",
        "stream: From a request to Kafka's confirmation B",
    ),
    "it tells no receivers": (
        "delivery: Receivers that are left alone A",
        "delivery: Deliveries that wait A",
        "delivery: Dead, last 24 hours A",
        "delivery: Open alerts told again, last hour A",
        "delivery: Deliveries a second, by receiver and outcome A",
        "delivery: Oldest delivery that waits, by receiver A",
        "delivery: From a delivery's row to the receiver's answer A",
        "delivery: From a delivery's row to the receiver's answer B",
        "delivery: From a delivery's row to the receiver's answer C",
    ),
}
"""Queries that a demonstration has nothing to say to, by why; test_monitoring.py shows that these, as all others, are answered where there is something."""


@pytest.mark.usefixtures("prometheus")
def test_the_dashboards_show_a_demo(tmp_path: Path) -> None:
    """Every query of the dashboards but those that are named with a reason gives numbers of a demonstration, these give none, and all of its jobs are up."""
    empty = set(chain.from_iterable(EMPTY.values()))
    waiting = {where: filled(expression, CHOSEN) for where, expression in dashboard_queries()}
    assert empty < waiting.keys()
    with start(tmp_path) as demo:
        try:
            printed = read_until(demo, "metrics")
            found = re.search(r"^console http://([^/]+)/(?s:.*)^metrics http://([^/]+)/metrics, of insight http://([^/]+)/metrics$", printed, re.MULTILINE)
            assert found is not None, printed
            console, worker, insight = found.groups()
            targets = {"seamwatch": [worker], "seamwatch-insight": [insight], "seamwatch-console": [console]}
            with PrometheusServer(targets, "demo.yml") as server:

                def filled_but_for_the_empty() -> bool:
                    for where in [where for where, expression in waiting.items() if server.shows(expression)]:
                        del waiting[where]
                    return waiting.keys() <= empty

                until(filled_but_for_the_empty, 90, partial(str, waiting))
                assert waiting.keys() == empty
                up = {each["metric"]["job"]: each["value"][1] for each in server.query("up")}
                assert up == dict.fromkeys(targets, "1")
        finally:
            os.killpg(demo.pid, signal.SIGINT)
            rest(demo)
