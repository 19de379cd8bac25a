"""Grants PostgreSQL roles read access to all tables and views, and recognizes such roles.

A read-only role is marked by its privilege to read the version table, so that upgrades grant it
access to new tables and views, too. A role that was granted single tables by hand lacks the mark
and keeps only those.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import ProgrammingError

from inventory.db.engine import is_sqlite
from inventory.db.errors import display_url
from inventory.db.views import FUNCTIONS
from inventory.errors import ConfigurationError
from inventory.models import INVENTORY_RUNS
from inventory.text import escape_control_chars

_INSUFFICIENT_PRIVILEGE = "42501"


def grant(connection: Connection, role: str, relations: Collection[str]) -> None:
    """Grant a role read access to these tables and views, and verify it.

    Raises ConfigurationError on SQLite, for a role that does not exist, and if this user may not
    grant.
    """
    if is_sqlite(connection):
        raise ConfigurationError(
            "SQLite has no roles: any user who can read the file can read all of it. "
            "Use `inventory db grant-reader` with PostgreSQL."
        )
    known = connection.scalar(
        text("select count(*) from pg_roles where rolname = :role"), {"role": role}
    )
    if not known:
        raise ConfigurationError(
            f"Role {_in_quotes(role)} does not exist (names are case-sensitive). Create it with "
            "`create role`, or name another one."
        )
    for privilege in _privileges(connection, relations):
        connection.exec_driver_sql(f"grant {privilege} to {_quoted(connection, role)}")
    _verify_grant(connection, role, relations)


def revoke_from_readers(connection: Connection, relation: str) -> None:
    """Revoke access to a relation from everybody who does not execute runs.

    Default privileges of the database may have granted it.
    """
    if is_sqlite(connection):
        return
    executes_runs = text(f"select has_table_privilege(:role, '{INVENTORY_RUNS.name}', 'insert')")
    readers = (
        _quoted(connection, role)
        for role in holders(connection, relation)
        if not connection.scalar(executes_runs, {"role": role})
    )
    for role in ("public", *readers):
        connection.exec_driver_sql(f"revoke all on {_quoted(connection, relation)} from {role}")


def disable_jit(connection: Connection, role: str) -> str | None:
    """Switch jit off for a role in this database: compiling takes seconds, the query far less.

    Returns the statement for an administrator if this user may not alter the role.
    """
    database = _quoted(connection, str(connection.scalar(text("select current_database()"))))
    statement = f"alter role {_quoted(connection, role)} in database {database} set jit = off"
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        return statement.replace("%%", "%")  # the driver needs %%, a person does not
    return None


def holders(connection: Connection, mark: str) -> list[str]:
    """Return the roles, except the owner, that were granted select on this relation."""
    if is_sqlite(connection):
        return []
    granted = text(
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
    return list(dict.fromkeys(connection.scalars(granted, {"mark": mark})))


class ReadAccess(NamedTuple):
    """Whether the session's user is a read-only role, and which one it can switch to if not."""

    is_read_only: bool  # it can read all tables and views; neither it nor its roles can do more
    role: str | None  # the read-only role to switch to


def read_access(connection: Connection, mark: str, relations: Collection[str]) -> ReadAccess:
    """Find out whether the session's user is a read-only role, or which one it can switch to.

    A role that may write to the tables, owns them, administers the server, or is a member of such
    a role is not read-only, whatever it was granted. `mark` is the version table.
    """
    users = set(connection.execute(text("select session_user, current_user")).one())
    found = connection.execute(_READ_ONLY_ROLES, {"mark": mark, "relations": list(relations)}).all()
    if users <= {row.rolname for row in found}:
        return ReadAccess(True, None)
    return ReadAccess(False, next((row.rolname for row in found if row.is_open), None))


# Predefined roles differ between server versions: all count as powerful except the listed ones.
_READ_ONLY_ROLES = text(
    """
    with mark as (
        select c.relowner, c.relnamespace, c.relacl from pg_class c where c.oid = to_regclass(:mark)
    ),
    relations as (
        select c.oid
        from pg_class c join mark m on m.relnamespace = c.relnamespace
        where c.relname = any(cast(:relations as text[]))
    ),
    powerful as (
        select r.oid
        from pg_roles r
        where r.rolsuper or r.rolcreaterole or r.rolreplication or r.rolbypassrls
            or r.oid = (select relowner from mark)
            or (
                starts_with(r.rolname::text, 'pg_')
                and r.rolname not in (
                    'pg_monitor', 'pg_read_all_data', 'pg_read_all_settings',
                    'pg_read_all_stats', 'pg_stat_scan_tables'
                )
            )
    ),
    candidates as (
        select r.oid, r.rolname, r.rolname <> current_user and g.oid is not null as is_other
        from pg_roles r
        left join (
            select distinct a.grantee as oid from mark m cross join aclexplode(m.relacl) a
        ) g on g.oid = r.oid
        where g.oid is not null or r.rolname in (current_user, session_user)
    )
    select c.rolname,
           c.is_other and pg_has_role(
               session_user, c.oid,
               case when current_setting('server_version_num')::int < 160000
                    then 'member' else 'set' end
           ) as is_open
    from candidates c
    where has_schema_privilege(c.oid, (select relnamespace from mark), 'usage')
        and not exists (select from powerful p where pg_has_role(c.oid, p.oid, 'member'))
        and not exists (
            select from relations o
            where not has_table_privilege(c.oid, o.oid, 'select')
                or has_table_privilege(c.oid, o.oid, 'insert, update, delete, truncate')
        )
    order by c.rolname
    """
)


def assume_role(connection: Connection, role: str) -> None:
    """Switch to this role until the transaction ends; names still resolve to the same tables."""
    # For another role, "$user" in the search path is another schema.
    path = """
        select set_config('search_path', string_agg(quote_ident(s), ', ' order by n), true)
        from unnest(current_schemas(false)) with ordinality as p(s, n)
    """
    connection.execute(text(path))
    connection.exec_driver_sql(f"set local role {_quoted(connection, role)}")


def _privileges(connection: Connection, relations: Iterable[str]) -> Iterable[str]:
    """Yield the privileges in the syntax of GRANT, in the current schema."""
    schema = _quoted(connection, str(connection.scalar(text("select current_schema()"))))
    yield f"usage on schema {schema}"
    names = ", ".join(f"{schema}.{_quoted(connection, name)}" for name in relations)
    yield f"select on table {names}"
    functions = list(FUNCTIONS)
    signatures = text(
        """
        select p.oid::regprocedure::text
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = current_schema() and p.proname in :functions
        """
    ).bindparams(bindparam("functions", functions, expanding=True))
    for signature in connection.scalars(signatures):
        yield f"execute on function {signature}".replace("%", "%%")  # the driver needs %%


def _verify_grant(connection: Connection, role: str, relations: Collection[str]) -> None:
    """Verify the grant: GRANT only warns a user who has a privilege but may not grant it."""
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
        raise ConfigurationError(
            f"{display_url(connection.engine)} does not let this user grant role "
            f"{_in_quotes(role)} access to {', '.join(left)}. Run the command as their owner."
        )


def _in_quotes(role: str) -> str:
    """Quote a name for people, with control characters escaped."""
    return f'"{escape_control_chars(role)}"'


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
