"""Health: the one value that a connector's facts come to, as data. First match wins.

Each rule is a condition in SQL over the facts at an instant; the views put the facts together.
Only what the standard library offers is used here: `--help` lists the values, too.
"""

from collections.abc import Iterable
from typing import NamedTuple

from inventory.dialects import Dialect


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
        "schedule_type = 'auto' and freshness_deadline < now",
        "no success for two intervals of its schedule and an hour, whatever else it says",
    ),
    # Below all that is down: a task that stays open must not hide that a connector is late.
    Health("action_required", False, 2, "open_tasks > 0", "a task waits for somebody"),
    Health("never_synced", False, 1, "succeeded_at is null", "no sync of it ever succeeded"),
    Health("rescheduled", False, 1, "sync_state = 'rescheduled'", "its sync was put off"),
    Health("warning", False, 1, "open_warnings > 0", "it has open warnings"),
    Health("healthy", False, 0, "true", "none of all this"),
)

NAMES = tuple(rule.name for rule in RULES)
DOWN = tuple(rule.name for rule in RULES if rule.is_down)


def late_at(sql: Dialect, connectors: str = "", status: str = "") -> str:
    """Return the expression for when an automatic schedule is late: null where nobody can tell.

    That is after two intervals and an hour without a success. A `schedule` object may mean weekdays
    or a cron line. The names of the two tables go before their columns.
    """
    c, s = (f"{table}." if table else "" for table in (connectors, status))
    minutes = f"2 * {c}sync_frequency + 60"
    # Numbers and times without sense must not break every answer: they are not reckoned with.
    return f"""case
      when {c}schedule_type = 'auto' and {c}schedule is null
        and {c}sync_frequency between 1 and 525600 and {s}succeeded_at < '9990-01-01'
      then {sql.plus_minutes(f"{s}succeeded_at", minutes)}
    end"""


def scheduled_since(sql: Dialect, version: str) -> str:
    """Return the expression for since when a connector, in a version, was scheduled as it was.

    Null: always, as far as is known. Before that it had another deadline, or none.
    """
    differs = " or ".join(
        f"q.{name} {sql.differs} {version}.{name}"
        for name in ("schedule_type", "sync_frequency", "schedule")
    )
    return f"""(
      select max(q.valid_to) from connectors_past q
      where q.connector_id = {version}.connector_id and q.valid_to <= {version}.valid_from
        and ({differs}))"""


def freshness_deadline(sql: Dialect) -> str:
    """Return the expression for when it is late, over connectors c and their states s."""
    return f"""case
      when c.removed_at is not null or c.paused or s.sync_state = 'paused' then null
      when c.schedule_type = 'manual' and s.sync_state = 'rescheduled' then s.rescheduled_for
      else {late_at(sql, "c", "s")}
    end"""


# What a version of the states alone can tell, the conditions in their order.
BY_STATES = {"paused": "sync_state = 'paused'"} | {
    rule.name: rule.condition
    for rule in RULES
    if rule.name
    in {
        *("incomplete", "broken", "unknown", "historical_sync", "blocked"),
        *("failing", "delayed", "rescheduled"),
    }
}

# Versions in which something is the matter: few among many that only tell of syncs. There is an
# index of them; its condition and a question's must read alike.
EVENTFUL = (
    "(setup_state is null or setup_state <> 'connected'"
    " or sync_state = 'paused' or sync_state = 'rescheduled' or is_historical_sync"
    " or substr(schema_status, 1, 7) = 'blocked' or last_sync_failed or update_state = 'delayed')"
)


def rank(name: str) -> int:
    """The place of a value in the order, from 1."""
    return NAMES.index(name) + 1


def case(rules: Iterable[tuple[str, str]], *, ranks: bool = False) -> str:
    """Return the expression for the first of some (name, condition) that matches: name or rank."""
    arms = "".join(
        f"\n when {condition} then " + (str(rank(name)) if ranks else f"'{name}'")
        for name, condition in rules
    )
    return f"case{arms} end"


HEALTH = case((rule.name, rule.condition) for rule in RULES)


def is_down(health: str) -> str:
    """Return the expression for whether a health counts as down."""
    names = ", ".join(f"'{name}'" for name in DOWN)
    return f"{health} in ({names})"


def severity(health: str) -> str:
    arms = "".join(f"\n when '{rule.name}' then {rule.severity}" for rule in RULES)
    return f"case {health}{arms} end"
