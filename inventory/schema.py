"""Whether the tables are those of this version of the tool."""

from collections.abc import Set
from enum import Enum

from sqlalchemy import Connection, Engine, inspect, text

from inventory import __version__
from inventory.database import file_of, reading
from inventory.errors import SchemaMismatch
from inventory.refusals import describe, named_errors

# The newest revision in migrations/versions; a test holds them together. It stands here as a word
# so that a run on a current schema need not import alembic.
HEAD = "0006"
VERSION_TABLE = "inventory_version"

# Cheaper than SQLAlchemy's inspector, and asked by every command.
_HAS_VERSION = {
    "postgresql": f"select to_regclass('{VERSION_TABLE}') is not null",
    "sqlite": f"select exists (select 1 from sqlite_schema where name = '{VERSION_TABLE}')",
}


class State(Enum):
    EMPTY = "empty"
    CURRENT = "current"
    OTHER_RELEASE = "other release"  # current tables, under views that another release compared
    OLDER = "older"
    NEWER = "newer"


def state_of(engine: Engine) -> State:
    """Compare the tables with what this version of the tool needs. Writes nothing.

    Raises SchemaMismatch where tables of the same names stand there that are not ours.
    """
    file = file_of(engine)
    with named_errors(engine):
        if file is not None and not file.exists():
            return State.EMPTY  # looking would make the file
    with reading(engine) as connection:
        return state_in(connection)


def state_in(connection: Connection) -> State:
    """Do as `state_of` does, within a transaction."""
    revision = revision_of(connection)
    if revision is None:
        from inventory.models import METADATA
        from inventory.views import VIEWS

        refuse_others(connection, {*METADATA.tables, *VIEWS})
        return State.EMPTY
    if revision != HEAD:
        return State.OLDER if revision < HEAD else State.NEWER
    release = connection.scalar(text(f"select release from {VERSION_TABLE}"))
    return State.CURRENT if release == __version__ else State.OTHER_RELEASE


def refuse_others(connection: Connection, names: Set[str]) -> None:
    """Leave alone what has a name that we want, and was made by somebody else."""
    there = {*inspect(connection).get_table_names(), *inspect(connection).get_view_names()}
    if foreign := sorted(there & names):
        raise SchemaMismatch(
            f"{describe(connection.engine)} holds {', '.join(foreign)}, made by somebody else. "
            "Name another database, or on PostgreSQL a schema in INVENTORY_SCHEMA."
        )


def revision_of(connection: Connection) -> str | None:
    """Return the revision that the tables are at; None where there are none of ours."""
    if not connection.scalar(text(_HAS_VERSION[connection.dialect.name])):
        return None
    revision: str | None = connection.scalar(text(f"select version_num from {VERSION_TABLE}"))
    return revision


def require_current(engine: Engine) -> None:
    """Raise SchemaMismatch, saying what to do, unless tables and views are of this version."""
    state = state_of(engine)
    if state is State.EMPTY:
        raise SchemaMismatch(
            f"{describe(engine)} holds no inventory yet: run `inventory sync` first."
        )
    refuse_other_versions(engine, state)
    if state is State.OTHER_RELEASE:
        with reading(engine) as connection:
            if not views_are_current(connection):
                raise SchemaMismatch(
                    f"{describe(engine)} has the views of another release of this tool: "
                    "run `inventory sync` or `inventory db upgrade`."
                )


def views_are_current(connection: Connection) -> bool:
    """Say whether no view is missing, and all were made from the texts of this release.

    The tables must be at HEAD.
    """
    from inventory import views  # a run under views of its own release need not load them

    stored = connection.scalar(text(f"select views_digest from {VERSION_TABLE}"))
    return stored == views.digest(connection.dialect) and views.are_there(connection)


def refuse_other_versions(engine: Engine, state: State) -> None:
    """Raise SchemaMismatch, saying what to do, for tables of another version."""
    if state is State.OLDER:
        raise SchemaMismatch(
            f"{describe(engine)} has the tables of an older version of this tool: "
            "run `inventory db upgrade`."
        )
    refuse_newer(engine, state)


def refuse_newer(engine: Engine, state: State) -> None:
    """Raise SchemaMismatch for tables of a newer version."""
    if state is State.NEWER:
        raise SchemaMismatch(
            f"{describe(engine)} has the tables of a newer version of this tool: upgrade the "
            "tool, as `pip install --upgrade` does."
        )
