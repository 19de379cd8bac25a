"""Says in words what an item of a message is about. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from inventory import times
from inventory.notify.events import Connector, Event, Kind, Outage
from inventory.notify.grouping import SERVICE, Item, is_broken_destination
from inventory.notify.harmless import harmless

DASHBOARD = "https://fivetran.com/dashboard/connections/{}/status"
_NAMES = 5  # of the connectors that an item groups
_REASON, _ERROR = 300, 600  # characters
_CLOSED = {"recovered": "up again", "paused": "paused", "removed": "removed"}
_SINCE = {None: "down", "recovered": "up", "paused": "paused", "removed": "removed"}


class Worded(NamedTuple):
    """An item in words: its first line, further lines, and links by their label."""

    head: str
    details: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def worded(item: Item, now: datetime) -> Worded:
    """Describe an item; all text of others in it is harmless."""
    event = item.events[0]
    if event.problem is not None:
        return _problem(event)
    if item.place is not None:
        return _cluster(item, now)
    assert event.connector is not None
    return _single(event, event.connector, now)


# --- the data itself ------------------------------------------------------------------------


def _problem(event: Event) -> Worded:
    problem = event.problem
    assert problem is not None
    if event.kind is Kind.DATA_PROBLEM_OVER:
        of = f" of account {harmless(problem.account_id)}" if problem.account_id else ""
        return Worded(f"{problem.kind}{of} is over")
    reason = harmless(times.localize(problem.reason), _ERROR)
    held = ("Its outages are not announced until this is over.",) if problem.account_id else ()
    return Worded(f"{problem.kind}: {reason}", held)


# --- one connector --------------------------------------------------------------------------


def _single(event: Event, connector: Connector, now: datetime) -> Worded:
    outage, label = event.outage, _label(connector)
    links = [("dashboard", DASHBOARD.format(quote(connector.connector_id, safe="")))]
    if connector.runbook_url:
        links.insert(0, ("runbook", connector.runbook_url))
    if event.kind is Kind.FLAPPING:
        head = f"flapping, {event.flips} starts and ends of outages within 24 h: {label}"
        quiet = "Nothing more is announced until it has been still for 6 h."
        return Worded(head, (quiet,), tuple(links))
    if event.kind is Kind.STEADY:
        head = f"steady again after {_count(event.outages, 'outage')}, {_since(outage)}: {label}"
        is_down = outage is not None and outage.ended_at is None
        return Worded(head, _state(connector) if is_down else (), tuple(links))
    assert outage is not None
    if event.kind in (Kind.OVER, Kind.PAST):
        return Worded(f"{_ended(outage)}: {label}", _course(outage), tuple(links))
    since = f"down since {minute(outage.started_at)} ({_age(outage, now)})"
    return Worded(f"{outage.health}: {label}", (since, *_state(connector)), tuple(links))


def _label(connector: Connector) -> str:
    name, key = harmless(connector.name), harmless(connector.connector_id)
    parts = [name if name == key else f"{name} ({key})"]
    if service := connector.service_name or connector.service:
        parts.append(harmless(service))
    if group := connector.group_name or connector.group_id:
        parts.append(f"group {harmless(group)}")
    if connector.owner:
        parts.append(f"owner {harmless(connector.owner)}")
    if connector.tier:
        parts.append(f"tier {harmless(connector.tier)}")
    return ", ".join(parts)


def _state(connector: Connector) -> tuple[str, ...]:
    at = connector.succeeded_at
    success = f"last success {minute(at)}" if at else "no success so far"
    reason = harmless(times.localize(connector.reason), _REASON)
    return (
        (f"{reason}; {success}" if "success" not in reason else reason,) if reason else (success,)
    )


def _ended(outage: Outage) -> str:
    if outage.ended_at is None:
        return "over"
    length = times.format_duration(_minutes(outage.started_at, outage.ended_at))
    return f"{_CLOSED.get(outage.closed_by or '', 'over')} after {length}"


def _course(outage: Outage) -> tuple[str, ...]:
    if outage.ended_at is None:
        return (f"down since {minute(outage.started_at)}; its end is no longer in the history",)
    through = ", then ".join(outage.path)
    return (f"{through} from {minute(outage.started_at)} to {minute(outage.ended_at)}",)


def _since(outage: Outage | None) -> str:
    if outage is None:
        return "up"
    return (
        f"{_SINCE.get(outage.closed_by, 'up')} since {minute(outage.ended_at or outage.started_at)}"
    )


# --- several connectors ---------------------------------------------------------------------


def _cluster(item: Item, now: datetime) -> Worded:
    count = _count(len(item.events), "connector")
    where = place(item)
    outage = item.events[0].outage
    if item.kind is Kind.FLAPPING:
        head = f"{where}: {count} flapping"
    elif item.kind is Kind.STEADY:
        head = f"{where}: {count} steady again, {_since(outage)}"
    elif outage is None:
        head = f"{where}: {count}"
    elif item.kind in (Kind.OVER, Kind.PAST):
        head = f"{where}: {count} {_ended_together(outage)}"
    else:
        since = f"since {minute(outage.started_at)} ({_age(outage, now)})"
        if is_broken_destination(item):
            head = f"{where} broken: {count} down {since}"
        else:
            head = f"{where}: {count} {_healths(item)} {since}"
    return Worded(f"{head}: {_names(item)}", _owners(item))


def place(item: Item) -> str:
    """Name the destination or service that an item is about."""
    connector = item.events[0].connector
    assert connector is not None
    assert item.place is not None
    what, _, key = item.place
    if what == SERVICE:
        return f"service {harmless(connector.service_name or key)}"
    kind = f" ({harmless(connector.destination_service)})" if connector.destination_service else ""
    return f"destination {harmless(connector.group_name or key)}{kind}"


def _healths(item: Item) -> str:
    found = Counter(event.outage.health for event in item.events if event.outage)
    return " or ".join(name for name, _ in found.most_common())


def _ended_together(outage: Outage) -> str:
    how = _CLOSED.get(outage.closed_by or "", "over")
    return f"{how} since {minute(outage.ended_at)}" if outage.ended_at else how


def _names(item: Item) -> str:
    names = [harmless(event.connector.name) for event in item.events if event.connector]
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _owners(item: Item) -> tuple[str, ...]:
    owners = sorted({e.connector.owner for e in item.events if e.connector and e.connector.owner})
    if not owners:
        return ()
    more = f" and {len(owners) - _NAMES:,} more" if len(owners) > _NAMES else ""
    return (f"owner {', '.join(map(harmless, owners[:_NAMES]))}{more}",)


# --- counts and times -----------------------------------------------------------------------


def minute(at: datetime) -> str:
    """Format a time in the user's zone, to the minute."""
    return times.localize(times.format_utc(at, timespec="minutes"))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _age(outage: Outage, now: datetime) -> str:
    return times.format_duration(_minutes(outage.started_at, now))


def _minutes(since: datetime, until: datetime) -> int:
    return max(0, int((until - since).total_seconds()) // 60)


def counts(items: Iterable[Item]) -> list[str]:
    """Say how many connectors or problems there are of each kind, for a title."""
    found: Counter[Kind] = Counter()
    for item in items:
        found[item.kind] += len(item.events)
    words = {
        Kind.DOWN: ("connector down", "connectors down"),
        Kind.FLAPPING: ("flapping", "flapping"),
        Kind.STILL_DOWN: ("still down", "still down"),
        Kind.OVER: ("over", "over"),
        Kind.STEADY: ("steady again", "steady again"),
        Kind.PAST: ("down meanwhile", "down meanwhile"),
        Kind.DATA_PROBLEM: ("problem of the inventory", "problems of the inventory"),
        Kind.DATA_PROBLEM_AGAIN: (
            "problem of the inventory lasts",
            "problems of the inventory last",
        ),
        Kind.DATA_PROBLEM_OVER: (
            "problem of the inventory over",
            "problems of the inventory over",
        ),
    }
    return [f"{found[kind]:,} {words[kind][found[kind] != 1]}" for kind in Kind if found[kind]]
