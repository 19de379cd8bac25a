"""Finds problems for a monitoring system: connectors that are down, data that is overdue."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from inventory import times
from inventory.db import session
from inventory.db.engine import CLOCK_TOLERANCE
from inventory.db.errors import display_url
from inventory.errors import AuthenticationError, is_retryable
from inventory.health import DOWN, REMOVED, UNOBSERVED
from inventory.queries.base import Row, Rows
from inventory.queries.channels import list_channels
from inventory.queries.connectors import OWNER_COLUMNS, filter_rows, owned, require_owners, status
from inventory.queries.incidents import list_incidents
from inventory.queries.latest_runs import latest_runs
from inventory.queries.runs import failures

Problem = Mapping[str, Any]
COLUMNS = (
    "problem_type",
    "connector_id",
    "schema_name",
    "service",
    "group_id",
    "account_id",
    "since",
    "reason",
    "database",
)
_OVERDUE_DATA = ("no_data", "overdue_data")
_CHANNEL_FAILS = timedelta(hours=24)  # after which a failing channel is reported
_FAILED_OFTEN = 3  # runs in a row after which temporary errors are reported


class Checked(NamedTuple):
    """The problems found now, those of the data first.

    `connectors` are the status rows of existing connectors of the owners; `runs` are the rows of
    latest_runs. `existing` are the ids of connectors that exist, whoever owns them.
    """

    problems: Rows
    connectors: Rows
    runs: Rows
    database: str
    existing: Set[str]

    @property
    def unobserved(self) -> set[str]:
        """Ids of the connectors whose present health no run has observed."""
        return {row["connector_id"] for row in self.connectors if row["health"] == UNOBSERVED.name}


def find_problems(
    connection: Connection,
    *,
    lasting: timedelta,
    health: Collection[str],
    max_age: timedelta | None,
    owners: Collection[str] = (),
) -> Checked:
    """Find the problems that a person should know of.

    Without `health`, a connector is a problem if it is down, since its outage began; with `health`,
    if it has one of these values, since it has had it. The kind of such a problem is the health.
    Raises ConfigurationError for one of the `owners` who owns nothing: nobody would be told.
    """
    wanted = ("account_id", "health_since", "down_since", "observed_health", "reason")
    rows, runs = status(connection, (*wanted, *OWNER_COLUMNS)), latest_runs(connection)
    require_owners(rows, owners)
    data = [*data_problems(connection, runs, rows, max_age)]
    # A run that also began in the future has no known age: treat its data as overdue.
    overdue = {each["account_id"] for each in data if each["problem_type"] in _OVERDUE_DATA}
    overdue |= {run["account_id"] for run in runs if run["age_minutes"] is None}
    tolerated = {run["account_id"] for run in runs if run["is_overdue"]} - overdue
    rows = _with_last_seen_outages(connection, rows, tolerated)
    chosen = owned(rows, owners)
    found = [
        *data,
        *_failing_channels(connection),
        *_about_connectors(connection, chosen, lasting, health),
    ]
    where = display_url(connection.engine)
    return Checked(
        [row | {"database": where} for row in found],
        [row for row in chosen if row["health"] not in REMOVED],
        runs,
        where,
        {row["connector_id"] for row in rows if row["health"] not in REMOVED},
    )


def lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Describe problems, each in one self-contained line, as for a mail; times in the user's zone.

    Connectors that one broken destination took down are one problem.
    """
    alike: dict[object, list[Problem]] = {}
    for number, problem in enumerate(problems):
        is_shared = problem["problem_type"] == "destination_broken"
        key = (problem["account_id"], problem["reason"]) if is_shared else number
        alike.setdefault(key, []).append(problem)
    for first, *others in alike.values():
        yield _line(first, f"{1 + len(others):,} connectors" if others else brief(first))


def _line(problem: Problem, whom: str) -> str:
    where = problem["database"]
    if problem["account_id"] is not None:
        where = f"account {problem['account_id']}, {where}"
    parts = (problem["problem_type"], whom, times.localize(problem["reason"]))
    return f"{': '.join(filter(None, parts))} [{where}]"


def brief(problem: Problem) -> str:
    """Name the connector that a problem is about; "" if the problem is about the data."""
    if problem["connector_id"] is None:
        return ""
    return f"{problem['schema_name'] or 'without a name'} ({problem['connector_id']})"


def _with_last_seen_outages(
    connection: Connection, rows: Rows, tolerated: Collection[str | None]
) -> Rows:
    """Keep reporting outages of accounts whose data is overdue but still within --max-age.

    `status` shows these connectors as unobserved, so that their outages would go unreported until
    the data is older than --max-age.
    """
    known = [
        row["connector_id"]
        for row in rows
        if row["account_id"] in tolerated and row["observed_health"] in DOWN and not row["is_down"]
    ]
    if not known:
        return rows
    outages = list_incidents(connection, open_only=True, connector_ids=known)
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
    found = filter_rows(rows, health=health) if health else filter_rows(rows, down=True)
    since = "health_since" if health else "down_since"
    now = session.now(connection)
    # If `since` lies in the future, the duration is unknown: report the problem.
    return [
        {name: row.get(name) for name in COLUMNS}
        | {"problem_type": row["health"], "since": row[since]}
        for row in found
        if not lasting or row[since] <= now - lasting or row[since] > now + CLOCK_TOLERANCE
    ]


