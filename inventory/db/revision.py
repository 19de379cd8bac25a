"""Compares the revision of the tables and the release of the views with those of this tool."""

from collections.abc import Set
from enum import Enum

from sqlalchemy import Connection, Engine, inspect, text

from inventory import __version__
from inventory.db.engine import is_missing, read_only
from inventory.db.errors import display_url, translate_errors
from inventory.errors import SchemaVersionError

# The newest revision in migrations/versions, which a test compares. It is repeated here so that a
# run on a current schema does not import alembic or read a directory.
HEAD = "0014"
VERSION_TABLE = "inventory_version"

# Every command executes this; SQLAlchemy's inspector would take longer.
_HAS_VERSION = {
    "postgresql": f"select to_regclass('{VERSION_TABLE}') is not null",
    "sqlite": f"select exists (select 1 from sqlite_schema where name = '{VERSION_TABLE}')",
}


class State(Enum):
    EMPTY = "empty"
    CURRENT = "current"
    OTHER_RELEASE = "other release"  # current tables; another release has checked the views
    OLDER = "older"
    NEWER = "newer"


def state_of(engine: Engine) -> State:
    """Compare the tables with those that this version of the tool needs. Writes nothing.

    Raises SchemaVersionError if another tool created tables or views of the same names.
    """
    with translate_errors(engine):
        if is_missing(engine):
            return State.EMPTY
    with read_only(engine) as connection:
        return state_in(connection)


def state_in(connection: Connection) -> State:
    """Do the same as `state_of` within a transaction."""
    revision = revision_of(connection)
    if revision is None:
        from inventory.db.views import VIEWS
        from inventory.models import METADATA

        check_name_conflicts(connection, {*METADATA.tables, *VIEWS})
        return State.EMPTY
    if revision != HEAD:
        return State.OLDER if revision < HEAD else State.NEWER
    release = connection.scalar(text(f"select release from {VERSION_TABLE}"))
    return State.CURRENT if release == __version__ else State.OTHER_RELEASE


def check_name_conflicts(connection: Connection, names: Set[str]) -> None:
    """Raise SchemaVersionError if another tool created tables or views of these names."""
    existing = {*inspect(connection).get_table_names(), *inspect(connection).get_view_names()}
    if foreign := sorted(existing & names):
        raise SchemaVersionError(
            f"{display_url(connection.engine)} contains {', '.join(foreign)}, created by another "
            "tool. Name another database, or on PostgreSQL a schema in INVENTORY_SCHEMA."
        )


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the tables; None = there are no tables of this tool."""
    if not connection.scalar(text(_HAS_VERSION[connection.dialect.name])):
        return None
    revision: str | None = connection.scalar(text(f"select version_num from {VERSION_TABLE}"))
    return revision


def require_current(engine: Engine) -> None:
    """Raise SchemaVersionError unless tables and views are those of this version."""
    require_file(engine)
    with read_only(engine) as connection:
        require_current_in(connection)


def require_file(engine: Engine) -> None:
    """Raise SchemaVersionError if a SQLite database has no file yet, which a read would create."""
    with translate_errors(engine):
        missing = is_missing(engine)
    if missing:
        raise _empty(engine)


def require_current_in(connection: Connection) -> None:
    """Do the same as `require_current` within a transaction."""
    state = state_in(connection)
    if state is State.EMPTY:
        raise _empty(connection.engine)
    check_version(connection.engine, state)
    if state is State.OTHER_RELEASE and not views_are_current(connection):
        raise SchemaVersionError(
            f"{display_url(connection.engine)} has the views of another release of this tool: "
            "run `inventory sync` or `inventory db upgrade`."
        )


def _empty(engine: Engine) -> SchemaVersionError:
    return SchemaVersionError(
        f"{display_url(engine)} has no inventory yet: run `inventory sync` first."
    )


def views_are_current(connection: Connection) -> bool:
    """Say whether all views exist and were created from the texts of this release.

    The tables must be at HEAD.
    """
    from inventory.db import views  # not loaded by a run on the views of its own release

    stored = connection.scalar(text(f"select views_digest from {VERSION_TABLE}"))
    return stored == views.digest(connection.dialect) and views.exist(connection)


def check_version(engine: Engine, state: State) -> None:
    """Raise SchemaVersionError for tables of an older or newer version."""
    if state is State.OLDER:
        raise SchemaVersionError(
            f"{display_url(engine)} has the tables of an older version of this tool: "
            "run `inventory db upgrade`."
        )
    check_not_newer(engine, state)


def check_not_newer(engine: Engine, state: State) -> None:
    """Raise SchemaVersionError for tables of a newer version."""
    if state is State.NEWER:
        raise SchemaVersionError(
            f"{display_url(engine)} has the tables of a newer version of this tool. Upgrade the "
            "tool as it was installed, for example with `pipx install --force .` in its clone."
        )
