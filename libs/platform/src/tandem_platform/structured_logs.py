"""JSON log lines with trace, span, tenant and request id; personal data masked.

Library logs go through the same formatter, so one line is always one JSON object.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from tandem_platform import request_context, telemetry
from tandem_platform.redaction import redact_event

# These report every connection attempt of a peer that is down; our own lines say it once.
_QUIET_LIBRARIES = ("opentelemetry", "nats", "asyncio", "httpx", "uvicorn.access", "alembic")


# Without `setup` (tests, scripts) structlog would print tracebacks with all local variables, and
# with them tokens and requests.
structlog.configure(
    processors=[
        structlog.processors.format_exc_info,
        redact_event,
        structlog.processors.JSONRenderer(default=str),
    ],
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)


def setup(service_name: str, *, replica: str = "", level: str = "INFO") -> None:
    """Sends all logs of this process to stderr as JSON."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Named(service_name, replica),
        add_context,
        structlog.processors.format_exc_info,
        redact_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)


class _Named:
    """Adds who writes."""

    def __init__(self, service_name: str, replica: str) -> None:
        self._fields = {"service": service_name, "replica": replica}

    def __call__(
        self, _logger: object, _name: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event.update(self._fields)
        return event


def add_context(
    _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: trace, span, tenant, subject, method and request id, when known."""
    caller = request_context.caller_or_none()
    known = {
        "trace_id": telemetry.current_trace_id(),
        "span_id": telemetry.current_span_id(),
        "tenant": caller.tenant if caller else "",
        "subject": caller.subject if caller else "",
        "method": request_context.current_method(),
        "request_id": request_context.current_request_id(),
    }
    for key, value in known.items():
        if value:
            event.setdefault(key, value)
    return event


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: ``log.info("order accepted", order_id=…)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
