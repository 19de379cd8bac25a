"""Reads what the decisions need from one snapshot of the database."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, select

from inventory import known_tags
from inventory.db import session
from inventory.known_tags import MUTE_UNTIL, RUNBOOK_URL
from inventory.models import ACCOUNTS, TAGS
from inventory.notify.events import (
    FAILING_RUNS,
    FLAPPING,
    OUTAGE,
    Connector,
    DataProblem,
    Outage,
    Told,
)
from inventory.notify.inputs import (
    FLAPPING_WITHIN,
    ChannelState,
    Facts,
    earliest_mark,
    held_accounts,
)
from inventory.queries import latest_runs, list_incidents, status
from inventory.queries.base import Row, Rows, fetch, view
from inventory.queries.checks import data_problems

_STATUS = (*("account_id", "destination_service", "reason", "succeeded_at", "owner", "tier"),)
# What a connector has under the same names.
_SAME = (
    *("connector_id", "account_id", "group_id", "group_name", "service", "service_name"),
    *("destination_service", "succeeded_at", "owner", "tier"),
)
# What a URL may contain beside letters and digits; the rest is percent-encoded.
_IN_URLS = ":/?#=&%+,;~.-_$"


def read(connection: Connection, states: Mapping[str, ChannelState]) -> Facts:
    """Read the facts for channels with these states."""
    now, runs = session.now(connection), latest_runs(connection)
    rows = status(connection, _STATUS)
    problems = [
        DataProblem(
            each["problem_type"],
            each["account_id"],
            each["since"],
            each["reason"],
            each["cause"] if each["problem_type"] == FAILING_RUNS else None,
        )
        for each in data_problems(connection, runs, rows)
    ]
    held = held_accounts(problems)
    since = min([now - FLAPPING_WITHIN, *(earliest_mark(each, held) for each in states.values())])
    told = [row for state in states.values() for row in state.told if row.is_open]
    observed = [run["observed_at"] for run in runs if run["observed_at"] is not None]
    return Facts(
        now=now,
        observed_until=max(observed, default=None),
        connectors=_connectors(connection, rows),
        outages={each.key: each for each in _outages(connection, since, told)},
        problems=problems,
        muted_accounts=_muted_accounts(connection, now),
    )


def _muted_accounts(connection: Connection, now: datetime) -> frozenset[str]:
    """Return the accounts that are muted as a whole, such as one that is read no more."""
    tag = TAGS.c
    mutes = select(tag.scope_id, tag.value).where(tag.scope == "account", tag.name == MUTE_UNTIL)
    ends = {row.scope_id: known_tags.mute_until(row.value) for row in connection.execute(mutes)}
    return frozenset(account_id for account_id, end in ends.items() if end and end > now)


# --- outages --------------------------------------------------------------------------------


def _outages(connection: Connection, since: datetime, told: Sequence[Told]) -> Iterator[Outage]:
    """Yield what is open or ended after `since`, and what the open rows of channels are about."""
    found = list_incidents(connection, since=since)
    known = {(row["connector_id"], row["started_at"]) for row in found}
    ids = {row.connector_id for row in told if row.connector_id and _is_earlier(row, known)}
    if ids:
        found += list_incidents(connection, connector_ids=sorted(ids))
    return map(_outage, found)


def _is_earlier(row: Told, known: set[tuple[Any, Any]]) -> bool:
    """Say whether an open row is about outages that ended longer ago."""
    is_missing = row.kind == OUTAGE and (row.connector_id, row.started_at) not in known
    return is_missing or row.kind == FLAPPING


def _outage(row: Row) -> Outage:
    return Outage(
        row["connector_id"],
        row["started_at"],
        tuple((row["path"] or "").split(" > ")),
        row["ended_at"],
        row["closed_by"],
    )


# --- connectors -----------------------------------------------------------------------------


def _connectors(connection: Connection, rows: Rows) -> dict[str, Connector]:
    tags = _tags(connection)
    accounts = select(ACCOUNTS.c.account_id, ACCOUNTS.c.account_name)
    names = {row.account_id: row.account_name for row in connection.execute(accounts)}
    return {
        row["connector_id"]: _connector(
            row, names.get(row["account_id"]), tags.get(row["connector_id"], {})
        )
        for row in rows
    }


def _connector(row: Row, account_name: str | None, tags: Mapping[str, str]) -> Connector:
    return Connector(
        **{name: row[name] for name in _SAME},
        name=(row["schema_name"] or "").strip() or row["connector_id"],
        account_name=account_name,
        reason=row["reason"] or "",
        runbook_url=_in_any_markup(known_tags.runbook_url(tags.get(RUNBOOK_URL, ""))),
        muted_until=known_tags.mute_until(tags.get(MUTE_UNTIL, "")),
    )


def _tags(connection: Connection) -> dict[str, dict[str, str]]:
    tags = view("connector_tags").c
    statement = select(tags.connector_id, tags.name, tags.value).where(
        tags.name.in_((MUTE_UNTIL, RUNBOOK_URL))
    )
    found: dict[str, dict[str, str]] = {}
    for row in fetch(connection, statement):
        found.setdefault(row["connector_id"], {})[row["name"]] = row["value"]
    return found


def _in_any_markup(url: str | None) -> str | None:
    """Return a URL in characters to which no markup gives a meaning."""
    return None if url is None else quote(url, safe=_IN_URLS)
