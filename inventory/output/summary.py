"""Sentences about a result: how current it is, which period it covers, who had the name before."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from inventory import times
from inventory.health import REMOVED, UNOBSERVED

Row = dict[str, Any]


def as_of(
    runs: Sequence[Row],
    connectors: Sequence[Row] | None = None,
    *,
    time: Callable[[datetime], str] = times.format_local,
) -> str:
    """Say how old the data is: by the oldest of the accounts' latest runs. Count the status rows.

    A run of unknown age, because its clock was in the future, counts as the oldest.
    """
    complete = [run for run in runs if run["observed_at"] is not None]
    if not complete:
        return "No run has completed yet: run `inventory sync`."
    oldest = min(
        complete, key=lambda run: (not _is_of_unknown_age(run), -(run["age_minutes"] or 0))
    )
    text = f"As of {time(oldest['observed_at'])} ({_age(oldest)})"
    if any(run.get("is_in_future") for run in complete):
        text += ", with runs dated in the future: a clock was wrong, see `inventory db redate`"
    if connectors is None:
        return f"{text}."
    existing = [row for row in connectors if row["health"] not in REMOVED]
    down = sum(row["is_down"] for row in existing)
    noun = "connector" if len(existing) == 1 else "connectors"
    counted = f"{text}: {len(existing):,} {noun}, {down:,} down"
    unobserved = [row for row in existing if row["health"] == UNOBSERVED.name]
    return f"{counted}{_unobserved(unobserved, runs)}."


def recreation_notes(name: str, links: Mapping[str, Row | None]) -> list[str]:
    """Name the connectors that had this name before or after, from `predecessor_and_successor`."""
    notes = []
    if (before := links["predecessor"]) is not None:
        until = times.format_local(before["removed_at"])
        notes.append(
            f"{name} was created again: until {until} it was {before['connector_id']}, "
            "which has a history of its own."
        )
    if (after := links["successor"]) is not None:
        since = times.format_local(after["first_seen_at"])
        notes.append(
            f"{name} was created again as {after['connector_id']}, which was first seen {since}."
        )
    return notes


def _age(run: Row) -> str:
    if _is_of_unknown_age(run):
        return "of unknown age"
    overdue = ", overdue" if run["is_overdue"] else ""
    return f"{times.format_duration(run['age_minutes'])} ago{overdue}"


def _is_of_unknown_age(run: Row) -> bool:
    return run["age_minutes"] is None


def _unobserved(connectors: Sequence[Row], runs: Sequence[Row]) -> str:
    """Count the unobserved connectors by reason."""
    overdue_accounts = {run["account_id"] for run in runs if run["is_overdue"]}
    overdue = sum(row["account_id"] in overdue_accounts for row in connectors)
    due = len(connectors) - overdue
    by_run, by_time = "the next run is overdue", "no run has checked since they were due"
    if overdue and due:
        why = f"for {overdue:,} {by_run}, and for {due:,} {by_time}"
    else:
        why = by_run if overdue else by_time
    return f", {len(connectors):,} {UNOBSERVED.name}: {why}" if connectors else ""


def beyond(timestamp: datetime, known: tuple[datetime, datetime] | None) -> str | None:
    """Say that a timestamp is outside the period of complete runs; None if it is inside."""
    if known is None:
        return "No run has completed yet: there is no data."
    first, last = known
    if timestamp < first:
        return f"There is no data before {times.format_local(first)}, the first complete run."
    if timestamp > last:
        return f"The last complete run is older: this is its data of {times.format_local(last)}."
    return None
