"""The dashboards, as code: `python -m config.grafana.make` writes them as the JSON that Grafana reads.

What is the same in all panels stands here once; what is asked stands in the three functions at the end.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "dashboards", "write"]

FOLDER = Path(__file__).parent / "dashboards"

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24
_OF = 'job="$job", instance=~"$instance"'
"""The workers that are chosen. What the database holds is the same in all: it is asked of the job, and the highest taken."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its queries with their legends, its unit as Grafana calls it, how wide it is of 24, and the steps of its colours.

    ``runbook`` names an alert whose runbook it links to; ``console`` is the place in the console where a series is seen closely.
    """

    title: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    steps: Sequence[tuple[str, float | None]] = (("blue", None),)
    about: str = ""
    runbook: str = ""
    console: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def render(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return the panel as Grafana has it, at a place of the grid."""
        height = 4 if self.kind == "stat" else 8
        instant = self.kind != "timeseries"
        defaults: dict[str, Any] = {
            "unit": self.unit,
            "thresholds": {
                "mode": "absolute",
                "steps": [{"color": color, "value": value} for color, value in self.steps],
            },
        } | self.options
        if len(self.steps) > 1:
            defaults["color"] = {"mode": "thresholds"}
        if self.console:
            defaults["links"] = [{"title": "In the console", "url": f"${{console}}{self.console}", "targetBlank": True}]
        links = [{"title": "Runbooks" if self.runbook == "README" else self.runbook, "url": f"${{runbooks}}/{self.runbook}.md", "targetBlank": True}]
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": height},
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": _OPTIONS[self.kind],
            "links": links if self.runbook else [],
            "targets": [
                {
                    "refId": chr(ord("A") + index),
                    "datasource": _SOURCE,
                    "expr": expression,
                    "legendFormat": legend,
                    "instant": instant,
                    "range": not instant,
                }
                for index, (expression, legend) in enumerate(self.queries)
            ],
        }


_REDUCED = {"reduceOptions": {"calcs": ["lastNotNull"], "values": False}}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": _REDUCED | {"textMode": "auto", "graphMode": "none", "colorMode": "value"},
    "bargauge": _REDUCED | {"orientation": "horizontal", "displayMode": "basic"},
}
_SCORE: Sequence[tuple[str, float | None]] = (("red", None), ("orange", 50), ("green", 75))
_SCALE = {"min": 0, "max": 100}
_NONE: Sequence[tuple[str, float | None]] = (("green", None), ("red", 1))
_WHOLE = {"decimals": 0}
"""Of counts over a time: Prometheus reckons to its edges, which gives fractions."""


def _chosen(name: str, metric: str, label: str, *, several: bool = False, of: str = "") -> dict[str, Any]:
    query = f"label_values({metric}{of}, {label})"
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 3,
        "multi": several,
        "includeAll": several,
        "allValue": ".*" if several else None,
        "current": {"text": "All", "value": "$__all"} if several else {},
    }


def _written(name: str, label: str, value: str) -> dict[str, Any]:
    return {"name": name, "type": "textbox", "label": label, "query": value, "current": {"text": value, "value": value}}


_JOB = _chosen("job", "seamwatch_build_info", "job")
_INSTANCE = _chosen("instance", "seamwatch_build_info", "instance", several=True, of='{job="$job"}')


def _dashboard(
    uid: str,
    title: str,
    about: str,
    variables: Iterable[dict[str, Any]],
    panels: Sequence[Panel],
    since: str = "now-6h",
) -> dict[str, Any]:
    rendered: list[dict[str, Any]] = []
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _WIDTH:
            x, y = 0, y + rendered[-1]["gridPos"]["h"]
        rendered.append(panel.render(number, x, y))
        x += panel.width
    source = {"name": "datasource", "type": "datasource", "label": "Prometheus", "query": "prometheus", "current": {}}
    places = (
        _written("console", "Console", "http://127.0.0.1:8080"),
        _written("runbooks", "Runbooks", "http://127.0.0.1:9090/user"),
    )
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": ["seamwatch"],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "templating": {"list": [source, *variables, *places]},
        "links": [
            {"type": "dashboards", "title": "Seamwatch", "tags": ["seamwatch"], "asDropdown": False, "keepTime": True},
            {"type": "link", "title": "Console", "url": "${console}", "targetBlank": True},
            {"type": "link", "title": "Runbooks", "url": "${runbooks}/README.md", "targetBlank": True},
        ],
        "panels": rendered,
    }


