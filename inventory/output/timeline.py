"""The history of one connector as a timeline of events, oldest first."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from inventory import times
from inventory.output import happenings, strips
from inventory.output.cells import CellFormat
from inventory.output.happenings import PLAIN, Wording
from inventory.output.screen import Screen
from inventory.output.strips import Day

Row = dict[str, Any]


def header(history: Row, health: Sequence[Day], now: datetime, screen: Screen) -> Iterator[str]:
    """Yield what the connector is, its health, and the last days as strips.

    `health` is what `queries.daily_health` returns for these days.
    """
    connector, cells = history["connector"], CellFormat(screen, now)
    name = connector["schema_name"] or "without a name"
    service = connector["service_name"] or connector["service"] or "no service"
    group = connector["group_name"] or connector["group_id"]
    place = f" in group {group}" if group else ""
    reason = cells.sentence(connector["reason"])
    for text in (
        f"{name} ({connector['connector_id']}): {service}{place}",
        f"{connector['health']}: {reason}{_down_for(history)}",
    ):
        yield from screen.fold(cells.printable(text).split(" "))
    yield ""
    yield from strips.draw(health, history["syncs"], now.date(), screen)
    yield ""


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


def events(history: Row, wording: Wording = PLAIN) -> list[Row]:
    """Return the events of a history (see `queries.connector_history`) in order of time.

    Of events at the same time, those of the connector come before those of its outages.
    """
    found = [*_changes(history, wording), *_outages(history["incidents"]), *_recreations(history)]
    return [event._asdict() for event in sorted(found, key=lambda event: event.at)]


def _changes(history: Row, wording: Wording) -> Iterator[_Event]:
    connector = history["connector"]
    created = connector["created_at"]
    what = f"created {wording.time(created)}" if created else ""
    yield _Event(connector["first_seen_at"], "first seen", what)
    for change in history["changes"]:
        # "first seen" covers the connector, and new setup tests are not worth a line.
        if change["kind"] != "created":
            sentence = happenings.describe(change, wording).sentence
            yield _Event(change["changed_at"], change["kind"], sentence)


def _recreations(history: Row) -> Iterator[_Event]:
    """Yield where the name continues under another id."""
    if (before := history["predecessor"]) is not None:
        what = f"it was {before['connector_id']} before"
        yield _Event(history["connector"]["first_seen_at"], "recreated", what)
    if (after := history["successor"]) is not None:
        yield _Event(after["first_seen_at"], "recreated", f"as {after['connector_id']}")


def _outages(incidents: list[Row]) -> Iterator[_Event]:
    for outage in incidents:
        path = outage["path"]
        yield _Event(outage["started_at"], "down", path.partition(" > ")[0])
        if outage["ended_at"] is not None:
            lasted = times.format_duration(outage["minutes"])
            yield _Event(outage["ended_at"], outage["closed_by"], f"after {lasted} down: {path}")
