"""One line that says of when an answer is, and how much of the past it can speak of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from inventory import moments
from inventory.health import REMOVED, UNOBSERVED

Row = dict[str, Any]


def as_of(runs: Sequence[Row], connectors: Sequence[Row] | None = None) -> str:
    """Sum up rows of status by the accounts' latest runs; of several, the one that is oldest."""
    complete = [run for run in runs if run["observed_at"] is not None]
    if not complete:
        return "No run was ever complete: run `inventory sync`."
    oldest = min(complete, key=lambda run: run["observed_at"])
    late = ", which is late" if oldest["is_late"] else ""
    age = moments.lasting(oldest["age_minutes"])
    said = f"As of {moments.local(oldest['observed_at'])} ({age} ago{late})"
    if connectors is None:
        return f"{said}."
    existing = [row for row in connectors if row["health"] not in REMOVED]
    down = sum(row["is_down"] for row in existing)
    noun = "connector" if len(existing) == 1 else "connectors"
    counted = f"{said}: {len(existing):,} {noun}, {down:,} down"
    unobserved = [row for row in existing if row["health"] == UNOBSERVED.name]
    return f"{counted}{_unobserved(unobserved, runs)}."


def _unobserved(connectors: Sequence[Row], runs: Sequence[Row]) -> str:
    """Say how many nobody can vouch for, and why."""
    late_accounts = {run["account_id"] for run in runs if run["is_late"]}
    late = sum(row["account_id"] in late_accounts for row in connectors)
    due = len(connectors) - late
    by_run, by_time = "the last complete run is late", "no run has looked since they were due"
    if late and due:
        why = f"of {late:,} {by_run}, and of {due:,} {by_time}"
    else:
        why = by_run if late else by_time
    return f", {len(connectors):,} {UNOBSERVED.name}: {why}" if connectors else ""


def beyond(moment: datetime, known: tuple[datetime, datetime] | None) -> str | None:
    """Say that an instant is beyond what complete runs saw; None = it is not."""
    if known is None:
        return "No run was ever complete: nothing is known."
    first, last = known
    if moment < first:
        return f"Nothing is known of before {moments.local(first)}, the first complete run."
    if moment > last:
        return f"The last complete run is older: this is what it saw at {moments.local(last)}."
    return None
