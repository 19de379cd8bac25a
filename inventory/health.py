"""The health rules, as data: each connector has the health of the first rule that matches.

A rule's condition is SQL over the facts of a connector at the time of a run (see
`inventory.sync.judge`), where states are in lower case. This module imports only the standard
library, because `--help` lists the names.
"""

from hashlib import blake2b
from typing import NamedTuple


class HealthRule(NamedTuple):
    """A health and the condition for it.

    `severity`: 3 = down, 2 = needs action, 1 = worth a look, 0 = normal.
    """

    name: str
    is_down: bool
    severity: int
    condition: str
    meaning: str


RULES = (
    HealthRule(
        "deleted",
        False,
        0,
        "removed_reason = 'deleted'",
        "the API reports that it no longer exists",
    ),
    HealthRule(
        "not_visible",
        False,
        1,
        "removed_reason = 'not_visible'",
        "the API key can no longer see it",
    ),
    HealthRule("paused", False, 0, "paused or sync_state = 'paused'", "paused by a user"),
    HealthRule("incomplete", False, 1, "setup_state = 'incomplete'", "setup not finished"),
    HealthRule("broken", True, 3, "setup_state = 'broken'", "setup no longer works"),
    HealthRule(
        "destination_broken",
        True,
        3,
        "destination_status = 'broken'",
        "the setup of its destination no longer works",
    ),
    HealthRule(
        "unknown",
        False,
        2,
        "setup_state is null or setup_state <> 'connected'",
        "setup state missing or not recognised",
    ),
    HealthRule(
        "initial_sync",
        False,
        0,
        "sync_state = 'syncing' and never_succeeded",
        "first sync in progress",
    ),
    HealthRule(
        "historical_sync",
        False,
        0,
        "sync_state = 'syncing' and is_historical_sync",
        "historical re-sync in progress",
    ),
    HealthRule(
        "blocked",
        False,
        2,
        "substr(schema_status, 1, 7) = 'blocked'",
        "schema changes of the source need a decision",
    ),
    HealthRule(
        "stalled",
        True,
        3,
        "sync_state = 'rescheduled' and schedule_type = 'manual' and rescheduled_for < now",
        "sync was rescheduled, the schedule is manual, and no sync was started since",
    ),
    HealthRule("failing", True, 3, "last_sync_failed", "the last completed sync failed"),
    HealthRule("delayed", True, 3, "update_state = 'delayed'", "the API reports a delay"),
    HealthRule(
        "stale",
        True,
        3,
        "due_at < now",
        "no successful sync for two schedule intervals plus one hour, or for slo_minutes",
    ),
    # Below every rule that means down: an open task must not hide that a connector is overdue.
    HealthRule("action_required", False, 2, "has_tasks", "a task is open"),
    HealthRule("never_synced", False, 1, "never_succeeded", "no sync has succeeded yet"),
    HealthRule("rescheduled", False, 1, "sync_state = 'rescheduled'", "sync was rescheduled"),
    HealthRule("warning", False, 1, "has_warnings", "a warning is open"),
    HealthRule("healthy", False, 0, "true", "no problem found"),
)

NAMES = tuple(rule.name for rule in RULES)
DOWN = tuple(rule.name for rule in RULES if rule.is_down)
# Rules that start to match because time passes, and the column with that time.
TIMED = {"stalled": "rescheduled_for", "stale": "due_at"}
# The health of removed connectors; all others are stored in connector_status.
REMOVED = ("deleted", "not_visible")

# Shown instead of a stored health that may no longer be true. No run stores it.
UNOBSERVED = HealthRule(
    "unobserved",
    False,
    2,
    "",
    "a deadline passed since the last complete run, or the next run is overdue",
)
SHOWN = (*RULES, UNOBSERVED)
SEVERITIES = {rule.name: rule.severity for rule in SHOWN}
# By severity, then in the order of the rules.
WORST_FIRST = tuple(
    rule.name for rule in sorted(SHOWN, key=lambda rule: rule.severity, reverse=True)
)


def digest_of(rules: list[tuple[str, bool, str]]) -> str:
    """Return a digest of these rules (name, is_down, condition)."""
    return blake2b(repr(rules).encode(), digest_size=8).hexdigest()


# Stored with each run: the first run with other rules judges every connector.
RULES_DIGEST = digest_of([(rule.name, rule.is_down, rule.condition) for rule in RULES])


def rank(name: str) -> int:
    """Return the position of a health in the order of the rules, from 1."""
    return NAMES.index(name) + 1


def case(values: dict[str, object]) -> str:
    """Return an SQL expression that maps the column `health` to these values."""
    arms = "".join(f" when '{name}' then {value}" for name, value in values.items())
    return f"case health{arms} end"


_TIMED_RULES = [rule for rule in RULES if rule.name in TIMED]
_BELOW = {rule.name: f"health in {NAMES[rank(rule.name) :]}" for rule in _TIMED_RULES}
# True if a time has passed that the stored `health` does not reflect yet. TIME_HAS_PASSED needs
# only the columns of connector_status, so it is cheap to test first.
TIME_IS_UP = " or ".join(f"({rule.condition}) and {_BELOW[rule.name]}" for rule in _TIMED_RULES)
TIME_HAS_PASSED = " or ".join(f"{TIMED[name]} < now and {below}" for name, below in _BELOW.items())
# True if the stored `health` does not reflect how its destination is now.
DESTINATION_DIFFERS = (
    f"health in {NAMES[rank('destination_broken') - 1 :]}"
    " and (health = 'destination_broken') <> (coalesce(destination_status, '') = 'broken')"
)
# The health, as an expression over the facts.
HEALTH_SQL = (
    "case" + "".join(f"\n when {rule.condition} then '{rule.name}'" for rule in RULES) + " end"
)
IS_DOWN = f"health in {DOWN}"
