"""The life of one connector as a timeline: what happened, oldest first, in words."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from inventory import moments

Row = dict[str, Any]

DAYS = 30  # of syncs that the strip shows
LEGEND = "+ succeeded, x failed, ! both, . none seen"
_YES_NO = {"true": "yes", "false": "no"}
_ALERTS = {"warnings": "warning", "tasks": "task"}


def head(life: Row, today: date) -> Iterator[str]:
    """Yield what is to be said before the timeline: who it is, how it is, its syncs of late."""
    connector = life["connector"]
    name = connector["schema_name"] or "without a name"
    group = f" in group {connector['group_id']}" if connector["group_id"] else ""
    yield f"{name} ({connector['connector_id']}): {connector['service'] or 'no service'}{group}"
    yield f"{connector['health']}: {connector['reason']}{_down_for(life)}"
    yield f"syncs of {DAYS} days to {today}: {strip(life['syncs'], today)}  ({LEGEND})"
    yield ""


def _down_for(life: Row) -> str:
    if not life["connector"]["is_down"]:  # an outage may be open of which nobody knows any more
        return ""
    return f" (down for {moments.lasting(life['incidents'][-1]['minutes'])})"


class Event(NamedTuple):
    at: datetime
    kind: str
    what: str


def events(life: Row) -> list[Event]:
    """Put a life, as `questions.life` tells it, in order.

    What happened at one instant: first the connector itself, then its outages.
    """
    told = [*_appearances(life), *_outages(life["incidents"])]
    return sorted(told, key=lambda event: event.at)


def _appearances(life: Row) -> Iterator[Event]:
    connector = life["connector"]
    yield Event(connector["first_seen_at"], "first seen", _created(connector["created_at"]))
    for change in life["changes"]:
        # That a version is the first is said already, and that setup tests are there is no news.
        if change["kind"] != "created":
            yield Event(change["changed_at"], change["kind"], _change(change))


def _created(at: datetime | None) -> str:
    return f"created {at.isoformat(sep=' ')[:16]} UTC" if at else ""


def _change(change: Row) -> str:
    field, old, new = change["field"], _shown(change["old_value"]), _shown(change["new_value"])
    if change["kind"] in ("raised", "cleared"):
        words = change["new_value"] if change["kind"] == "raised" else None
        named = f"{_ALERTS[change['table_name']]} {field or 'without a code'}"
        return f"{named}: {words}" if words else named
    if change["kind"] == "removed" and field is None:
        return change["new_value"] or ""
    if change["table_name"] == "setup_tests":
        field = f"test {field}"
    return field if change["kind"] == "removed" else f"{field}: {old} -> {new}" if field else ""


def _shown(value: str | None) -> str:
    return "none" if value is None else _YES_NO.get(value, value)


def _outages(incidents: list[Row]) -> Iterator[Event]:
    for outage in incidents:
        path = outage["path"]
        yield Event(outage["started_at"], "down", path.partition(" > ")[0])
        if outage["ended_at"] is not None:
            lasted = moments.lasting(outage["minutes"])
            yield Event(outage["ended_at"], outage["closed_by"], f"after {lasted} down: {path}")


def strip(syncs: list[Row], today: date) -> str:
    """Show the last days, today the last of them, by one sign each (see LEGEND)."""
    signs = {(True, False): "+", (False, True): "x", (True, True): "!"}
    ends = {row["day"]: (bool(row["succeeded"]), bool(row["failed"])) for row in syncs}
    days = (today - timedelta(days=ago) for ago in reversed(range(DAYS)))
    return "".join(signs.get(ends.get(day, (False, False)), ".") for day in days)
