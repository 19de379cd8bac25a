"""Everything that the report shows, read from one snapshot."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, select

from inventory.db.errors import display_url
from inventory.db.session import now
from inventory.health import REMOVED
from inventory.models import ACCOUNTS
from inventory.output.report.content import Content
from inventory.queries.base import Row, Rows, fetch, view
from inventory.queries.changes import list_changes
from inventory.queries.checks import data_problems
from inventory.queries.connectors import OWNER_COLUMNS, located, owned, status
from inventory.queries.daily_health import daily_health
from inventory.queries.findings import list_findings
from inventory.queries.incidents import list_incidents
from inventory.queries.latest_runs import latest_runs

_COLUMNS = (
    *("account_id", "reason", "health_since", "down_since", "removed_at", "observed_health"),
    *OWNER_COLUMNS,
)
_RELIABILITY_DAYS = 30  # of the views availability_30d and service_reliability
_CHANGES_DAYS = 7  # more would be too long to read
# It changes with every sync; what it means is in the health.
_ROUTINE_FIELDS = ("sync_state",)


def report(
    connection: Connection,
    *,
    days: int,
    groups: Collection[str] = (),
    services: Collection[str] = (),
    owners: Collection[str] = (),
) -> Content:
    """Read what the report of the last days shows, today (UTC) included.

    A connector is left out if it matches none of the groups, services or owners that are given.
    """
    present = now(connection)
    today = present.date()
    first_day = today - timedelta(days=days - 1)
    known = status(connection, _COLUMNS)
    chosen = owned(located(known, services=services, groups=groups), owners)
    ids = {row["connector_id"] for row in chosen}

    def of_chosen(rows: Rows) -> Rows:
        return [row for row in rows if row["connector_id"] in ids]

    daily = daily_health(connection, first_day=first_day, last_day=today, connector_ids=sorted(ids))
    begin = datetime.combine(first_day, time(), UTC)
    reliability_begin = present - timedelta(days=_RELIABILITY_DAYS)
    incidents = of_chosen(list_incidents(connection, since=min(begin, reliability_begin)))
    availability = of_chosen(fetch(connection, select(view("availability_30d"))))
    changes_begin = max(begin, present - timedelta(days=_CHANGES_DAYS))
    changes = list_changes(connection, since=changes_begin, but_fields=_ROUTINE_FIELDS)
    runs = latest_runs(connection)
    return Content(
        now=present,
        database=display_url(connection.engine),
        days=[first_day + timedelta(days=number) for number in range(days)],
        filters={"group": [*groups], "service": [*services], "owner": [*owners]},
        accounts=_account_names(connection),
        runs=runs,
        problems=[*data_problems(connection, runs, known)],
        connectors=[row for row in chosen if _existed(row, begin)],
        daily=daily,
        availability={row["connector_id"]: row for row in availability},
        destinations=_destinations(connection, chosen),
        incidents=[row for row in incidents if _ended_after(row, begin)],
        services=_services(chosen, availability, incidents, reliability_begin),
        changes=of_chosen(changes),
        changes_since=changes_begin,
        findings=of_chosen(list_findings(connection)),
    )


def _account_names(connection: Connection) -> dict[str, str | None]:
    names = fetch(connection, select(ACCOUNTS.c.account_id, ACCOUNTS.c.account_name))
    return {row["account_id"]: row["account_name"] for row in names}


def _destinations(connection: Connection, connectors: Rows) -> Rows:
    groups = {row["group_id"] for row in connectors}
    destinations = fetch(connection, select(view("destination_health")))
    return [row for row in destinations if row["group_id"] in groups]


def _existed(row: Row, begin: datetime) -> bool:
    return row["health"] not in REMOVED or row["removed_at"] > begin


def _ended_after(incident: Row, at: datetime) -> bool:
    return incident["ended_at"] is None or incident["ended_at"] > at


def _services(connectors: Rows, availability: Rows, incidents: Rows, begin: datetime) -> Rows:
    """Return one row per service, the least available first: what service_reliability shows.

    The view has no rows of some connectors only, so theirs are added up here.
    """
    existing = _by_service(row for row in connectors if row["health"] not in REMOVED)
    measured, outages = _by_service(availability), _by_service(incidents)
    names = {row["service"]: row["service_name"] for row in connectors}
    rows = [
        {"service": service, "service_name": name}
        | _counts(existing[service], outages[service], begin)
        | {"availability": _availability(measured[service])}
        for service, name in names.items()
        if existing[service] or measured[service]
    ]
    return sorted(rows, key=_worst_first)


def _worst_first(row: Row) -> tuple[Any, ...]:
    """Sort by availability; what was never observed comes last."""
    availability = row["availability"]
    return availability is None, availability or 0, row["service"] or ""


def _by_service(rows: Iterable[Row]) -> dict[str | None, Rows]:
    found: dict[str | None, Rows] = defaultdict(list)
    for row in rows:
        found[row["service"]].append(row)
    return found


def _counts(connectors: Rows, outages: Rows, begin: datetime) -> Row:
    recovered = [
        row["minutes"]
        for row in outages
        if row["closed_by"] == "recovered" and row["ended_at"] > begin
    ]
    return {
        "connectors": len(connectors),
        "down_now": sum(row["is_down"] for row in connectors),
        "incidents": sum(row["started_at"] > begin for row in outages),
        "recovered": len(recovered),
        "mttr_minutes": round(sum(recovered) / len(recovered), 1) if recovered else None,
    }


def _availability(measured: Rows) -> float | None:
    """Return the share of the observed time; connectors that existed for longer count for more."""
    observed = sum(row["observed_minutes"] for row in measured)
    return sum(row["up_minutes"] for row in measured) / observed if observed else None
