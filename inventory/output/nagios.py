"""Formats the result of `inventory check` for Nagios and Icinga: one line, and their exit codes.

The exit codes are those of the Monitoring Plugins' guidelines, where 3 means UNKNOWN.
"""

from collections.abc import Sequence
from typing import Any

from inventory.text import escape_control_chars

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_SHOWN = 5  # problems; an alert is read on a telephone
_MAX_LENGTH = 2_000  # characters; older releases truncate at 4,096

Row = dict[str, Any]


def code(problems: Sequence[Row]) -> int:
    """Return CRITICAL if a connector has a problem, WARNING if only the data has one."""
    if any(problem["connector_id"] is not None for problem in problems):
        return CRITICAL
    return WARNING if problems else OK


def line(code: int, message: str, performance: str = "") -> str:
    """Return the line: a message for people, then a bar and the numbers for graphs."""
    text = escape_control_chars(message.replace("|", "/").replace("\n", " "))
    if len(text) > _MAX_LENGTH:
        text = f"{text[: _MAX_LENGTH - 3]}..."
    return f"INVENTORY {_NAMES[code]} - {text}" + (f" | {performance}" if performance else "")


def summary(lines: Sequence[str]) -> str:
    """Join the first problems; they come worst first."""
    more = f"; and {len(lines) - _SHOWN:,} more" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more


def performance(connectors: Sequence[Row], unobserved: int, runs: Sequence[Row]) -> str:
    """Return the numbers for graphs. The age is the oldest account's; U = unknown."""
    ages = [run["age_minutes"] for run in runs if run["account_id"] is not None]
    values: dict[str, Any] = {
        "connectors": len(connectors),
        "down": sum(row["is_down"] for row in connectors),
        "unobserved": unobserved,
        "withheld": sum(run["withheld"] or 0 for run in runs),
        "failed_runs": sum(run["failed_attempts"] for run in runs),
        "age": "U" if not ages or None in ages else f"{max(ages) * 60}s",
    }
    return " ".join(f"{name}={value}" for name, value in values.items())
