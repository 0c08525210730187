"""`seamwatch worker`: the stream processor."""

from typing import Any

import click

from seamwatch.terminal import options

_ROLES = ("ingest", "normalise", "watch", "score", "sink", "insight", "deliver")


class _Roles(click.ParamType):
    """Roles with commas between them."""

    name = "roles"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        if isinstance(value, frozenset):
            return value
        names = [name.strip() for name in value.split(",")]
        for name in names:
            if name not in _ROLES:
                self.fail(f"{name or 'nothing'} is no role; the roles are {', '.join(_ROLES)}.", param, ctx)
        return frozenset(names)


@click.command
@click.option(
    "--roles", type=_Roles(), metavar="ROLE,...", help="What this worker does.  [default: normalise,watch,score,sink]"
)
def command(roles: frozenset[str] | None) -> None:
    """Watch the stream until told to stop.

    Reads touchpoints from Kafka, finds failures, and writes alerts and scores to the database.

    Runs until SIGTERM or Ctrl-C, then finishes what it does within ten seconds. Any number of workers share the
    work. Metrics and health (/metrics, /livez, /readyz) are at SEAMWATCH_METRICS_HOST:SEAMWATCH_METRICS_PORT.

    \b
    The roles; all but the first and the last two unless told:
      ingest     takes records by HTTP at SEAMWATCH_INGEST_LISTEN, for sources with a door (docs/sources.md)
      normalise  maps raw records of sources to touchpoints (needs SEAMWATCH_CUSTOMER_KEY)
      watch      finds failures in the timelines of customers
      score      merges the scores of teams, channels, seams and tenants
      sink       writes findings, alerts, scores and dead letters to the database
      insight    knows customers and the corridor, and whom to invite: only when told, and alone (docs/insights.md)
      deliver    tells Alertmanager and webhooks of alerts and briefs: only when told, and alone (docs/routing.md)

    \b
    Everything in one process:
      export SEAMWATCH_HASH_KEY=...    (python3 -c "import secrets; print(secrets.token_hex(32))")
      seamwatch db upgrade && seamwatch topics create && seamwatch worker
    Taking in what vendors post, apart from all else:
      SEAMWATCH_SOURCES=chatwoot SEAMWATCH_INGEST_SECRETS__CHATWOOT=... seamwatch worker --roles ingest
    Watching apart from storing:
      seamwatch worker --roles normalise,watch,score
      seamwatch worker --roles sink
    """
    from seamwatch import logs

    logs.configure(options().level, debug=options().debug)
    from config.settings import load_settings
    from seamwatch.errors import WrongUse
    from seamwatch.worker import Worker, leave, plan

    alone = () if roles is None else sorted(roles & {"deliver", "insight"})
    if alone and roles is not None:
        if len(roles) > 1:
            raise WrongUse(f"{alone[0]} works in a process of its own, beside those that must be fast: name it alone")
        from seamwatch import delivering, insight

        leave(insight.run(load_settings()) if alone == ["insight"] else delivering.run(load_settings()))
    leave(Worker(plan(load_settings(), roles), debug=options().debug).run())
