"""The history of one connector as a timeline of events, oldest first."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from inventory import times

Row = dict[str, Any]

DAYS = 30  # in the strip of syncs
LEGEND = "+ succeeded, x failed, ! both, . none seen"
_YES_NO = {"true": "yes", "false": "no"}
_ALERTS = {"warnings": "warning", "tasks": "task"}


def header(history: Row, today: date) -> Iterator[str]:
    """Yield the lines before the timeline: name, health, and recent syncs."""
    connector = history["connector"]
    name = connector["schema_name"] or "without a name"
    service = connector["service_name"] or connector["service"] or "no service"
    group = connector["group_name"] or connector["group_id"]
    place = f" in group {group}" if group else ""
    yield f"{name} ({connector['connector_id']}): {service}{place}"
    reason = times.localize(connector["reason"])
    yield f"{connector['health']}: {reason}{_down_for(history)}"
    strip = sync_strip(history["syncs"], today)
    yield f"syncs of {DAYS} days (UTC) to {today}: {strip}  ({LEGEND})"
    yield ""


def _down_for(history: Row) -> str:
    # An unobserved connector may have an open outage; whether it goes on is unknown.
    if not history["connector"]["is_down"]:
        return ""
    return f" (down for {times.format_duration(history['incidents'][-1]['minutes'])})"


class TimelineEvent(NamedTuple):
    at: datetime
    kind: str
    what: str


def events(history: Row) -> list[TimelineEvent]:
    """Return the events of a history (see `queries.connector_history`) in order of time.

    Of events at the same time, those of the connector come before those of its outages.
    """
    found = [*_changes(history), *_outages(history["incidents"]), *_recreations(history)]
    return sorted(found, key=lambda event: event.at)


def _changes(history: Row) -> Iterator[TimelineEvent]:
    connector = history["connector"]
    yield TimelineEvent(connector["first_seen_at"], "first seen", _created(connector["created_at"]))
    for change in history["changes"]:
        # "first seen" covers the connector, and new setup tests are not worth a line.
        if change["kind"] != "created":
            yield TimelineEvent(change["changed_at"], change["kind"], describe(change))


def _recreations(history: Row) -> Iterator[TimelineEvent]:
    """Yield where the name continues under another id."""
    if (before := history["predecessor"]) is not None:
        what = f"it was {before['connector_id']} before"
        yield TimelineEvent(history["connector"]["first_seen_at"], "recreated", what)
    if (after := history["successor"]) is not None:
        yield TimelineEvent(after["first_seen_at"], "recreated", f"as {after['connector_id']}")


def _created(at: datetime | None) -> str:
    return f"created {at.isoformat(sep=' ')[:16]} UTC" if at else ""


def describe(change: Row) -> str:
    """Say what a row of `state_changes` changed, in one line."""
    field, old, new = change["field"], _display(change["old_value"]), _display(change["new_value"])
    if change["kind"] in ("raised", "cleared"):
        message = change["new_value"] if change["kind"] == "raised" else None
        named = f"{_ALERTS[change['table_name']]} {field or 'without a code'}"
        return f"{named}: {message}" if message else named
    if change["kind"] == "removed" and field is None:
        return change["new_value"] or ""
    if change["table_name"] == "setup_tests":
        field = f"test {field}"
    return field if change["kind"] == "removed" else f"{field}: {old} -> {new}" if field else ""


def _display(value: str | None) -> str:
    return "none" if value is None else _YES_NO.get(value, value)


def _outages(incidents: list[Row]) -> Iterator[TimelineEvent]:
    for outage in incidents:
        path = outage["path"]
        yield TimelineEvent(outage["started_at"], "down", path.partition(" > ")[0])
        if outage["ended_at"] is not None:
            lasted = times.format_duration(outage["minutes"])
            yield TimelineEvent(
                outage["ended_at"], outage["closed_by"], f"after {lasted} down: {path}"
            )


def sync_strip(syncs: list[Row], today: date) -> str:
    """Return one character per day, today last (see LEGEND)."""
    symbols = {(True, False): "+", (False, True): "x", (True, True): "!"}
    outcomes = {row["day"]: (bool(row["succeeded"]), bool(row["failed"])) for row in syncs}
    days = (today - timedelta(days=ago) for ago in reversed(range(DAYS)))
    return "".join(symbols.get(outcomes.get(day, (False, False)), ".") for day in days)
