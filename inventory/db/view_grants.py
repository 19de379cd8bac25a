"""Privileges of others on single views, which PostgreSQL drops together with a view."""

from typing import NamedTuple

from sqlalchemy import Connection, text

from inventory.db import renames, views
from inventory.db.engine import is_sqlite


class ViewGrant(NamedTuple):
    """A privilege on a view or on one of its columns; grantee None = public."""

    view: str
    column: str | None
    grantee: str | None
    privilege: str
    grantable: bool


_GRANTS = """
with granted as (
    select c.oid, null as column_name, a.*
    from pg_class c cross join lateral aclexplode(c.relacl) a
    union all
    select c.attrelid, c.attname, a.*
    from pg_attribute c cross join lateral aclexplode(c.attacl) a
)
select c.relname, g.column_name, r.rolname, g.privilege_type, g.is_grantable
from granted g
join pg_class c on c.oid = g.oid and c.relkind = 'v' and c.relowner <> g.grantee
join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
left join pg_roles r on r.oid = g.grantee
"""


def read(connection: Connection) -> list[ViewGrant]:
    """Return the privileges on all views of the schema, except those of their owners."""
    if is_sqlite(connection):
        return []
    return [ViewGrant(*row) for row in connection.execute(text(_GRANTS))]


def restore(connection: Connection, grants: list[ViewGrant], *, renamed: bool) -> None:
    """Grant the privileges again; if views were `renamed`, on their new names."""
    quote = connection.dialect.identifier_preparer.quote
    for grant in map(_under_new_names, grants) if renamed else grants:
        if grant.view in views.VIEWS:
            column = f"({quote(grant.column)})" if grant.column else ""
            grantee = quote(grant.grantee) if grant.grantee else "public"
            option = " with grant option" if grant.grantable else ""
            statement = f"grant {grant.privilege} {column} on {quote(grant.view)} to {grantee}"
            connection.exec_driver_sql(statement + option)


def _under_new_names(grant: ViewGrant) -> ViewGrant:
    columns = renames.COLUMNS.get(grant.view, {})
    return grant._replace(
        view=renames.VIEWS.get(grant.view, grant.view),
        column=columns.get(grant.column, grant.column) if grant.column else None,
    )
