"""How far the targets of `inventory export` hold each table, as the database remembers it.

What is rewritten or deleted here tells the bookmarks: the first makes the next export replace what
the target holds, the second makes it keep what only the target still has.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from inventory.models import EXPORT_BOOKMARKS, INVENTORY_RUNS

_bookmark, _run = EXPORT_BOOKMARKS.c, INVENTORY_RUNS.c
_BY_RUN, _BY_DAY = ("inventory_runs",), ("availability_daily",)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bookmark(NamedTuple):
    """A row of the table, without its key; see `models.ExportBookmark`."""

    edition: int
    run_id: int | None
    observed_at: datetime | None
    settled_until: int | None
    pruned_until: int | None


def microseconds(at: datetime) -> int:
    """Return the microseconds since 1970, exactly."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def time_at(since_epoch: int) -> datetime:
    """Return the time that is so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=since_epoch)


def days(at: datetime) -> int:
    """Return the days since 1970 of a time's day (UTC)."""
    return (at.astimezone(UTC) - _EPOCH).days


def read(connection: Connection, target: str) -> dict[str, Bookmark]:
    """Return the bookmarks of a target by table."""
    columns = (_bookmark.table_name, *(_bookmark[name] for name in Bookmark._fields))
    rows = connection.execute(select(*columns).where(_bookmark.target == target))
    return {name: Bookmark(*rest) for name, *rest in rows}


def create_missing(connection: Connection, target: str, tables: Iterable[str]) -> None:
    """Create bookmarks that have no row yet, so that what is rewritten from now on marks them."""
    known = read(connection, target)
    rows = [{"target": target, "table_name": name} for name in tables if name not in known]
    if rows:
        # One statement: a refusal of many would have psycopg warn of its pipeline, too.
        connection.execute(insert(EXPORT_BOOKMARKS).values(rows))


def move(connection: Connection, target: str, table: str, **columns: Any) -> None:
    """Set how far a target holds a table."""
    mine = (_bookmark.target == target, _bookmark.table_name == table)
    connection.execute(update(EXPORT_BOOKMARKS).where(*mine).values(columns))


def mark_rewritten(connection: Connection, *tables: str) -> None:
    """Record that settled rows were rewritten, of these tables or of all.

    The next export of such a table replaces what the target holds of it.
    """
    of_tables = [_bookmark.table_name.in_(tables)] if tables else []
    later = update(EXPORT_BOOKMARKS).values(edition=_bookmark.edition + 1)
    connection.execute(later.where(*of_tables))


def mark_redated(connection: Connection, times: Sequence[tuple[datetime, datetime]]) -> None:
    """Record that runs got other times; `times` are the old and the new one of each, in order.

    A row that targets hold after the end of the prune may lie before it now, and would be taken
    for one that only they have: such an end moves before it.
    """
    mark_rewritten(connection)
    known = select(_bookmark.target, _bookmark.table_name, _bookmark.pruned_until)
    pruned = known.where(_bookmark.pruned_until.is_not(None), _bookmark.table_name.not_in(_BY_RUN))
    for target, table, end in connection.execute(pruned).all():
        number, moved = days if table in _BY_DAY else microseconds, end
        for old, new in reversed(times):
            if number(old) > moved >= number(new):
                moved = number(new) - 1
        move(connection, target, table, pruned_until=moved)


def mark_pruned(connection: Connection, cutoff: datetime, last_run: int) -> None:
    """Record what a prune is about to delete, and targets hold already.

    `last_run` is the last run that began before the cutoff.
    """
    of_runs = select(func.max(_run.observed_at)).where(_run.run_id <= last_run)
    observed_at: datetime | None = connection.scalar(of_runs)
    ends = {
        "inventory_runs": last_run,
        "sync_outcomes": microseconds(observed_at) if observed_at else None,
        "availability_daily": days(cutoff),
    }
    # Also of tables whose bookmark is behind: a killed export may have committed to the target.
    known = select(_bookmark.target, _bookmark.table_name, _bookmark.pruned_until)
    for target, table, pruned_until in connection.execute(known).all():
        end = ends.get(table, microseconds(cutoff))
        if end is not None:
            move(connection, target, table, pruned_until=max(end, pruned_until or end))
