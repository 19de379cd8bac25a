"""Puts news about connectors of one destination or service into one item of a message. Pure."""

import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from inventory.notify.events import Event, Kind

Place = tuple[str, str, str]  # destination or service, of an account, its id

DESTINATION, SERVICE = "destination", "service"


class Item(NamedTuple):
    """What one line of a message is about: one event, or several at one place."""

    kind: Kind
    events: tuple[Event, ...]
    place: Place | None = None


def is_broken_destination(item: Item) -> bool:
    """Say whether the destination itself took these connectors down."""
    return all(map(_has_broken_destination, item.events))


def items(events: Iterable[Event]) -> Iterator[Item]:
    """Yield the items of a message, the most urgent kind first; within a kind the largest first."""
    of_kind: dict[Kind, list[Event]] = defaultdict(list)
    for event in events:
        of_kind[event.kind].append(event)
    for kind in Kind:
        found = [item for alike in _alike(of_kind[kind]) for item in _clusters(kind, alike)]
        yield from sorted(found, key=_order)


def _order(item: Item) -> tuple[object, ...]:
    """The largest first, then what has lasted longest."""
    outage = item.events[0].outage
    started_at = outage.started_at.isoformat() if outage else ""
    return -len(item.events), started_at, _name(item.events[0])


def _alike(events: Iterable[Event]) -> Iterable[Sequence[Event]]:
    """Divide events of one kind by what one line can say of all of them."""
    found: dict[Hashable, list[Event]] = defaultdict(list)
    for event in events:
        found[_common(event)].append(event)
    return found.values()


def _common(event: Event) -> Hashable:
    """Return when and how: outages that one run saw begin, or end in the same way, are alike."""
    outage = event.outage
    if event.kind is Kind.FLAPPING or outage is None:
        return None
    if event.kind in (Kind.DOWN, Kind.STILL_DOWN):
        return outage.started_at, _has_broken_destination(event)
    return outage.ended_at, outage.closed_by


def _clusters(kind: Kind, events: Sequence[Event]) -> Iterator[Item]:
    """Yield the largest place of at least two connectors, then that of the rest, and so on.

    Of places of one size, a service says more than a destination.
    """
    left = {position: event for position, event in enumerate(events) if event.connector is not None}
    at: dict[Place, list[int]] = defaultdict(list)
    for position, event in left.items():
        for place in _places(event):
            at[place].append(position)
    # Sizes only shrink, so that a place whose size is outdated is put back.
    heap = [(-len(positions), place[0] != SERVICE, place) for place, positions in at.items()]
    heapq.heapify(heap)
    while heap:
        size, is_wide, place = heapq.heappop(heap)
        present = [position for position in at[place] if position in left]
        if len(present) < 2:
            continue
        if len(present) < -size:
            heapq.heappush(heap, (-len(present), is_wide, place))
            continue
        yield Item(kind, _by_name(left.pop(position) for position in present), place)
    for event in events:
        if event.connector is None:
            yield Item(kind, (event,))
    for event in left.values():
        yield Item(kind, (event,))


def _places(event: Event) -> Iterator[Place]:
    connector = event.connector
    assert connector is not None
    account = connector.account_id or ""
    if connector.group_id:
        yield DESTINATION, account, connector.group_id
    if connector.service and not _has_broken_destination(event):
        yield SERVICE, account, connector.service


def _has_broken_destination(event: Event) -> bool:
    return event.outage is not None and event.outage.health == "destination_broken"


def _by_name(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=_name))


def _name(event: Event) -> tuple[str, str]:
    connector = event.connector
    return (connector.name, connector.connector_id) if connector else ("", "")
