"""The questions about many connectors: commands that only read."""

from datetime import datetime, timedelta
from typing import Any

import click

from inventory.cli import frame
from inventory.cli.options import (
    HEALTH,
    INSTANT,
    POSITIVE,
    SINCE,
    WORDS,
    asked_format,
    setting,
    sifted,
)

_STATUS = ("health", "since", "connector_id", "schema_name", "service", "group_id", "reason")
_CHANGES = (
    *("changed_at", "connector_id", "schema_name", "table_name", "kind"),
    *("field", "old_value", "new_value"),
)
_INCIDENTS = (
    *("started_at", "ended_at", "lasted", "connector_id", "schema_name", "service", "group_id"),
    *("path", "closed_by"),
)
_AT = (
    *("health", "connector_id", "schema_name", "service", "group_id", "paused", "setup_state"),
    *("sync_state", "update_state", "schema_status", "is_historical_sync", "last_sync_failed"),
)
_ATTENTION = (
    *("finding", "since", "connector_id", "schema_name", "service", "group_id", "detail"),
)


@click.command()
@click.argument("connector", type=WORDS, required=False)
@click.option("--down", is_flag=True, help="Only those that are down.")
@click.option(
    "--health",
    type=HEALTH,
    multiple=True,
    help="Only those of this health; deleted and not_visible ones are left out otherwise.",
)
@sifted
@asked_format
@frame.reported
def status(connector: str | None, output_format: Any, **filters: Any) -> None:
    """Show each connector's health, the worst first.

    That is a line for each: its health, since when, and why. With CONNECTOR, an id or a name,
    show all that is known of that one. Filters may be repeated.
    """
    from inventory import output, questions, summary
    from inventory.health import REMOVED

    as_table = output_format == "table"
    with frame.asking() as connection:
        key = frame.named(connection, connector)
        wanted = ("account_id", "health_since", "reason") if as_table and key is None else ()
        rows = questions.status(connection, wanted, connector_id=key)
        runs = questions.latest_runs(connection)
    removed = rows[0]["health"] in REMOVED if key is not None else False
    if removed and not filters["health"]:
        filters["health"] = REMOVED  # it was named
    picked = questions.chosen(rows, **filters)
    if as_table and key is not None:
        for row in picked:
            output.write_facts(row)
    elif as_table:
        lines = [row | {"since": row["health_since"]} for row in picked]
        output.write_rows(lines, _STATUS, "table", {"health": _style})
    else:
        output.write_rows(picked, questions.columns("connector_health"), output_format)
    if as_table:
        frame.remark(summary.as_of(runs, None if key is not None else rows))


def _style(row: Any) -> str:
    return ("green", "cyan", "yellow", "bold red")[row["severity"]]


@click.command()
@click.argument("connector", type=WORDS, required=False)
@setting(
    "--since",
    SINCE,
    "24h",
    "From then on: a time, as long ago as 7d, or what the last-run changed.",
)
@click.option(
    "--field",
    "fields",
    type=WORDS,
    multiple=True,
    help="Only this field, or what is within it: config means config.host, too.",
)
@asked_format
@frame.reported
def changes(
    connector: str | None,
    since: datetime | timedelta | None,
    fields: tuple[str, ...],
    output_format: Any,
) -> None:
    """Show what changed, oldest first, a line per field.

    Told are settings, states, alerts and setup tests. A change happened before changed_at,
    and after the complete run that came before.
    """
    from inventory import output, questions

    with frame.asking() as connection:
        rows = questions.changes(
            connection,
            since=frame.before_now(connection, since),
            fields=fields,
            connector_id=frame.named(connection, connector),
        )
    columns = _CHANGES if output_format == "table" else questions.columns("state_changes")
    output.write_rows(rows, columns, output_format)


@click.command()
@click.option("--open", "open_only", is_flag=True, help="Only those that last.")
@click.option("--since", type=INSTANT, help="Leave out those that ended before: a time, or 7d.")
@asked_format
@frame.reported
def incidents(open_only: bool, since: datetime | timedelta | None, output_format: Any) -> None:
    """Show outages, oldest first.

    That is when, how long, through which states, and how they ended.
    """
    from inventory import moments, output, questions

    with frame.asking() as connection:
        begun = frame.before_now(connection, since)
        rows = questions.incidents(connection, open_only=open_only, since=begun)
    if output_format == "table":
        lines = [row | {"lasted": moments.lasting(row["minutes"])} for row in rows]
        output.write_rows(lines, _INCIDENTS, "table")
    else:
        output.write_rows(rows, questions.columns("incidents"), output_format)


@click.command()
@click.argument("moment", metavar="TIME", type=INSTANT)
@asked_format
@frame.reported
def at(moment: datetime | timedelta, output_format: Any) -> None:
    """Show the account as it was at TIME.

    That is a line for each connector that was there, with its health then, the worst first.
    TIME is 2026-11-20, 2026-11-20T03:00 (in your zone), 2026-11-20T03:00Z, or as long ago as 7d.
    """
    from inventory import instants, output, summary

    with frame.asking() as connection:
        then = frame.before_now(connection, moment)
        assert then is not None
        rows = instants.at(connection, then)
        known = instants.observed(connection)
    columns = _AT if output_format == "table" else instants.COLUMNS
    output.write_rows(rows, columns, output_format, {"health": _style})
    if (limits := summary.beyond(then, known)) is not None:
        frame.remark(limits)


@click.command()
@asked_format
@frame.reported
def attention(output_format: Any) -> None:
    """Show what somebody should look at some day.

    That is what was never finished, is long paused, read twice, or has lost its creator.
    """
    from inventory import output, questions

    with frame.asking() as connection:
        rows = questions.attention(connection)
    columns = _ATTENTION if output_format == "table" else questions.columns("attention")
    output.write_rows(rows, columns, output_format)


@click.command()
@setting("--limit", POSITIVE, 20, "How many.")
@asked_format
@frame.reported
def runs(limit: int, output_format: Any) -> None:
    """Show the run log, newest first. A table has the main columns, JSON and CSV have all."""
    from inventory import output, questions

    with frame.asking() as connection:
        rows = questions.runs(connection, limit=limit)
    columns = questions.RUN_COLUMNS if output_format == "table" else questions.ALL_RUN_COLUMNS
    output.write_rows(rows, columns, output_format)
