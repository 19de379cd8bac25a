"""What a monitoring system asks: is something down, and are the data fresh enough to say so."""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from inventory import moments, questions
from inventory.health import DOWN, UNOBSERVED
from inventory.questions import Row, Rows

COLUMNS = (
    *("kind", "connector_id", "schema_name", "service", "group_id", "account_id"),
    *("since", "reason"),
)


def findings(
    connection: Connection,
    *,
    lasting: timedelta,
    health: Collection[str],
    max_age: timedelta | None,
) -> Rows:
    """Return one row per finding, the data's first; none = all is well.

    A finding about a connector is of the kind that its health is. Without `health`, it counts who
    is down, since the outage began; else who has such a health, since it has it.
    """
    wanted = ("account_id", "health_since", "down_since", "observed_health", "reason")
    rows, runs = questions.status(connection, wanted), questions.latest_runs(connection)
    data = _about_data(runs, rows, max_age)
    old = {finding["account_id"] for finding in data if finding["kind"] != "withheld"}
    late = {run["account_id"] for run in runs if run["is_late"]} - old
    vouched = _vouched(connection, rows, late)
    return [*data, *_about_connectors(connection, vouched, lasting, health)]


def line(finding: Row) -> str:
    """Say a finding in a line."""
    if finding["connector_id"] is None:
        return f"{finding['kind']}: {finding['reason']}"
    name = finding["schema_name"] or "without a name"
    return f"{finding['kind']}: {name} ({finding['connector_id']}): {finding['reason']}"


def _vouched(connection: Connection, rows: Rows, late: Collection[str | None]) -> Rows:
    """Let stand what a run saw down of accounts that are late, but not reported as such.

    With a --max-age beyond three usual intervals, it must not go unsaid in between.
    """
    known = [
        row["connector_id"]
        for row in rows
        if row["account_id"] in late and row["observed_health"] in DOWN and not row["is_down"]
    ]
    if not known:
        return rows
    outages = questions.incidents(connection, open_only=True, connector_ids=known)
    since = {row["connector_id"]: row["started_at"] for row in outages}
    return [
        row
        | {"health": row["observed_health"], "is_down": True}
        | {"health_since": at, "down_since": at}
        if (at := since.get(row["connector_id"]))
        else row
        for row in rows
    ]


def _about_connectors(
    connection: Connection, rows: Rows, lasting: timedelta, health: Collection[str]
) -> Rows:
    found = questions.chosen(rows, health=health) if health else questions.chosen(rows, down=True)
    since = "health_since" if health else "down_since"
    until = questions.now(connection) - lasting
    return [
        {name: row.get(name) for name in COLUMNS} | {"kind": row["health"], "since": row[since]}
        for row in found
        if row[since] <= until
    ]


def _about_data(runs: Rows, rows: Rows, max_age: timedelta | None) -> Rows:
    if not runs:
        return [_stale("no_data", None, None, "no run was ever complete: run `inventory sync`")]
    unobserved = Counter(row["account_id"] for row in rows if row["health"] == UNOBSERVED.name)
    return [
        finding
        for run in runs
        for finding in _about_account(run, unobserved[run["account_id"]], max_age)
    ]


def _about_account(run: Row, unobserved: int, max_age: timedelta | None) -> Iterator[Row]:
    account, at = run["account_id"], run["observed_at"]
    said = f"; the last attempt: {run['last_attempt_error']}" if run["last_attempt_error"] else ""
    if at is None:
        never = f"no run of account {account} was ever complete{said}"
        yield _stale("no_data", account, None, never)
        return
    too_old = run["is_late"] if max_age is None else timedelta(minutes=run["age_minutes"]) > max_age
    if too_old:
        age = moments.lasting(run["age_minutes"])
        are = "connector is" if unobserved == 1 else "connectors are"
        whom = f", and {unobserved:,} {are} unobserved" if unobserved else ""
        old = f"the last complete run of account {account} is {age} old{whom}{said}"
        yield _stale("old_data", account, at, old)
    if run["withheld"]:
        missing = f"{run['withheld']:,} connectors of account {account} are missing"
        advice = "so many are not believed to be gone: see `inventory sync --accept-removals`"
        yield _stale("withheld", account, run["withheld_since"], f"{missing}; {advice}")


def _stale(kind: str, account: str | None, since: datetime | None, reason: str) -> Row:
    known = {"kind": kind, "account_id": account, "since": since, "reason": reason}
    return dict.fromkeys(COLUMNS) | known
