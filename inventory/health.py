"""Health: the one word that a connector's facts come to, as data. First match wins.

Each rule is a condition in SQL over the facts at the instant of a run, which judges by them (see
`inventory.judge`). Only what the standard library offers is used here: `--help` lists the words.
"""

from hashlib import blake2b
from typing import NamedTuple


class Health(NamedTuple):
    """A value and the condition it comes from.

    `severity`: 3 = down, 2 = somebody must act, 1 = worth a look, 0 = as it should be.
    """

    name: str
    is_down: bool
    severity: int
    condition: str
    meaning: str


RULES = (
    Health("deleted", False, 0, "removed_reason = 'deleted'", "the API says that it is gone"),
    Health("not_visible", False, 1, "removed_reason = 'not_visible'", "it is hidden from this key"),
    Health("paused", False, 0, "paused or sync_state = 'paused'", "somebody paused it"),
    Health("incomplete", False, 1, "setup_state = 'incomplete'", "its setup was never finished"),
    Health("broken", True, 3, "setup_state = 'broken'", "its setup no longer works"),
    Health(
        "unknown",
        False,
        2,
        "setup_state is null or setup_state <> 'connected'",
        "its setup state was not told, or is none that is known",
    ),
    Health(
        "initial_sync",
        False,
        0,
        "sync_state = 'syncing' and succeeded_at is null",
        "its first sync is under way",
    ),
    Health(
        "historical_sync",
        False,
        0,
        "sync_state = 'syncing' and is_historical_sync",
        "it syncs its history anew",
    ),
    Health(
        "blocked",
        False,
        2,
        "substr(schema_status, 1, 7) = 'blocked'",
        "changes of the source's schema wait for somebody",
    ),
    Health(
        "stalled",
        True,
        3,
        "sync_state = 'rescheduled' and schedule_type = 'manual' and rescheduled_for < now",
        "its sync was put off, its schedule is manual, and nobody has started it",
    ),
    Health("failing", True, 3, "last_sync_failed", "its last sync to end failed"),
    Health("delayed", True, 3, "update_state = 'delayed'", "the API says that it is late"),
    Health(
        "stale",
        True,
        3,
        "due_at < now",
        "no success for two intervals of its schedule and an hour, whatever else it says",
    ),
    # Below all that is down: a task that stays open must not hide that a connector is late.
    Health("action_required", False, 2, "has_tasks", "a task waits for somebody"),
    Health("never_synced", False, 1, "succeeded_at is null", "no sync of it ever succeeded"),
    Health("rescheduled", False, 1, "sync_state = 'rescheduled'", "its sync was put off"),
    Health("warning", False, 1, "has_warnings", "it has open warnings"),
    Health("healthy", False, 0, "true", "none of all this"),
)

NAMES = tuple(rule.name for rule in RULES)
DOWN = tuple(rule.name for rule in RULES if rule.is_down)
# Those that the passing of a time alone leads to, and the time that passes.
TIMED = {"stalled": "rescheduled_for", "stale": "due_at"}
# The words for a connector that is gone; the others are stored with its states.
REMOVED = ("deleted", "not_visible")

# What is shown in place of a stored word that nobody can vouch for now. No run stores it.
UNOBSERVED = Health(
    "unobserved",
    False,
    2,
    "",
    "no run has looked since its deadline passed, or the account's last complete run is late",
)
SHOWN = (*RULES, UNOBSERVED)


def edition(rules: list[tuple[str, bool, str]]) -> str:
    """Return what tells these rules (name, is_down, condition) from others."""
    return blake2b(repr(rules).encode(), digest_size=8).hexdigest()


# Stored with each run: the first run by other rules judges everybody.
EDITION = edition([(rule.name, rule.is_down, rule.condition) for rule in RULES])


def rank(name: str) -> int:
    """The place of a word in the order, from 1."""
    return NAMES.index(name) + 1


def case(values: dict[str, object]) -> str:
    """Return the expression for a number or truth that belongs to each word of `health`."""
    arms = "".join(f" when '{name}' then {value}" for name, value in values.items())
    return f"case health{arms} end"


_TIMED_RULES = [rule for rule in RULES if rule.name in TIMED]
_BELOW = {rule.name: f"health in {NAMES[rank(rule.name) :]}" for rule in _TIMED_RULES}
# Whether a time has passed that the stored word, `health`, does not know of yet. That it has passed
# is soon found out, by the states alone.
TIME_IS_UP = " or ".join(f"({rule.condition}) and {_BELOW[rule.name]}" for rule in _TIMED_RULES)
TIME_HAS_PASSED = " or ".join(f"{TIMED[name]} < now and {below}" for name, below in _BELOW.items())
# The word, as an expression over the facts.
WORD = "case" + "".join(f"\n when {rule.condition} then '{rule.name}'" for rule in RULES) + " end"
IS_DOWN = f"health in {DOWN}"
