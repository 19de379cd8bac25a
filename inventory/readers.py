"""Readers: PostgreSQL roles that may read all of ours, after an upgrade too, and do nothing else.

The mark of a reader is the right to read the version table. Somebody who was given single tables
by hand has no reason to hold it, and keeps just those.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, text

from inventory.database import is_sqlite
from inventory.errors import FixSettings
from inventory.refusals import describe
from inventory.views import FUNCTIONS


def grant(connection: Connection, role: str, relations: Collection[str]) -> None:
    """Let a role read these tables and views, and see that it can.

    Raises FixSettings on SQLite, for a role that is not there, and where this user may not grant.
    """
    if is_sqlite(connection):
        raise FixSettings(
            "SQLite knows no roles: who may read the file may read all of it. "
            "`inventory db grant-reader` is for PostgreSQL."
        )
    known = connection.scalar(
        text("select count(*) from pg_roles where rolname = :role"), {"role": role}
    )
    if not known:
        raise FixSettings(
            f"There is no role {role!r} on this server (a name is taken letter by letter). "
            "Make it with `create role`, or name another."
        )
    for words in _rights(connection, relations):
        connection.exec_driver_sql(f"grant {words} to {_quoted(connection, role)}")
    _see_that_it_can(connection, role, relations)


def holders(connection: Connection, mark: str) -> list[str]:
    """Return the roles, but for the owner, that were given the right to read this relation."""
    if is_sqlite(connection):
        return []
    given = text(
        """
        select r.rolname
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
        cross join lateral aclexplode(c.relacl) a
        join pg_roles r on r.oid = a.grantee
        where c.relname = :mark and a.privilege_type = 'SELECT' and a.grantee <> c.relowner
        order by r.rolname
        """
    )
    return list(dict.fromkeys(connection.scalars(given, {"mark": mark})))


def _rights(connection: Connection, relations: Iterable[str]) -> Iterable[str]:
    """Yield what is granted, as in GRANT: all of it in the schema that we work in."""
    schema = _quoted(connection, str(connection.scalar(text("select current_schema()"))))
    yield f"usage on schema {schema}"
    names = ", ".join(f"{schema}.{_quoted(connection, name)}" for name in relations)
    yield f"select on table {names}"
    functions = list(FUNCTIONS)
    called = text(
        """
        select p.oid::regprocedure::text
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = current_schema() and p.proname in :functions
        """
    ).bindparams(bindparam("functions", functions, expanding=True))
    for signature in connection.scalars(called):
        yield f"execute on function {signature}".replace("%", "%%")  # as the driver wants it


def _see_that_it_can(connection: Connection, role: str, relations: Collection[str]) -> None:
    """Look, as a user who may not hand a right on gets a warning from GRANT, and no error."""
    lacking = text(
        """
        select c.relname
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
        where c.relname in :names
          and not (
            has_schema_privilege(:role, n.oid, 'usage')
            and has_table_privilege(:role, c.oid, 'select')
          )
        order by c.relname
        """
    ).bindparams(bindparam("names", list(relations), expanding=True))
    if left := connection.scalars(lacking, {"role": role}).all():
        raise FixSettings(
            f"{describe(connection.engine)} does not let this user give {role!r} the right to "
            f"read {', '.join(left)}: run it as their owner."
        )


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