def _quantiles(histogram: str, *shares: float) -> list[tuple[str, str]]:
    rate = f"sum by (le) (rate({histogram}_bucket{{{_OF}}}[$__rate_interval]))"
    return [(f"histogram_quantile({share}, {rate})", f"{share:.0%}") for share in shares]


def _rate(metric: str, by: str, legend: str = "") -> list[tuple[str, str]]:
    return [(f"sum by ({by}) (rate({metric}{{{_OF}}}[$__rate_interval]))", legend or f"{{{{{by}}}}}")]


def _score(scope: str, *, worst: int = 0, by: str = "name") -> list[tuple[str, str]]:
    chosen = f'scope="{scope}", score="$score", half_life="$half_life", tenant=~"$tenant"'
    expression = f'max by (tenant, name) (seamwatch_consistency_score{{job="$job", {chosen}}})'
    return [(f"bottomk({worst}, {expression})" if worst else expression, f"{{{{{by}}}}}")]


def _experience() -> dict[str, Any]:
    score = "seamwatch_consistency_score"
    variables = (
        _JOB,
        _INSTANCE,
        _chosen("tenant", score, "tenant", several=True, of='{job="$job"}'),
        _chosen("score", score, "score", of='{job="$job"}'),
        _chosen("half_life", score, "half_life", of='{job="$job"}'),
    )
    findings = "seamwatch_findings_total"
    an_hour = [(f"sum by (detector) (rate({findings}{{{_OF}}}[$__rate_interval])) * 3600", "{{detector}}")]
    shown: dict[str, Any] = {"steps": _SCORE, "options": _SCALE}
    return _dashboard(
        "seamwatch-experience",
        "Seamwatch: Experience",
        "What customers live through: scores from 0 to 100, where they are lowest, and what was found. Half-life: how fast a score forgets, in seconds.",
        variables,
        [
            Panel(
                "Tenants",
                _score("tenant", by="tenant"),
                "stat",
                width=12,
                about="Scores now: green from 75, orange from 50. Nothing where a tenant has too few touchpoints to be scored.",
                **shown,
            ),
            Panel(
                "Findings of the last hour",
                [(f"sum by (severity) (increase({findings}{{{_OF}}}[1h]))", "{{severity}}")],
                "stat",
                width=6,
                about="When they were first made, by severity.",
                console="/alerts?severity=${__field.labels.severity}",
                options=_WHOLE,
            ),
            Panel(
                "Taken back in the last hour",
                [(f"sum(increase(seamwatch_findings_withdrawn_total{{{_OF}}}[1h]))", "")],
                "stat",
                width=6,
                options=_WHOLE,
                about="Findings that a late record showed to be none.",
            ),
            Panel("Scores of tenants", _score("tenant", by="tenant"), **shown),
            Panel("Scores of channels", _score("channel"), console="/alerts?channel=${__field.labels.name}", **shown),
            Panel("Scores of brands", _score("brand"), **shown),
            Panel(
                "Worst teams",
                _score("team", worst=15),
                "bargauge",
                about="The 15 with the lowest scores now.",
                console="/alerts?team=${__field.labels.name}",
                **shown,
            ),
            Panel(
                "Worst seams",
                _score("seam", worst=15),
                "bargauge",
                about="The 15 places between two teams with the lowest scores now.",
                console="/seams",
                **shown,
            ),
            Panel(
                "Worst teams over time",
                _score("team", worst=5),
                about="At each moment the five that were lowest then: lines begin and end as teams come and go among them.",
                console="/alerts?team=${__field.labels.name}",
                **shown,
            ),
            Panel(
                "Findings an hour, by detector",
                an_hour,
                width=12,
                about="The pace of the moment, times an hour.",
                console="/alerts?detector=${__field.labels.detector}",
            ),
            Panel(
                "Findings by detector, in the time shown",
                [(f"sort_desc(sum by (detector) (increase({findings}{{{_OF}}}[$__range])))", "{{detector}}")],
                "bargauge",
                width=12,
                console="/alerts?detector=${__field.labels.detector}",
                options=_WHOLE,
            ),
        ],
    )


