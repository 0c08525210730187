"""Whether sampled records are traced, and to which collector."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.settings import Settings
from seamwatch import __version__

if TYPE_CHECKING:
    from streams.tracing import Tracing

__all__ = ["tracer"]


def tracer(settings: Settings) -> "Callable[[], Tracing] | None":
    """Return what begins to trace; None where no collector is named.

    Raises `ConfigError` where OpenTelemetry is not installed.
    """
    if settings.tracing_url is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        from streams.tracing import Tracing
    except ImportError as error:
        raise ConfigError("SEAMWATCH_TRACING_URL is set, and OpenTelemetry is not installed: install seamwatch[tracing]") from error
    token = settings.tracing_token
    headers = {} if token is None else {"authorization": f"Bearer {token.get_secret_value()}"}
    exporter = OTLPSpanExporter(settings.tracing_url, headers=headers)
    about = {"service.name": "seamwatch", "service.namespace": settings.prefix, "service.version": __version__}
    if settings.instance_id is not None:
        about["service.instance.id"] = settings.instance_id
    return partial(Tracing, exporter, settings.tracing_share, about)
