"""The history of one connector as a timeline of events, oldest first."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from inventory import times
from inventory.output import happenings, strips
from inventory.output.screen import Screen
from inventory.output.strips import Day
from inventory.text import escape_control_chars

Row = dict[str, Any]


def header(history: Row, health: Sequence[Day], now: datetime, screen: Screen) -> Iterator[str]:
    """Yield what the connector is, its health, and the last days as strips.

    `health` is what `queries.daily_health` returns for these days.
    """
    connector = history["connector"]
    name = connector["schema_name"] or "without a name"
    service = connector["service_name"] or connector["service"] or "no service"
    group = connector["group_name"] or connector["group_id"]
    place = f" in group {group}" if group else ""
    yield from _prose(f"{name} ({connector['connector_id']}): {service}{place}", screen)
    reason = connector["reason"]
    reason = times.shorten(reason, now) if screen.fits_rows else times.localize(reason)
    yield from _prose(f"{connector['health']}: {reason}{_down_for(history)}", screen)
    yield ""
    yield from strips.draw(health, history["syncs"], now.date(), screen)
    yield ""


def _prose(text: str, screen: Screen) -> Iterator[str]:
    return screen.fold(escape_control_chars(text).split(" "))


def _down_for(history: Row) -> str:
    # An unobserved connector may have an open outage; whether it goes on is unknown.
    if not history["connector"]["is_down"]:
        return ""
    return f" (down for {times.format_duration(history['incidents'][-1]['minutes'])})"


class _Event(NamedTuple):
    at: datetime
    kind: str
    what: str


COLUMNS = _Event._fields


def events(history: Row, arrow: str) -> list[Row]:
    """Return the events of a history (see `queries.connector_history`) in order of time.

    Of events at the same time, those of the connector come before those of its outages.
    """
    found = [*_changes(history, arrow), *_outages(history["incidents"]), *_recreations(history)]
    return [event._asdict() for event in sorted(found, key=lambda event: event.at)]


def _changes(history: Row, arrow: str) -> Iterator[_Event]:
    connector = history["connector"]
    yield _Event(connector["first_seen_at"], "first seen", _created(connector["created_at"]))
    for change in history["changes"]:
        # "first seen" covers the connector, and new setup tests are not worth a line.
        if change["kind"] != "created":
            sentence = happenings.describe(change, arrow).sentence
            yield _Event(change["changed_at"], change["kind"], sentence)


def _recreations(history: Row) -> Iterator[_Event]:
    """Yield where the name continues under another id."""
    if (before := history["predecessor"]) is not None:
        what = f"it was {before['connector_id']} before"
        yield _Event(history["connector"]["first_seen_at"], "recreated", what)
    if (after := history["successor"]) is not None:
        yield _Event(after["first_seen_at"], "recreated", f"as {after['connector_id']}")


def _created(at: datetime | None) -> str:
    return f"created {at.isoformat(sep=' ')[:16]} UTC" if at else ""


def _outages(incidents: list[Row]) -> Iterator[_Event]:
    for outage in incidents:
        path = outage["path"]
        yield _Event(outage["started_at"], "down", path.partition(" > ")[0])
        if outage["ended_at"] is not None:
            lasted = times.format_duration(outage["minutes"])
            yield _Event(outage["ended_at"], outage["closed_by"], f"after {lasted} down: {path}")
