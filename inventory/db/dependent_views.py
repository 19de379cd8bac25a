"""Views and materialized views that others have built on the views of this tool.

PostgreSQL cannot drop a view while another depends on it, and SQLite cannot alter a table while a
view refers to a missing one. So an upgrade drops these views first and recreates them afterwards:
definition, options, indexes, comments, grants, owner, triggers. Materialized views are refreshed.
All of this happens in the caller's transaction.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import DBAPIError

from inventory.db import renames
from inventory.db.engine import execute_all, is_sqlite
from inventory.db.errors import display_url
from inventory.errors import ConfigurationError


class Dependent(NamedTuple):
    """A view of others, and the statements that drop and recreate it.

    `must_work` is true if its query could be executed before, but might fail unnoticed now.
    """

    name: str
    drop: str
    create: list[str]
    must_work: bool = False


# At any depth; a view comes after all views that it depends on.
_DEPENDENTS = """
with recursive upgraded as (
  select oid from pg_class
  where relkind = 'v' and relnamespace = current_schema()::regnamespace and relname in :names
), dependence as (
  select r.ev_class as dependent, d.refobjid as on_what
  from pg_depend d join pg_rewrite r on r.oid = d.objid
  where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
    and r.ev_class <> d.refobjid and r.ev_class not in (select oid from upgraded)
), dependents (oid, depth) as (
  select dependent, 1 from dependence where on_what in (select oid from upgraded)
  union
  select d.dependent, t.depth + 1 from dependents t join dependence d on d.on_what = t.oid
)
select c.oid, c.oid::regclass::text as name, k.kind,
  format('create %s %s%s as %s%s', k.kind, c.oid::regclass,
    ' with (' || array_to_string(c.reloptions, ', ') || ')',
    rtrim(pg_get_viewdef(c.oid), ';'),
    case when c.relkind = 'm' and not c.relispopulated then ' with no data' end) as definition
from (select oid, max(depth) as depth from dependents group by oid) t
join pg_class c on c.oid = t.oid
cross join lateral (
  select case c.relkind when 'm' then 'materialized view' else 'view' end as kind
) k
order by t.depth, name
"""

# Each view is followed by its triggers.
_OTHER_VIEWS_ON_SQLITE = """
select v.name, t.sql
from sqlite_schema v
join sqlite_schema t on t.tbl_name = v.name and t.type in ('view', 'trigger')
where v.type = 'view' and v.name not in :names
order by v.rowid, t.type = 'trigger', t.rowid
"""

# In order of execution: the owner changes last, as only the owner may execute the others.
_PROPERTIES = """
select statement from (
  select 1 as step, pg_get_indexdef(indexrelid) as statement
  from pg_index where indrelid = :oid
  union all
  select 2, format('comment on index %s is %L', i.indexrelid::regclass, d.description)
  from pg_index i
  join pg_description d on d.objoid = i.indexrelid and d.classoid = 'pg_class'::regclass
  where i.indrelid = :oid
  union all
  select 2, case when d.objsubid = 0
    then format('comment on %s %s is %L', cast(:kind as text), d.objoid::regclass, d.description)
    else format('comment on column %s.%I is %L', d.objoid::regclass, a.attname, d.description) end
  from pg_description d
  left join pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid
  where d.objoid = :oid and d.classoid = 'pg_class'::regclass
  union all
  select 3, format('grant %s%s on %s to %s%s', g.privilege_type, g.of_column, c.oid::regclass,
    coalesce(quote_ident(r.rolname), 'public'),
    case when g.is_grantable then ' with grant option' end)
  from pg_class c
  cross join lateral (
    select '' as of_column, a.* from aclexplode(c.relacl) a
    union all
    select format(' (%I)', t.attname), a.*
    from pg_attribute t cross join lateral aclexplode(t.attacl) a where t.attrelid = c.oid
  ) g
  left join pg_roles r on r.oid = g.grantee
  where c.oid = :oid and g.grantee <> c.relowner
  union all
  select 4, format('alter %s %s owner to %I', cast(:kind as text), c.oid::regclass, r.rolname)
  from pg_class c join pg_roles r on r.oid = c.relowner
  where c.oid = :oid and r.rolname <> current_user
) s
order by step, statement
"""


def drop(connection: Connection, views: Collection[str]) -> list[Dependent]:
    """Drop what others have built on these views; return it in the order to recreate it in."""
    if is_sqlite(connection):
        return _drop_on_sqlite(connection, views)
    query = text(_DEPENDENTS).bindparams(bindparam("names", list(views), expanding=True))
    found = [
        Dependent(
            row.name,
            f"drop {row.kind} {row.name}",
            [row.definition, *_properties(connection, row.oid, row.kind)],
        )
        for row in connection.execute(query).all()
    ]
    if found:
        execute_all(connection, [each.drop for each in reversed(found)])
    return found


def _drop_on_sqlite(connection: Connection, views: Collection[str]) -> list[Dependent]:
    """Drop all views of others: SQLite does not record which views depend on which."""
    query = text(_OTHER_VIEWS_ON_SQLITE).bindparams(bindparam("names", list(views), expanding=True))
    quote = connection.dialect.identifier_preparer.quote_identifier
    found: dict[str, Dependent] = {}
    for view, definition in connection.execute(query).all():
        if view not in found:
            works = _error_of(connection, view) is None
            found[view] = Dependent(view, f"drop view {quote(view)}", [], must_work=works)
        dependent = found[view]
        dependent.create.append(definition)
    execute_all(connection, [each.drop for each in found.values()])
    return list(found.values())


def create(
    connection: Connection, dependents: Collection[Dependent], *, renamed: bool = False
) -> None:
    """Recreate what was dropped; `renamed` = the upgrade changed names that they may use.

    Raises ConfigurationError that names each view that does not work any more.
    """
    failed = []
    for dependent in dependents:
        if error := _create(connection, dependent):
            advice = renames.advice(dependent.create[0]) if renamed else ""
            failed.append(f"{dependent.name} ({error}{f'; {advice}' if advice else ''})")
    if failed:
        raise ConfigurationError(
            f"{display_url(connection.engine)} has views of others that the new views of this tool "
            f"would break: {', '.join(failed)}. Nothing was changed. Alter or drop them, run "
            "`inventory db upgrade`, and create them again."
        )


def _create(connection: Connection, dependent: Dependent) -> str | None:
    """Recreate a view; return the error if it does not work."""
    try:
        with connection.begin_nested():
            execute_all(connection, dependent.create)
    except DBAPIError as error:
        return _first_line(error)
    return _error_of(connection, dependent.name) if dependent.must_work else None


def _error_of(connection: Connection, view: str) -> str | None:
    """Prepare a query of a SQLite view, as SQLite does not check it when it creates the view."""
    name = connection.dialect.identifier_preparer.quote_identifier(view)
    try:
        execute_all(connection, [f"explain select * from {name}"])
    except DBAPIError as error:
        return _first_line(error)
    return None


def _first_line(error: DBAPIError) -> str:
    if error.connection_invalidated:
        raise error
    return str(error.orig).splitlines()[0]


def _properties(connection: Connection, oid: int, kind: str) -> list[str]:
    return list(connection.scalars(text(_PROPERTIES), {"oid": oid, "kind": kind}))
