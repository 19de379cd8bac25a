"""How a health is drawn: a letter and a tone. Color alone never carries a meaning."""

from typing import NamedTuple

from inventory.health import SHOWN


class Mark(NamedTuple):
    """A letter of its own, and the tone that sets color and height."""

    letter: str
    tone: str


TONES = ("down", "act", "look", "well", "idle")  # the worst first

_LETTERS = {
    "deleted": "X",
    "not_visible": "V",
    "paused": "P",
    "incomplete": "I",
    "broken": "B",
    "destination_broken": "D",
    "unknown": "?",
    "initial_sync": "1",
    "historical_sync": "Y",
    "blocked": "K",
    "stalled": "T",
    "failing": "F",
    "delayed": "L",
    "stale": "S",
    "action_required": "A",
    "never_synced": "N",
    "rescheduled": "R",
    "warning": "W",
    "healthy": "H",
    "unobserved": "U",
}
_IDLE = ("deleted", "not_visible", "paused")
_BY_SEVERITY = ("well", "look", "act", "down")

MARKS = {
    rule.name: Mark(
        _LETTERS[rule.name], "idle" if rule.name in _IDLE else _BY_SEVERITY[rule.severity]
    )
    for rule in SHOWN
}
_UNKNOWN = Mark("?", "act")


def mark(health: str) -> Mark:
    """Return the mark of a health, also of one that only a later release knows."""
    return MARKS.get(health, _UNKNOWN)