def _stream() -> dict[str, Any]:
    queue = f"sum by (topic) (seamwatch_consumer_lag_records{{{_OF}}})"
    recovery = "seamwatch_recovery_seconds"
    odd = [
        (f"sum(rate(seamwatch_unknown_keys_total{{{_OF}}}[$__rate_interval]))", "unknown keys"),
        (f"sum(rate(seamwatch_misplaced_records_total{{{_OF}}}[$__rate_interval]))", "in another partition"),
        (f"sum(rate(seamwatch_unwatched_touchpoints_total{{{_OF}}}[$__rate_interval]))", "not watched"),
        (f"sum(rate(seamwatch_unread_messages_total{{{_OF}}}[$__rate_interval]))", "messages not read"),
    ]
    return _dashboard(
        "seamwatch-stream",
        "Seamwatch: Stream",
        "Whether the stream flows: what comes, what waits, how long it takes, what is refused, and what the workers hold.",
        (_JOB, _INSTANCE),
        [
            Panel(
                "Workers that do not do all of their work",
                [(f"count(seamwatch_ready{{{_OF}}}) - sum(seamwatch_ready{{{_OF}}})", "")],
                "stat",
                width=4,
                steps=_NONE,
                about="Of those that answer: starting, recovering, without a database, or worse. No data: none answers.",
                runbook="SeamwatchNotReady",
            ),
            Panel(
                "Records that wait",
                [(f"sum(seamwatch_consumer_lag_records{{{_OF}}})", "")],
                "stat",
                width=4,
                about="In Kafka, of all topics that workers read.",
                runbook="SeamwatchFallingBehind",
            ),
            Panel(
                "Topics that are paused",
                [(f"sum(max by (topic) (seamwatch_topic_paused{{{_OF}}}))", "")],
                "stat",
                width=4,
                steps=_NONE,
                about="Of sources' own records. No data: no source is read, touchpoints alone.",
                runbook="SeamwatchSourcePaused",
            ),
            Panel(
                "Customers in the state",
                [(f"sum(seamwatch_state_rows{{{_OF}}})", "")],
                "stat",
                width=4,
                about="Whom the workers remember.",
            ),
            Panel(
                "Deadlines that wait",
                [(f"sum(seamwatch_timers_pending{{{_OF}}})", "")],
                "stat",
                width=4,
                about="Moments at which something is found unless it happens before, such as that somebody takes over.",
            ),
            Panel(
                "Versions",
                [(f"count by (version, python) (seamwatch_build_info{{{_OF}}})", "{{version}}, Python {{python}}")],
                "stat",
                width=4,
                about="How many workers run each; more than one while an upgrade is under way.",
            ),
            Panel("Touchpoints a second, by type", _rate("seamwatch_touchpoints_total", "type")),
            Panel(
                "Touchpoints a second, by source",
                _rate("seamwatch_touchpoints_total", "source"),
                runbook="SeamwatchSourceSilent",
            ),
            Panel("Records a second, by topic", _rate("seamwatch_records_total", "topic")),
            Panel("Records that wait, by topic", [(queue, "{{topic}}")], runbook="SeamwatchFallingBehind"),
            Panel(
                "Time to read what waits",
                [('job_topic:seamwatch_consumer_lag:seconds{job="$job"}', "{{topic}}")],
                unit="s",
                about="At the pace of the last five minutes.",
                runbook="SeamwatchFallingBehind",
            ),
            Panel(
                "Clocks of partitions, behind the present",
                [(f"max by (partition) (seamwatch_event_time_lag_seconds{{{_OF}}})", "{{partition}}")],
                unit="s",
                about="A partition's clock is that of its records: it stands while none comes.",
            ),
            Panel(
                "From reading to the findings in Kafka",
                _quantiles("seamwatch_detection_latency_seconds", 0.5, 0.95, 0.99),
                unit="s",
            ),
            Panel(
                "From Kafka to the database",
                _quantiles("seamwatch_end_to_end_latency_seconds", 0.5, 0.95, 0.99),
                unit="s",
                runbook="SeamwatchFindingsLate",
            ),
            Panel(
                "A batch of records",
                _quantiles("seamwatch_batch_seconds", 0.5, 0.95, 0.99),
                unit="s",
                about="How long one takes, from being handed over to being done.",
            ),
            Panel(
                "Dead letters a second, by reason",
                _rate("seamwatch_dead_letters_total", "reason"),
                runbook="SeamwatchRecordsRefused",
            ),
            Panel(
                "Copies a second, by content",
                _rate("seamwatch_duplicates_total", "content"),
                about="Touchpoints that had come before: with the same content, or with other content, of which the first counts.",
            ),
            Panel(
                "Odd ones a second",
                odd,
                about="Keys that the schema does not have; records in another partition than their key's; touchpoints that are only counted "
                "(a flood, nobody's id, a forgotten customer); messages that were not read to their end.",
            ),
            Panel("State, by worker", [(f"seamwatch_state_bytes{{{_OF}}}", "{{instance}}")], unit="bytes"),
            Panel("Memory, by worker", [(f"process_resident_memory_bytes{{{_OF}}}", "{{instance}}")], unit="bytes"),
            Panel(
                "Processors, by worker",
                [(f"rate(process_cpu_seconds_total{{{_OF}}}[$__rate_interval])", "{{instance}}")],
                about="How many are busy.",
            ),
            Panel(
                "Recovered partitions, in the time shown",
                [(f"sum by (instance) (increase({recovery}_count{{{_OF}}}[$__range]))", "{{instance}}")],
                "bargauge",
                about="Those that a worker was given, at its start or by a rebalance.",
                options=_WHOLE,
            ),
            Panel(
                "Recovery of a partition, on average since the start",
                [
                    (
                        f"sum by (instance) ({recovery}_sum{{{_OF}}}) / sum by (instance) ({recovery}_count{{{_OF}}})",
                        "{{instance}}",
                    )
                ],
                "bargauge",
                unit="s",
                runbook="SeamwatchNotReady",
            ),
            Panel(
                "Running for",
                [(f"time() - process_start_time_seconds{{{_OF}}}", "{{instance}}")],
                unit="s",
                runbook="SeamwatchWorkerRestarts",
            ),
            Panel(
                "Handled and not committed",
                [(f"seamwatch_commit_age_seconds{{{_OF}}}", "{{instance}}")],
                unit="s",
                about="How long the oldest handled batch has waited for its commit.",
            ),
            Panel(
                "Posted a second, by outcome",
                _rate("seamwatch_ingest_requests_total", "outcome"),
                runbook="SeamwatchDoorFails",
            ),
            Panel(
                "Not signed as it should be, by source",
                [('job_source:seamwatch_ingest_distrusted:ratio_rate5m{job="$job"}', "{{source}}")],
                unit="percentunit",
                about="Share of what was posted in the last five minutes; a gap where nothing was.",
                runbook="SeamwatchDoorDistrusts",
            ),
            Panel(
                "From a request to Kafka's confirmation",
                _quantiles("seamwatch_ingest_request_seconds", 0.5, 0.99),
                unit="s",
                width=12,
            ),
            Panel(
                "Bodies held",
                [(f"seamwatch_ingest_held_bytes{{{_OF}}}", "{{instance}}")],
                unit="bytes",
                width=12,
                about="Of requests that are being read, or written to Kafka.",
                runbook="SeamwatchDoorFails",
            ),
        ],
    )


