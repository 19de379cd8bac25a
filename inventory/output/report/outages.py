"""Outages on a time axis, grouped by destination: who was down when, and how many at once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from inventory.output.report.content import Content, Row, Rows
from inventory.output.report.strips import short_date

# Connectors of a destination, those that were down the longest; and of all destinations.
SHOWN, SHOWN_IN_ALL = 25, 300
_TICKS = 6
_LAST_BEGIN = 0.997  # of a bar: one that has just begun can be seen


class Bar(NamedTuple):
    """One outage: where it begins and how wide it is, as shares of the axis."""

    start: float
    width: float
    is_open: bool
    words: str


class Line(NamedTuple):
    """The outages of one connector."""

    row: Row
    bars: list[Bar]
    minutes: int
    is_down: bool


class Group(NamedTuple):
    """The outages of one destination. `steps` draws how many were down, at most `most` at once."""

    destination: Row
    lines: list[Line]
    left_out: int
    outages: int
    most: int
    steps: str


class Axis:
    """The period of the report, from 0 to 1."""

    def __init__(self, content: Content) -> None:
        self.begin = datetime.combine(content.days[0], time(), UTC)
        self.end = content.now
        self._last_runs = {run["account_id"]: run["observed_at"] for run in content.runs}
        self._length = max(self.end - self.begin, timedelta(minutes=1))

    def place(self, at: datetime | None) -> float:
        """Return where a time is; None = now. What is outside is moved to the edge."""
        return min(1.0, max(0.0, ((at or self.end) - self.begin) / self._length))

    def observed_until(self, outage: Row) -> datetime | None:
        """Return the last run that saw an open outage; what it is since then, nobody knows."""
        return self._last_runs.get(outage["account_id"])

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield midnights, with the date of each."""
        days = max(1, self._length.days)
        step = max(1, -(-days // _TICKS))
        for number in range(0, days + 1, step):
            midnight = self.begin + timedelta(days=number)
            if self.place(midnight) < 1:
                yield self.place(midnight), short_date(midnight.date())


def groups(content: Content, axis: Axis) -> list[Group]:
    """Return the destinations that had outages, those with the most of them first."""
    destinations = {row["group_id"]: row for row in content.destinations}
    found: dict[str | None, Rows] = defaultdict(list)
    for incident in content.incidents:
        found[incident["group_id"]].append(incident)
    made, left = [], SHOWN_IN_ALL
    # All areas have one scale, or one connector would look like hundreds.
    most = max((_most(rows, axis) for rows in found.values()), default=0)
    for key, rows in sorted(found.items(), key=lambda each: (-len(each[1]), each[0] or "")):
        made.append(_group(destinations.get(key), rows, axis, min(SHOWN, left), most))
        left -= len(made[-1].lines)
    return made


def _most(incidents: Rows, axis: Axis) -> int:
    """Return how many were down at once, at most."""
    return max((count for _, count in _steps(incidents, axis)), default=0)


def _group(
    destination: Row | None, incidents: Rows, axis: Axis, shown: int, most_of_all: int
) -> Group:
    by_connector: dict[str, Rows] = defaultdict(list)
    for incident in incidents:
        by_connector[incident["connector_id"]].append(incident)
    lines = [_line(rows, axis) for rows in by_connector.values()]
    lines.sort(key=lambda line: (-line.minutes, line.row["connector_id"]))
    return Group(
        destination
        or dict.fromkeys(("service", "connectors", "down_now"))
        | {name: incidents[0][name] for name in ("group_id", "group_name")},
        lines[:shown],
        len(lines) - len(lines[:shown]),
        len(incidents),
        _most(incidents, axis),
        _path([*_steps(incidents, axis)], most_of_all),
    )


def _line(incidents: Rows, axis: Axis) -> Line:
    bars = [
        Bar(
            start := min(_LAST_BEGIN, axis.place(row["started_at"])),
            axis.place(row["ended_at"] or axis.observed_until(row)) - start,
            row["ended_at"] is None,
            f"{_minute(row['started_at'])} to {_minute(row['ended_at'])}: {row['path']}",
        )
        for row in incidents
    ]
    minutes = sum(_minutes_within(row, axis) for row in incidents)
    return Line(incidents[0], bars, minutes, any(bar.is_open for bar in bars))


def _minute(at: datetime | None) -> str:
    return f"{short_date(at.date())} {at:%H:%M}" if at else "now"


def _minutes_within(incident: Row, axis: Axis) -> int:
    started, ended = max(incident["started_at"], axis.begin), incident["ended_at"] or axis.end
    return max(0, int((ended - started).total_seconds()) // 60)


def _steps(incidents: Rows, axis: Axis) -> Iterator[tuple[float, int]]:
    """Yield each place where the number of connectors that are down changes, and the number."""
    changes: dict[float, int] = defaultdict(int)
    for row in incidents:
        changes[axis.place(row["started_at"])] += 1
        if row["ended_at"] is not None:
            changes[axis.place(row["ended_at"])] -= 1
    count = 0
    for place in sorted(changes):
        count += changes[place]
        yield place, count


def _path(changes: Sequence[tuple[float, int]], most: int) -> str:
    """Return the area below the steps, in a box of 1000 by 100."""
    path = "M0 100"
    for place, count in changes:
        path += f"H{place * 1000:.1f}V{100 - 100 * count / max(1, most):.1f}".replace(".0", "")
    return f"{path}H1000V100z"
