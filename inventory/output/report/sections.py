"""The parts of the page, as what the template shows: counts, lists, and what is left out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from inventory.health import DOWN, REMOVED, SHOWN, UNOBSERVED, WORST_FIRST
from inventory.output import happenings
from inventory.output.happenings import Wording
from inventory.output.health_marks import TONES, mark
from inventory.output.report.content import Content, Row, Rows
from inventory.output.report.strips import short_date

DOWN_SHOWN, ACTION_SHOWN, FINDINGS_SHOWN, CHANGES_SHOWN = 250, 250, 100, 250
_MEANINGS = {rule.name: rule.meaning for rule in SHOWN}
_NEEDS_ACTION = 2  # the severity
_WORDING = Wording(arrow="→")
_LONGEST = 160  # characters of one change

# What the findings of `findings.sql` mean, as a heading.
_FINDINGS = {
    "incomplete": "Setup never finished",
    "paused": "Paused for long",
    "never_synced": "Never synced",
    "dormant": "No success for long, and no schedule",
    "trial_pause": "Pauses when its trial ends",
    "same_source": "Same source read twice",
    "creator_gone": "Creator was deleted",
}


class Capped(NamedTuple):
    """The first rows of a list, and how many are left out."""

    rows: Sequence[Any]
    left_out: int

    @property
    def total(self) -> int:
        return len(self.rows) + self.left_out


def capped(rows: Sequence[Any], limit: int) -> Capped:
    return Capped(rows[:limit], max(0, len(rows) - limit))


# --- health ---------------------------------------------------------------------------------


class HealthCount(NamedTuple):
    health: str
    meaning: str
    connectors: int


def health_counts(content: Content) -> list[HealthCount]:
    """Count the connectors by health, the worst first; also those that were removed.

    Includes each health of the past days, of which the strips show the letter.
    """
    found = Counter(row["health"] for row in content.connectors)
    drawn = {day.health for days in content.daily.values() for day in days if day.health}
    occurring = dict.fromkeys([*WORST_FIRST, *sorted(found.keys() | drawn)])
    return [
        HealthCount(name, _MEANINGS.get(name, ""), found[name])
        for name in occurring
        if found[name] or name in drawn
    ]


class ToneCount(NamedTuple):
    """The connectors of one tone, with the share that they are, for a bar."""

    tone: str
    words: str
    connectors: int
    start: float
    width: float


_TONE_WORDS = {
    "down": "down",
    "act": "need action",
    "look": "worth a look",
    "well": "well",
    "idle": "paused or removed",
}


def tone_counts(content: Content) -> list[ToneCount]:
    """Count the connectors by tone."""
    found = Counter(mark(row["health"]).tone for row in content.connectors)
    total, counts, start = max(1, len(content.connectors)), [], 0.0
    for tone in TONES:
        width = found[tone] / total
        counts.append(ToneCount(tone, _TONE_WORDS[tone], found[tone], start, width))
        start += width
    return counts


class DownOnDay(NamedTuple):
    """How many connectors were down on a day, with the height of a column from 0 to 1."""

    label: str
    connectors: int
    height: float
    is_observed: bool  # False: no run observed any of it, so that 0 means nothing

    @property
    def brief(self) -> str:
        """The number, short enough for a narrow column; nothing for 0."""
        if self.connectors < 1000:
            return str(self.connectors or "")
        return f"{round(self.connectors / 1000)}k"

    @property
    def words(self) -> str:
        return f"{self.label} {self.connectors if self.is_observed else 'nothing observed'}"


def down_by_day(content: Content) -> list[DownOnDay]:
    """Count for each day the connectors that were down at any time of it."""
    found = Counter(
        each.day for days in content.daily.values() for each in days if each.health in DOWN
    )
    most = max(found.values(), default=1)
    observed = {each.day for days in content.daily.values() for each in days if each.health}
    return [
        DownOnDay(short_date(day), found[day], found[day] / most, day in observed)
        for day in content.days
    ]


# --- lists ----------------------------------------------------------------------------------


def existing(content: Content) -> Rows:
    return [row for row in content.connectors if row["health"] not in REMOVED]


def down(content: Content) -> Capped:
    return capped([row for row in content.connectors if row["is_down"]], DOWN_SHOWN)


def unobserved(content: Content) -> Rows:
    """Return the connectors whose present health no run has observed."""
    return [row for row in content.connectors if row["health"] == UNOBSERVED.name]


def down_when_last_observed(content: Content) -> Capped:
    """Return those of them that were down; nobody knows whether they still are."""
    return capped(
        [row for row in unobserved(content) if row["observed_health"] in DOWN], DOWN_SHOWN
    )


def needs_action(content: Content) -> Capped:
    """Return the connectors that need action, though they are observed and not down."""
    rows = [
        row
        for row in content.connectors
        if row["severity"] == _NEEDS_ACTION and row["health"] != UNOBSERVED.name
    ]
    return capped(rows, ACTION_SHOWN)


def broken_destinations(content: Content) -> Rows:
    return [row for row in content.destinations if row["is_broken"]]


def findings(content: Content) -> list[tuple[str, Capped]]:
    """Return the findings by kind, with a heading for each."""
    by_kind: dict[str, Rows] = defaultdict(list)
    for row in content.findings:
        by_kind[row["finding"]].append(row)
    return [
        (_FINDINGS.get(kind, kind), capped(rows, FINDINGS_SHOWN)) for kind, rows in by_kind.items()
    ]


class Change(NamedTuple):
    """What one run saw change about one connector."""

    row: Row
    at: datetime
    what: list[str]


def changes(content: Content) -> Capped:
    """Return what changed, by run and connector, the newest first."""
    found: dict[tuple[datetime, str], Change] = {}
    for row in content.changes:
        if words := _words(row):
            key = (row["changed_at"], row["connector_id"])
            change = found.setdefault(key, Change(row, row["changed_at"], []))
            # What the other fields come to is said first.
            change.what.insert(0 if row["field"] == "health" else len(change.what), words)
    newest_first = sorted(found.values(), key=lambda each: each.at, reverse=True)
    return capped(newest_first, CHANGES_SHOWN)


def _words(change: Row) -> str:
    """Describe a change; "" for what is no news: what the first run saw, and new setup tests."""
    if change["kind"] == "created":
        is_news = change["table_name"] == "connectors" and change["changed_after"] is not None
        return "appeared" if is_news else ""
    happening = happenings.describe(change, _WORDING)
    words = ": ".join(filter(None, (happening.what, happening.how)))
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


# --- owners ---------------------------------------------------------------------------------


def owners(rows: Iterable[Row]) -> dict[str, str]:
    """Name the owner of each connector: its tag, or else who created it.

    Names are short, unless two owners would have one name.
    """
    full = {
        row["connector_id"]: row["owner"] or row["creator"] or row["connected_by"] or ""
        for row in rows
    }
    people: dict[str, set[str]] = defaultdict(set)
    for name in full.values():
        people[_short(name)].add(name)
    return {
        key: _short(name) if len(people[_short(name)]) == 1 else name for key, name in full.items()
    }


def _short(creator: str) -> str:
    """Return the name without the address, or the address if there is no name."""
    name, _, address = creator.rpartition("<")
    return name.strip() or address.removesuffix(">")
