"""Formats the log on stderr, as text for people or JSON for collectors, without secrets."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from inventory.redaction import redacted
from inventory.text import escape_control_chars

Format = Literal["text", "json"]


def configure(*, verbosity: int, log_format: Format) -> None:
    """Send the log to stderr.

    Verbosity 0 = warnings of this package, 1 = also its info, 2 = everything, with libraries.
    """
    handler = _StderrHandler()
    handler.setFormatter(_JsonLines() if log_format == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries log, with tracebacks, errors that their callers handle.
    root.setLevel(logging.DEBUG if verbosity > 1 else logging.CRITICAL)
    levels = {0: logging.WARNING, 1: logging.INFO}
    logging.getLogger("inventory").setLevel(levels.get(verbosity, logging.DEBUG))


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the current sys.stderr, which a progress bar replaces while it is drawn."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # a plain attribute in the parent
        return sys.stderr


class _TextLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        lines = redacted(super().format(record)).split("\n")
        return "\n".join(map(escape_control_chars, lines))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line)
