"""A worker of the role `insight`, from the first check to the last batch."""

import logging
import signal
from contextlib import closing
from functools import partial
from threading import Event

from kafka.errors import KafkaError

from config.invitations import load_invitations
from config.rules import load_rulebook
from config.settings import Settings
from seamwatch import __version__
from seamwatch.broker import stream_settings
from seamwatch.errors import explain
from seamwatch.observing import NAME, Observing, portfolio_terms
from seamwatch.told import set_from_handler
from seamwatch.worker import decayed
from sinks.database import check_schema, create_engine
from sinks.errors import DatabaseUnavailable
from sinks.health import HealthServer
from sinks.metrics import Metrics
from sinks.observing import ObservedStore
from streams.grouped import GroupedReader, Publisher
from streams.settings import StreamSettings
from streams.topics import TopicAdmin, Topics

__all__ = ["run"]

_PAUSE = 5.0

_log = logging.getLogger(__name__)


def run(settings: Settings, streams: StreamSettings | None = None) -> int:
    """Work until SIGTERM or SIGINT; return the exit code. ``streams`` None: the broker is that of the settings.

    A broker or database that is away is waited for. Raises `ConfigError`, `SchemaOutdated`, `TopicMismatch`, `StreamError`.
    """
    stop, metrics = Event(), Metrics(__version__, decayed)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: set_from_handler(stop))
    rulebook, rules = load_rulebook(settings.rules_dir), load_invitations(settings.invitations_file)
    terms, streams = portfolio_terms(settings, rulebook), streams or stream_settings(settings, ())
    names, engine = Topics(settings.prefix), create_engine(settings.database)
    waiting = ["starting"]
    metrics.readiness(lambda: not waiting)
    with HealthServer(metrics.registry, lambda: True, lambda: waiting, host=settings.metrics_host, port=settings.metrics_port) as port:
        _log.info("metrics and health at http://%s:%d", *port.address)
        while not stop.is_set():
            try:
                check_schema(engine)
                with TopicAdmin(streams) as admin:
                    admin.require()
                store = ObservedStore(engine)
                reader = GroupedReader(streams, names.touchpoints, NAME, partial(store.next_offset, names.touchpoints))
                with closing(reader), closing(Publisher(streams, names.invitations)) as publisher:
                    observing = Observing(reader, store, names.touchpoints, rulebook, rules, terms, publisher.publish, metrics)
                    waiting.clear()
                    _log.info("reading %s for portfolio, corridor and %d invitations' rules", names.touchpoints, len(rules.invitations))
                    observing.run(stop)
            except (DatabaseUnavailable, KafkaError) as error:
                waiting[:] = [explain(error).message]
                _log.warning("%s; next attempt in %.0f s", waiting[0], _PAUSE)
                stop.wait(_PAUSE)
    engine.dispose()
    _log.info("stopped")
    return 0
