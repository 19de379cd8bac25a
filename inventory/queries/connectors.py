"""The status of each connector: its health now, since when, and why."""

import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select

from inventory.errors import ConfigurationError
from inventory.health import REMOVED, WORST_FIRST
from inventory.queries.base import Row, Rows, fetch, view
from inventory.suggestions import did_you_mean

_ALWAYS = (
    *("connector_id", "schema_name", "service", "service_name", "group_id", "group_name"),
    *("health", "severity", "is_down"),
)
OWNER_COLUMNS = ("owner", "connected_by", "creator")
_CREATOR = re.compile(r"(.*?)\s*(?:<([^<>]*)>)?", re.DOTALL)
_WORST_FIRST = {name: position for position, name in enumerate(WORST_FIRST)}


def status(
    connection: Connection, columns: Collection[str] = (), *, connector_id: str | None = None
) -> Rows:
    """Return one row per connector ever seen, or only that one.

    The most severe health comes first; within a severity, rows are in the order of the rules,
    then by group and name. `columns` limits the columns; without it, all are returned. The columns
    that identify and sort a row are always included.
    """
    health = view("connector_health")
    names = list(dict.fromkeys((*_ALWAYS, *columns))) if columns else list(health.c.keys())
    statement = select(*(health.c[name] for name in names))
    if connector_id is not None:
        statement = statement.where(health.c.connector_id == connector_id)
    return sorted(fetch(connection, statement), key=worst_first)


def worst_first(row: Row) -> tuple[Any, ...]:
    # Sorted in Python, because each database has a collation of its own.
    return -row["severity"], _WORST_FIRST.get(row["health"], 0), *sort_key(row)


def sort_key(row: Row) -> tuple[str, ...]:
    """Order rows about connectors by group and name."""
    return row["group_id"] or "", row["schema_name"] or "", row["connector_id"]


def filter_rows(rows: Rows, *, down: bool = False, health: Collection[str] = ()) -> Rows:
    """Keep the rows of `status` that match every filter.

    Removed connectors are left out, unless `health` names their health.
    """
    return [
        row
        for row in rows
        if (row["health"] in health if health else row["health"] not in REMOVED)
        and (row["is_down"] or not down)
    ]


def not_well(rows: Rows) -> Rows:
    """Keep the rows that somebody should look at, sooner or later."""
    return [row for row in rows if row["severity"] > 0]


def located(rows: Rows, *, services: Collection[str] = (), groups: Collection[str] = ()) -> Rows:
    """Keep the rows about connectors of one of these services and one of these groups.

    Each is an id or a name, the name in any case; none means all.
    """
    services, groups = set(map(str.casefold, services)), set(map(str.casefold, groups))
    return [
        row
        for row in rows
        if (not services or _is_named(row, "service", services))
        and (not groups or _is_named(row, "group", groups))
    ]


def matching(
    connection: Connection, rows: Rows, *, owners: Collection[str] = (), **place: Collection[str]
) -> Rows:
    """Keep the rows about connectors that match every filter.

    For `place` see `located`, for `owners` see `owned`: their tags count as they are now.
    """
    rows = located(rows, **place)
    if not owners:
        return rows
    ids = {row["connector_id"] for row in owned(status(connection, OWNER_COLUMNS), owners)}
    return [row for row in rows if row["connector_id"] in ids]


def owned(rows: Rows, owners: Collection[str]) -> Rows:
    """Keep the rows of `status` whose connector one of these owns; none means all.

    Each is the tag `owner` of a connector or, where it has none, the id, name or e-mail address of
    the user who created it; in any case. The rows need the OWNER_COLUMNS.
    """
    owners = set(map(str.casefold, owners))
    return [row for row in rows if not owners or not owners.isdisjoint(_owners(row))]


def require_owners(rows: Rows, owners: Collection[str]) -> None:
    """Raise ConfigurationError for an owner of none of these rows, such as a mistyped one."""
    known = [_owners(row) for row in rows]
    for owner in owners:
        if not any(owner.casefold() in names for names in known):
            hint = did_you_mean(owner, set().union(*known)) or "`inventory tag list` lists owners."
            raise ConfigurationError(f"No connector has the owner {owner}. {hint}")


def _owners(row: Row) -> set[str]:
    return {row["owner"].casefold()} if row["owner"] else _creators(row)


def _creators(row: Row) -> set[str]:
    """Return what the creator is called: `creator` is a name, an address in <>, or both."""
    found = _CREATOR.fullmatch(row["creator"] or "")
    names = (row["connected_by"], *(found.groups() if found else ()))
    return {text.casefold() for text in names if text}


def _is_named(row: Row, what: str, names: Collection[str]) -> bool:
    found = (row.get(column) for column in (what, f"{what}_id", f"{what}_name"))
    return any(text is not None and text.casefold() in names for text in found)
