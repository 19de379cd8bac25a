"""Drops the views before a revision alters tables, and recreates them afterwards.

Everything that others attached to the views comes back with them: grants and views of their own.
All of this happens in the caller's transaction, so that a failed upgrade changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    inspect,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from inventory import __version__
from inventory.db import (
    constraints,
    dependent_views,
    grants,
    renames,
    revision,
    view_grants,
    views,
)
from inventory.db.engine import is_sqlite
from inventory.db.errors import display_url
from inventory.db.revision import VERSION_TABLE, State
from inventory.errors import NeedsAttentionError, SchemaVersionError
from inventory.models import DIGEST_KEY, HISTORY_TABLES, readable_tables

# Held during an upgrade, so that two first runs at once do not both create the schema.
_UPGRADE_LOCK = 0x1_4E5E_7081

# Since this revision masks contain digests; earlier releases stored some secrets unmasked.
_MASKS_WITH_DIGESTS = "0008"

# As alembic creates it.
VERSION = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
    Column("views_digest", Text),
    Column("release", Text),
)


class _Attached(NamedTuple):
    """What PostgreSQL drops with the views, or what prevents it from dropping them."""

    grants: list[view_grants.ViewGrant]
    readers: list[str]
    dependents: list[dependent_views.Dependent]
    renamed: bool = False  # since then, a revision has changed names that they may use


def relations() -> list[str]:
    """Return all tables and views that a read-only role may read."""
    return [*readable_tables(), *views.VIEWS, VERSION_TABLE]


@contextmanager
def recreate_views(connection: Connection, *, to: str | None) -> Iterator[None]:
    """Migrate tables inside, up or down to a revision, without views that depend on them.

    If the tables are at that revision already, it touches only views whose texts have changed. At a
    revision other than HEAD there are no views, as their texts belong to HEAD.
    Raises SchemaVersionError for tables of a newer version or of another tool.
    """
    begin_upgrade(connection)
    state = revision.state_in(connection)
    revision.check_not_newer(connection.engine, state)
    before = revision.revision_of(connection)
    _check_new_names(connection, before)
    if before == to == revision.HEAD:
        yield
        constraints.restore(connection)
        renew_views(connection)
        return
    attached = _Attached([], [], [])
    if state is not State.EMPTY:
        attached = _drop_views(connection, before, to_head=to == revision.HEAD)
    yield
    _check_foreign_keys(connection)
    if revision.revision_of(connection) == revision.HEAD:
        if state is not State.EMPTY:
            constraints.restore(connection)
        if before is not None and before < _MASKS_WITH_DIGESTS:
            from inventory.db import remasking  # not needed by a first run

            remasking.mask_stored(connection)
        _create_views(connection, attached)


def renew_views(connection: Connection) -> None:
    """Recreate the views if their texts are not those of this release; record the release."""
    if revision.views_are_current(connection):
        connection.execute(update(VERSION).values(release=__version__))
    elif not _replace_views(connection):
        _create_views(connection, _drop_views(connection, revision.HEAD, to_head=True))


def begin_upgrade(connection: Connection) -> None:
    """Take the lock, and on PostgreSQL create the schema if one is named and missing."""
    if is_sqlite(connection):
        return  # `begin immediate` has locked the file
    encoding = connection.scalar(text("show server_encoding"))
    if encoding != "UTF8":
        raise SchemaVersionError(
            f"{display_url(connection.engine)} has the encoding {encoding}, which cannot store "
            "everything that the API sends. Name a database with the encoding UTF8."
        )
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
    schema = connection.get_execution_options().get("schema")
    if schema is not None and not inspect(connection).has_schema(schema):
        connection.execute(CreateSchema(schema))


def _check_new_names(connection: Connection, before: str | None) -> None:
    """Raise SchemaVersionError if others use a name that the upgrade gives to a table or view."""
    wanted = renames.new_names(before)
    if before in views.ONLY_HISTORIES:
        wanted = views.VIEWS.keys() - {versioned.history for versioned in HISTORY_TABLES}
    revision.check_name_conflicts(connection, wanted)


def _replace_views(connection: Connection) -> bool:
    """Say whether the views could be replaced in place; if not, nothing was done.

    That works if columns were only added, and leaves everything that others attached to the views.
    """
    if is_sqlite(connection):
        return False  # it has no `create or replace view`
    readers = grants.holders(connection, VERSION_TABLE)
    try:
        with connection.begin_nested():
            views.create(connection, replace=True)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return False
    _finish_views(connection, _Attached([], readers, []))
    return True


def _drop_views(connection: Connection, before: str | None, *, to_head: bool) -> _Attached:
    """Drop the views; if they come back at HEAD, with the views that others built on them."""
    quote = connection.dialect.identifier_preparer.quote
    old_views = renames.old_views(before)
    attached = _Attached(
        view_grants.read(connection),
        grants.holders(connection, VERSION_TABLE),
        dependent_views.drop(connection, [*views.VIEWS, *old_views]) if to_head else [],
        renamed=bool(old_views),
    )
    for name in old_views:
        connection.exec_driver_sql(f"drop view if exists {quote(name)}")
    views.drop(connection)
    return attached


def _create_views(connection: Connection, attached: _Attached) -> None:
    views.create(connection)
    _finish_views(connection, attached)


def _finish_views(connection: Connection, attached: _Attached) -> None:
    """Restore what was attached to the views, and record the digest of their texts."""
    grants.revoke_from_readers(connection, DIGEST_KEY.name)
    dependent_views.create(connection, attached.dependents, renamed=attached.renamed)
    view_grants.restore(connection, attached.grants, renamed=attached.renamed)
    for role in attached.readers:
        grants.grant(connection, role, relations())
    digest = views.digest(connection.dialect)
    connection.execute(update(VERSION).values(views_digest=digest, release=__version__))


def _check_foreign_keys(connection: Connection) -> None:
    """Find rows that violate foreign keys, which SQLite does not check during a migration."""
    if is_sqlite(connection):
        violations = connection.execute(text("pragma foreign_key_check")).all()
        if violations:
            raise NeedsAttentionError(
                f"Rows of {violations[0][0]} refer to missing rows, so the upgrade was rolled "
                "back. Foreign keys are off in the sqlite3 shell, so somebody may have deleted the "
                "missing rows there. `pragma foreign_key_check` lists the rows: delete them, or "
                "restore a backup."
            )
