"""The way to the tables of this version, and who may read them.

An upgrade is one transaction: views dropped, tables altered, views made anew, and what others had
attached to them given back. A revision that fails half-way leaves everything as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    create_mock_engine,
    insert,
    inspect,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema, CreateTable

from inventory import __version__, dependents, parts, readers, schema, views
from inventory.database import execute_all, is_sqlite, transaction
from inventory.errors import LookAtIt, SchemaMismatch
from inventory.models import METADATA, VERSIONED
from inventory.refusals import describe

# Taken while a schema is upgraded, so that two first runs at once do not both build it.
_UPGRADE_LOCK = 0x1_4E5E_7081

# As alembic makes it.
_VERSION = Table(
    schema.VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{schema.VERSION_TABLE}_pkc"),
    Column("views_digest", Text),
    Column("release", Text),
)


def build(engine: Engine) -> None:
    """Make the tables of HEAD in an empty database, just as all revisions together would.

    A first run need not load alembic for that. One that comes too late finds them made.
    """
    with transaction(engine) as connection, rebuilding_views(connection, to=schema.HEAD):
        state = schema.state_in(connection)
        schema.refuse_other_versions(engine, state)  # another tool may have been quicker
        if state is schema.State.EMPTY:
            execute_all(connection, _all_tables(connection.dialect))
            connection.execute(insert(_VERSION).values(version_num=schema.HEAD))


def _all_tables(dialect: Dialect) -> list[str]:
    statements: list[str] = []

    def note(statement: Any, *_: object, **__: object) -> None:
        statements.append(str(statement.compile(dialect=dialect)))

    METADATA.create_all(
        create_mock_engine(f"{dialect.name}+{dialect.driver}://", note), checkfirst=False
    )
    if dialect.name == "postgresql":
        # Room on each page: what moves with every sync is then written in place.
        statements.append("alter table connector_status set (fillfactor = 45)")
    return [*statements, str(CreateTable(_VERSION).compile(dialect=dialect))]


def upgrade(engine: Engine) -> None:
    """Bring the tables to HEAD and make the views anew. `alembic upgrade head` does the same.

    Raises SchemaMismatch for tables of a newer version, or of somebody else.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    config.attributes["engine"] = engine
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaMismatch(
            f"{describe(engine)} has tables that this tool cannot bring to its version: {error}."
        ) from error


def renew_views(engine: Engine) -> None:
    """Bring the views to this release, where another one has made them; the tables are at HEAD."""
    with transaction(engine) as connection:
        _begin_upgrade(connection)
        if schema.state_in(connection) is schema.State.OTHER_RELEASE:  # nobody was quicker
            _renew_views(connection)


def grant_reader(engine: Engine, role: str) -> None:
    """Let a PostgreSQL role read all of ours, now and after upgrades.

    Raises SchemaMismatch for tables of another version, and FixSettings where it cannot be done.
    """
    schema.require_current(engine)
    with transaction(engine) as connection:
        readers.grant(connection, role, _relations())


def _relations() -> list[str]:
    """All of ours that can be read; commands look at the version first."""
    return [*METADATA.tables, *views.VIEWS, schema.VERSION_TABLE]