def _failing_channels(connection: Connection) -> Iterator[Row]:
    """Yield the channels that `inventory notify` has failed to reach for a day."""
    for row in list_channels(connection, failing_since=session.now(connection) - _CHANNEL_FAILS):
        name, at = row["channel"], row["failing_since"]
        reason = f"notification channel {name} has failed since {times.format_utc(at)}"
        reason += f": {row['error_message']}"
        yield _data_problem("channel_failing", None, at, reason, name)


def data_problems(
    connection: Connection, runs: Rows, rows: Rows, max_age: timedelta | None = None
) -> Iterator[Row]:
    """Yield the problems that are about the data of accounts, not about a connector.

    `runs` are the rows of latest_runs, `rows` those of `status`. Without `max_age`, data is overdue
    if the view says so.
    """
    if all(run["account_id"] is None for run in runs):
        yield _data_problem("no_data", None, None, "no run has completed yet: run `inventory sync`")
    unobserved = Counter(row["account_id"] for row in rows if row["health"] == UNOBSERVED.name)
    for run in runs:
        of_account = [*_about_account(run, unobserved[run["account_id"]], max_age)]
        yield from of_account
        is_overdue = any(problem["problem_type"] in _OVERDUE_DATA for problem in of_account)
        if run["failed_attempts"]:
            yield from _about_failures(connection, run, is_overdue=is_overdue)


def _about_account(run: Row, unobserved: int, max_age: timedelta | None) -> Iterator[Row]:
    account, at = run["account_id"], run["observed_at"]
    if account is None:
        return
    if at is None:
        never = f"no run of account {account} has completed yet"
        yield _data_problem("no_data", account, None, never)
        return
    age_minutes = run["age_minutes"]
    if run["is_in_future"]:
        yield _data_problem("wrong_clock", account, at, _wrong_clock(run))
    if age_minutes is not None and (
        run["is_overdue"] if max_age is None else timedelta(minutes=age_minutes) > max_age
    ):
        age = times.format_duration(age_minutes)
        are = "connector is" if unobserved == 1 else "connectors are"
        whom = f", and {unobserved:,} {are} unobserved" if unobserved else ""
        old = f"the last complete run of account {account} is {age} old{whom}"
        yield _data_problem("overdue_data", account, at, old)
    if run["withheld"]:
        missing = f"{run['withheld']:,} connectors of account {account} are missing"
        advice = "too many to treat as removed: see `inventory sync --accept-removals`"
        reason, cause = f"{missing}; {advice}", str(run["withheld"])
        yield _data_problem("withheld", account, run["withheld_since"], reason, cause)


def _about_failures(connection: Connection, run: Row, *, is_overdue: bool) -> Iterator[Row]:
    """Report errors that need a person at once, temporary ones only once they persist."""
    kinds = failures(connection, run)
    lasting = [kind for kind in kinds if not is_retryable(kind["error_code"])]
    account, attempts = run["account_id"], run["failed_attempts"]
    if not (lasting or is_overdue or account is None or attempts >= _FAILED_OFTEN):
        return
    of = f"account {account}" if account is not None else "an API key whose account is unknown"
    have = "run has" if attempts == 1 else "runs have"
    since = min(kind["since"] for kind in kinds)
    reason = f"{attempts:,} {have} failed for {of} since {times.format_utc(since)}"
    last = kinds[-1]
    reason += f"; the last: {last['error_message']}"
    if lasting and last not in lasting:
        reason += f" Before that: {lasting[-1]['error_message']}"
    yield _data_problem("failing_runs", account, since, reason, _cause(lasting))


def _cause(lasting: Rows) -> str | None:
    """Distinguish errors that need different actions. All temporary errors have one cause: None."""
    if not lasting:
        return None
    code = lasting[-1]["error_code"]
    # An invalid key and one without permission share a code; each has a constant message.
    return str(lasting[-1]["error_message"] if code == AuthenticationError.code else code)


def _wrong_clock(run: Row) -> str:
    known = run["age_minutes"] is not None
    age = (
        f"it began {times.format_duration(run['age_minutes'])} ago"
        if known
        else "its age is unknown"
    )
    return (
        f"the last complete run of account {run['account_id']} is dated in the future, "
        f"{times.format_utc(run['observed_at'])}, and {age}: the database's clock was wrong; "
        "correct it, then run `inventory db redate`"
    )


def _data_problem(
    problem_type: str,
    account: str | None,
    since: datetime | None,
    reason: str,
    cause: str | None = None,
) -> Row:
    """A problem with another `cause` is a new one, even if it is of the same kind."""
    known = {
        "problem_type": problem_type,
        "account_id": account,
        "since": since,
        "reason": reason,
        "cause": cause,
    }
    return dict.fromkeys(COLUMNS) | known
