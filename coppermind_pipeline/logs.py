"""Where the product's log events go: to standard error, so that an answer on standard output stays whole."""

import logging
import sys
from contextlib import suppress
from typing import Any

import structlog


class _StandardError:
    """Standard error as it is at each moment; what it does not take any more is dropped.

    Its reader may have left (`| head`), its terminal be closed, its disk be full, it may never have been there
    (`2>&-`, where Python has None for it): what is told of goes on all the same.
    """

    def write(self, words: str) -> int:
        with suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.write(words)
        return len(words)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr is not None and sys.stderr.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


standard_error: Any = _StandardError()


def configure_logs(level: int = logging.WARNING) -> None:
    """Write events from `level` up to standard error: readable on a terminal, one JSON object a line elsewhere."""
    renderers: list[structlog.types.Processor]
    if standard_error.isatty():
        # The default traceback shows local variables, among which a token may be.
        renderers = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    for quoting_addresses in ("httpx", "httpcore"):  # some are secrets: an alert webhook's, a link's
        logging.getLogger(quoting_addresses).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(standard_error),
    )