def _migrations() -> Path:
    """Find the revisions: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


# --- around the revisions -------------------------------------------------------------------


class _Grant(NamedTuple):
    """A right to a view, or to one column of it; grantee null = everybody."""

    view: str
    column: str | None
    grantee: str | None
    privilege: str
    grantable: bool


class _Attached(NamedTuple):
    """What is lost with the views: single rights, roles that may read all, views of others."""

    grants: list[_Grant]
    readers: list[str]
    dependents: list[dependents.Dependent]


@contextmanager
def rebuilding_views(connection: Connection, *, to: str | None) -> Iterator[None]:
    """Alter tables inside, up or down to a revision: no view is in the way, and all come back.

    At that revision already, only views whose texts have changed are touched: others may have made
    views on ours. At any revision but HEAD the views are left out: their texts belong to HEAD.
    Raises SchemaMismatch for tables of a newer version, or of somebody else.
    """
    _begin_upgrade(connection)
    state = schema.state_in(connection)
    schema.refuse_newer(connection.engine, state)
    if schema.revision_of(connection) in views.ONLY_HISTORIES:
        histories = {versioned.history for versioned in VERSIONED}
        schema.refuse_others(connection, views.VIEWS.keys() - histories)
    if schema.revision_of(connection) == to == schema.HEAD:
        yield
        parts.put_back(connection)
        _renew_views(connection)
        return
    attached = _Attached([], [], [])
    if state is not schema.State.EMPTY:
        attached = _drop_views(connection, to_head=to == schema.HEAD)
    yield
    _refuse_strays(connection)
    if schema.revision_of(connection) == schema.HEAD:
        if state is not schema.State.EMPTY:
            parts.put_back(connection)
        _create_views(connection, attached)


def _renew_views(connection: Connection) -> None:
    """Make the views anew if they are not of this release, and note that they are."""
    if schema.views_are_current(connection):
        connection.execute(update(_VERSION).values(release=__version__))
    elif not _replace_views(connection):
        _create_views(connection, _drop_views(connection, to_head=True))


def _replace_views(connection: Connection) -> bool:
    """Say whether the views could be replaced in place; if not, nothing was done.

    That is where columns were only added. What others have made on them is not touched then.
    """
    if is_sqlite(connection):
        return False  # which replaces none
    marked = readers.holders(connection, schema.VERSION_TABLE)
    try:
        with connection.begin_nested():
            views.create(connection, replace=True)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return False
    _finish_views(connection, _Attached([], marked, []))
    return True


def _drop_views(connection: Connection, *, to_head: bool) -> _Attached:
    """Drop the views; with what others have built on them if both are to come back."""
    attached = _Attached(
        _grants(connection),
        readers.holders(connection, schema.VERSION_TABLE),
        dependents.drop(connection, views.VIEWS) if to_head else [],
    )
    views.drop(connection)
    return attached


def _create_views(connection: Connection, attached: _Attached) -> None:
    views.create(connection)
    _finish_views(connection, attached)


def _finish_views(connection: Connection, attached: _Attached) -> None:
    """Give back what was attached to the views, and note of which texts they were made."""
    dependents.create(connection, attached.dependents)
    _give_back(connection, attached.grants)
    for role in attached.readers:
        readers.grant(connection, role, _relations())
    digest = views.digest(connection.dialect)
    connection.execute(update(_VERSION).values(views_digest=digest, release=__version__))


def _refuse_strays(connection: Connection) -> None:
    """Find on SQLite what foreign keys, which were off meanwhile, would not have let through."""
    if is_sqlite(connection):
        strays = connection.execute(text("pragma foreign_key_check")).all()
        if strays:
            raise LookAtIt(
                f"The upgrade left rows of {strays[0][0]} without what they refer to, and was "
                "undone. Report it: this is a bug of this tool."
            )


def _begin_upgrade(connection: Connection) -> None:
    """Take the lock, and on PostgreSQL make the schema, if one is named and missing."""
    if is_sqlite(connection):
        return  # `begin immediate` has locked the file
    encoding = connection.scalar(text("show server_encoding"))
    if encoding != "UTF8":
        raise SchemaMismatch(
            f"{describe(connection.engine)} is encoded in {encoding}, which cannot hold what the "
            "API sends: name a database that is encoded in UTF8."
        )
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
    wanted = connection.get_execution_options().get("schema")
    if wanted is not None and not inspect(connection).has_schema(wanted):
        connection.execute(CreateSchema(wanted))


def _grants(connection: Connection) -> list[_Grant]:
    if is_sqlite(connection):
        return []
    rows = connection.execute(
        text(
            """
            with right_given as (
                select c.oid, null as column_name, a.*
                from pg_class c cross join lateral aclexplode(c.relacl) a
                union all
                select c.attrelid, c.attname, a.*
                from pg_attribute c cross join lateral aclexplode(c.attacl) a
            )
            select c.relname, g.column_name, r.rolname, g.privilege_type, g.is_grantable
            from right_given g
            join pg_class c on c.oid = g.oid and c.relkind = 'v' and c.relowner <> g.grantee
            join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
            left join pg_roles r on r.oid = g.grantee
            """
        )
    )
    return [_Grant(*row) for row in rows]


def _give_back(connection: Connection, grants: list[_Grant]) -> None:
    quote = connection.dialect.identifier_preparer.quote
    names = {view.name for view in views.VIEWS.values()}
    for grant in grants:
        if grant.view in names:
            column = f"({quote(grant.column)})" if grant.column else ""
            grantee = quote(grant.grantee) if grant.grantee else "public"
            option = " with grant option" if grant.grantable else ""
            connection.exec_driver_sql(
                f"grant {grant.privilege} {column} on {quote(grant.view)} to {grantee}{option}"
            )
