"""What the metrics show, and that nothing makes them grow without bound."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from models.score import Score
from sinks.metrics import DEFINITIONS, WORST, Metrics

NOW = 1_772_442_900_000_000


def decay(score: Score, now: int) -> float | None:
    """Give a score's value as it is, and none for one without samples."""
    assert now == NOW
    return score.value if score.samples else None


@pytest.fixture
def metrics() -> Metrics:
    """Give metrics without figures."""
    return Metrics("1.2.3", decay, clock=lambda: NOW)


def fill(metrics: Metrics) -> None:
    """Feed every metric once."""
    metrics.touchpoints({("ivr-eu", "message"): 2})
    metrics.duplicates(same=2, other=1)
    metrics.unknown_keys(3)
    metrics.misplaced(2)
    metrics.unwatched({"flood": 3})
    metrics.findings({("ping_pong", "ping_pong_direct", "warning"): 1})
    metrics.withdrawn({"ping_pong": 1})
    metrics.dead_letters({"too_late": 1})
    metrics.unread({"text_truncated": 1})
    metrics.malformed({"alerts": 1})
    metrics.scores([score("team", "tech", 40.0)])
    metrics.state(3, rows=10, size=2000, timers=4)
    metrics.event_time_lag(3, 1.5)
    metrics.end_to_end_latency([0.1, 0.2])
    metrics.batch_done("seamwatch.touchpoints", 3, 100, 0.02)
    metrics.findings_delivered(3, 0.03)
    metrics.committed("seamwatch.touchpoints", 3, 100)
    metrics.commit_age(0.0)
    metrics.recovered(3, 10, 2.0)
    metrics.lag("seamwatch.touchpoints", 3, 7)
    metrics.sink_backlog(0.0)
    metrics.paused("seamwatch.raw.xes", True)
    metrics.alerts({("open", "critical"): 3}, {"fixed": 2})
    metrics.readiness(lambda: True)
    metrics.request_bytes(100)
    metrics.request_answered("chatwoot", "accepted", 0.01)
    metrics.receiver("crm")
    metrics.deliveries("crm", "delivered")
    metrics.waiting_deliveries("crm", 2, 7.5)
    metrics.circuit("crm", True)
    metrics.delivered_after(0.2)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return what a scrape gives, by name and label values."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    order = {item.full_name: item.labels for item in DEFINITIONS}
    return {
        (sample.name, tuple(sample.labels[label] for label in order.get(sample.name, ()))): sample.value
        for sample in chain.from_iterable(family.samples for family in families)
    }


def score(
    scope: str, name: str, value: float, *, samples: float = 1.0, half_life: int = 3600, tenant: str = "acme"
) -> Score:
    """Return a score."""
    return Score(
        tenant=tenant,
        score="consistency",
        scope=scope,
        name=name,
        half_life=half_life,
        value=value,
        samples=samples,
        components={},
        as_of=datetime(2026, 3, 2, tzinfo=UTC),
    )


def test_every_definition_is_fed_and_nothing_else_is_shown(metrics: Metrics) -> None:
    """Each metric that is documented appears with its labels once it is fed, and no metric is undocumented."""
    fill(metrics)
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    shown = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    own = {name: labels - {"le"} for name, labels in shown.items() if name.startswith("seamwatch_")}
    assert {re.sub(r"_(bucket|sum|count)$", "", name): labels for name, labels in own.items()} == {
        item.full_name: set(item.labels) for item in DEFINITIONS
    }
    assert all(family.documentation for family in families)


def test_names_and_units_follow_the_customs() -> None:
    """Counters end in total, times are in seconds, sizes in bytes, names and help are there for all."""
    for item in DEFINITIONS:
        assert re.fullmatch(r"[a-z][a-z_]*", item.name)
        assert item.name.endswith("_total") == (item.kind == "counter")
        assert item.name.endswith("_seconds") == (item.unit == "seconds")
        assert item.name.endswith("_bytes") == (item.unit == "bytes")
        assert bool(item.buckets) == (item.kind == "histogram")
        assert item.help.endswith(".")
    assert len({item.name for item in DEFINITIONS}) == len(DEFINITIONS)


def test_what_seldom_happens_is_shown_from_the_start(metrics: Metrics) -> None:
    """A worker that watches, reads messages or has a door shows 0 of what has not happened; one that does not shows nothing."""
    names = {"findings_withdrawn": "ping_pong", "unwatched_touchpoints": "flood", "unread_messages": "text_truncated", "ingest_requests": "chatwoot"}
    assert not {f"seamwatch_{name}_total" for name in names} & {name for name, _ in samples(metrics)}
    metrics.watches(["ping_pong"], ["flood"])
    metrics.reads(["text_truncated"])
    metrics.door("chatwoot", ["unsigned"])
    found = {name: (labels[0], value) for (name, labels), value in samples(metrics).items() if labels}
    assert {name: found[f"seamwatch_{name}_total"] for name in names} == {name: (label, 0) for name, label in names.items()}


def test_figures_add_up(metrics: Metrics) -> None:
    """What is fed is what a scrape gives."""
    fill(metrics)
    fill(metrics)
    metrics.state(4, rows=1, size=50, timers=0)
    found = samples(metrics)
    assert found["seamwatch_touchpoints_total", ("ivr-eu", "message")] == 4
    assert found["seamwatch_duplicates_total", ("same",)] == 4
    assert found["seamwatch_duplicates_total", ("other",)] == 2
    assert found["seamwatch_unknown_keys_total", ()] == 6
    assert found["seamwatch_misplaced_records_total", ()] == 4
    assert found["seamwatch_unwatched_touchpoints_total", ("flood",)] == 6
    assert found["seamwatch_end_to_end_latency_seconds_count", ()] == 4
    assert found["seamwatch_state_rows", ()] == 11
    assert found["seamwatch_state_bytes", ()] == 2050
    assert found["seamwatch_timers_pending", ()] == 4
    assert found["seamwatch_topic_paused", ("seamwatch.raw.xes",)] == 1
    assert ("seamwatch_build_info", ("1.2.3",)) in {(name, labels[:1]) for name, labels in found}