def _delivery() -> dict[str, Any]:
    waiting = 'max by (state, severity) (seamwatch_alerts_waiting{job="$job"})'
    told = 'job=~"$job(-deliver)?"'  # the role `deliver` is scraped as a job of its own
    firing = 'count(ALERTS{alertname=~"Seamwatch.+", alertstate="firing"})'
    watchdog = 'count(ALERTS{alertname="SeamwatchWatchdog", alertstate="firing"})'  # always: what is left without it is 0 only where somebody looks

    def burning(ratio: str, share: float, runbook: str, title: str) -> Panel:
        queries = [
            (f'job:seamwatch_{ratio}:ratio_rate{window}{{job="$job"}}', window) for window in ("5m", "1h", "6h", "3d")
        ]
        return Panel(
            title,
            [*queries, (f"vector({share})", "what may be")],
            unit="percentunit",
            width=12,
            runbook=runbook,
            about="Share over the last five minutes to three days.",
        )

    return _dashboard(
        "seamwatch-delivery",
        "Seamwatch: Delivery",
        "Whether what was found reaches those who can act: alerts that wait and how they end, what is promised of findings, and what receivers are told.",
        (_JOB, _INSTANCE),
        [
            Panel(
                "Alerts that wait",
                [(f"sum({waiting})", "")],
                "stat",
                width=6,
                about="About customers, not resolved yet, as the database holds them.",
                console="/alerts",
            ),
            Panel(
                "Critical ones that nobody has taken up",
                [
                    (
                        'sum(max by (state) (seamwatch_alerts_waiting{job="$job", severity="critical", state=~"open|reopened"}))',
                        "",
                    )
                ],
                "stat",
                width=6,
                about="Open, or open again.",
                steps=(("green", None), ("orange", 1)),
                console="/alerts?severity=critical&state=open&state=reopened",
            ),
            Panel(
                "Longest wait for the database",
                [(f"max(seamwatch_sink_backlog_seconds{{{_OF}}})", "")],
                "stat",
                "s",
                width=6,
                about="How long the oldest batch has waited to be written.",
                steps=(("green", None), ("orange", 5), ("red", 60)),
                runbook="SeamwatchStorageBehind",
            ),
            Panel(
                "Alerts about Seamwatch itself",
                [(f"{firing} - {watchdog}", "")],
                "stat",
                width=6,
                steps=_NONE,
                about="That fire now, but for the watchdog. No data: this Prometheus does not have the rules.",
                runbook="README",
            ),
            Panel(
                "Alerts that wait, by state",
                [(f"sum by (state) ({waiting})", "{{state}}")],
                console="/alerts?state=${__field.labels.state}",
            ),
            Panel(
                "Alerts that wait, by severity",
                [(f"sum by (severity) ({waiting})", "{{severity}}")],
                console="/alerts?severity=${__field.labels.severity}",
            ),
            Panel(
                "How alerts ended, last 24 hours",
                [('max by (resolution) (seamwatch_alerts_resolved{job="$job"})', "{{resolution}}")],
                "bargauge",
                about="Fixed, false positives and duplicates by operators; withdrawn by the stream, expired by time.",
            ),
            burning("findings_late", 0.01, "SeamwatchFindingsLate", "Findings later than 5 s in the database"),
            burning("records_refused", 0.001, "SeamwatchRecordsRefused", "Records that were refused"),
            Panel(
                "Findings stored a second",
                [(f"sum(rate(seamwatch_end_to_end_latency_seconds_count{{{_OF}}}[$__rate_interval]))", "findings")],
            ),
            Panel(
                "Wait for the database, by worker",
                [(f"seamwatch_sink_backlog_seconds{{{_OF}}}", "{{instance}}")],
                unit="s",
                runbook="SeamwatchStorageBehind",
            ),
            Panel(
                "Left out by the sinks, in the time shown",
                [(f"sum by (topic) (increase(seamwatch_sink_malformed_total{{{_OF}}}[$__range]))", "{{topic}}")],
                "bargauge",
                steps=_NONE,
                about="Records that are not what their topic holds.",
                runbook="SeamwatchRecordsLeftOut",
                options=_WHOLE,
            ),
            Panel(
                "Receivers that are left alone",
                [(f"sum(seamwatch_delivery_circuit_open{{{told}}})", "")],
                "stat",
                width=6,
                steps=_NONE,
                about="Tries failed one after the other; one try tells when a receiver is back.",
                runbook="SeamwatchReceiverFails",
            ),
            Panel(
                "Deliveries that wait",
                [(f"sum(seamwatch_deliveries_waiting{{{told}}})", "")],
                "stat",
                width=6,
                runbook="SeamwatchReceiverFails",
            ),
            Panel(
                "Dead, last 24 hours",
                [(f'sum(increase(seamwatch_deliveries_total{{{told}, outcome=~"refused|given_up"}}[1d]))', "")],
                "stat",
                width=6,
                steps=_NONE,
                about="Refused for good, or tried for too long: `seamwatch deliveries list --state dead`.",
                options=_WHOLE,
                runbook="SeamwatchDeliveriesDead",
            ),
            Panel(
                "Open alerts told again, last hour",
                [(f'sum(increase(seamwatch_deliveries_total{{{told}, outcome="resent"}}[1h]))', "")],
                "stat",
                width=6,
                about="Alertmanager is told of every open alert once a minute.",
                options=_WHOLE,
            ),
            Panel(
                "Deliveries a second, by receiver and outcome",
                [(f"sum by (receiver, outcome) (rate(seamwatch_deliveries_total{{{told}}}[$__rate_interval]))", "{{receiver}} {{outcome}}")],
                runbook="SeamwatchDeliveriesDead",
            ),
            Panel(
                "Oldest delivery that waits, by receiver",
                [(f"max by (receiver) (seamwatch_deliveries_waiting_seconds{{{told}}})", "{{receiver}}")],
                unit="s",
                runbook="SeamwatchReceiverFails",
            ),
            Panel(
                "From a delivery's row to the receiver's answer",
                [
                    (f"histogram_quantile({share}, sum by (le) (rate(seamwatch_delivery_seconds_bucket{{{told}}}[$__rate_interval])))", f"{share:.0%}")
                    for share in (0.5, 0.95, 0.99)
                ],
                unit="s",
            ),
        ],
        since="now-24h",
    )


def dashboards() -> dict[str, str]:
    """Return the dashboards by file name."""
    made = {"experience": _experience(), "stream": _stream(), "delivery": _delivery()}
    return {f"{name}.json": json.dumps(dashboard, indent=1) + "\n" for name, dashboard in made.items()}


def write() -> None:
    """Write all of them."""
    for name, content in dashboards().items():
        (FOLDER / name).write_text(content)


if __name__ == "__main__":
    write()