def test_a_released_partition_leaves_nothing(metrics: Metrics) -> None:
    """Figures of a partition that is owned no longer go, also when there were none."""
    fill(metrics)
    for partition in (3, 3, 99):
        metrics.released("seamwatch.touchpoints", partition)
    found = samples(metrics)
    assert not [
        name for name, _ in found if name in {"seamwatch_consumer_lag_records", "seamwatch_event_time_lag_seconds"}
    ]
    assert found["seamwatch_state_rows", ()] == 0


def test_a_reader_s_lag_is_that_of_what_it_owns(metrics: Metrics) -> None:
    """What a group reads is shown by partition; one that went to another process goes, also when this one reads nothing any more."""

    def shown() -> dict[str, float]:
        return {labels[1]: value for (name, labels), value in samples(metrics).items() if name == "seamwatch_consumer_lag_records" and labels[0] == "t.briefs"}

    metrics.lags("t.briefs", {0: 5, 1: 2})
    assert shown() == {"0": 5, "1": 2}
    metrics.lags("t.briefs", {1: 3})
    assert shown() == {"1": 3}
    metrics.lags("t.briefs", {})
    assert shown() == {}


def test_ages_grow_while_nobody_sets_them(metrics: Metrics) -> None:
    """A program that stands still shows an age that grows; where nothing waits it stays at nought."""
    metrics.commit_age(5.0)
    metrics.sink_backlog(0.0)
    found = [samples(metrics) for _ in range(2)]
    ages = [each["seamwatch_commit_age_seconds", ()] for each in found]
    assert 5.0 <= ages[0] < ages[1] < 60
    assert found[1]["seamwatch_sink_backlog_seconds", ()] == 0


def test_what_never_happened_is_zero_and_not_nothing(metrics: Metrics) -> None:
    """Dead letters, records left out, alerts of every state and records of an owned topic are there before the first one:
    a rate sees the first, and a sum of none is 0.
    """
    metrics.lag("seamwatch.touchpoints", 3, 7)
    metrics.alerts({("open", "critical"): 3}, {})
    found = samples(metrics)
    for name, labels in (
        ("dead_letters_total", ("missing_field",)),
        ("sink_malformed_total", ("alerts",)),
        ("records_total", ("seamwatch.touchpoints",)),
        ("alerts_waiting", ("snoozed", "warning")),
        ("alerts_resolved", ("fixed",)),
        ("ready", ()),
    ):
        assert found[f"seamwatch_{name}", labels] == 0
    metrics.alerts({}, {})
    assert samples(metrics)["seamwatch_alerts_waiting", ("open", "critical")] == 0


def test_a_flood_of_sources_is_one_label(metrics: Metrics) -> None:
    """Whoever invents source names cannot make the metrics grow without bound."""
    metrics.touchpoints({(f"s{number}", "message"): 1 for number in range(5000)})
    metrics.touchpoints({("s1", "message"): 1})
    found = {
        labels[0]: value for (name, labels), value in samples(metrics).items() if name == "seamwatch_touchpoints_total"
    }
    assert len(found) == 101
    assert (found["other"], found["s1"]) == (4900, 2)


def test_the_worst_scores_are_shown(metrics: Metrics) -> None:
    """Of teams and seams the 100 lowest of each half-life are shown; customers, journeys and what is empty never."""
    metrics.scores(
        chain(
            (score("team", f"t{number}", float(number % 500) / 5) for number in range(500)),
            (score("team", f"t{number}", 99.0, half_life=604_800) for number in range(3)),
            (score("seam", f"s{number}", 50.0) for number in range(300)),
            (score("tenant", "acme", 80.0), score("customer", "c-1007", 1.0), score("journey", "j", 1.0)),
            (score("brand", "empty", 0.0, samples=0.0),),
        )
    )
    found = {
        labels: value for (name, labels), value in samples(metrics).items() if name == "seamwatch_consistency_score"
    }
    assert {labels[3] for labels in found if labels[2] == "team" and labels[4] == "3600"} == {
        f"t{number}" for number in range(100)
    }
    assert _count(found, "team") == 103
    assert _count(found, "seam") == WORST["seam"]
    assert {labels[2] for labels in found} == {"team", "seam", "tenant"}
    metrics.scores([])
    assert not [name for name, _ in samples(metrics) if name == "seamwatch_consistency_score"]


def test_hostile_names_are_escaped(metrics: Metrics) -> None:
    """A team's name with quotes and line ends comes back as it is, and breaks no line."""
    name = 'a"\n\\ b{c="d"} 1\nseamwatch_state_rows 7 团队'
    metrics.scores([score("team", name, 40.0)])
    found = samples(metrics)
    assert found["seamwatch_state_rows", ()] == 0
    assert name in {labels[3] for labels in found_labels(found)}


def found_labels(found: Iterable[tuple[str, tuple[str, ...]]]) -> list[tuple[str, ...]]:
    """Return the labels of the scores that were found."""
    return [labels for name, labels in found if name == "seamwatch_consistency_score"]


def _count(found: Iterable[tuple[str, ...]], scope: str) -> int:
    return sum(labels[2] == scope for labels in found)
