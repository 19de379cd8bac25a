"""Views and materialized views that others have built on ours.

On PostgreSQL no view can be dropped below them, and on SQLite no table be altered while one of them
asks for a view that is away. So they are read and dropped first, and made again afterwards as they
were: definition, options, indexes, comments, grants, owner, triggers. Materialized views are filled
anew. The caller's transaction holds all of it.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import DBAPIError

from inventory.database import execute_all, is_sqlite
from inventory.errors import FixSettings
from inventory.refusals import describe


class Dependent(NamedTuple):
    """A view of somebody else, and the statements that drop it and make it again."""

    name: str
    drop: str
    create: list[str]


# At any depth; a view comes after all that it depends on.
_DEPENDENTS = """
with recursive ours as (
  select oid from pg_class
  where relkind = 'v' and relnamespace = current_schema()::regnamespace and relname in :names
), dependence as (
  select r.ev_class as dependent, d.refobjid as on_what
  from pg_depend d join pg_rewrite r on r.oid = d.objid
  where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
    and r.ev_class <> d.refobjid and r.ev_class not in (select oid from ours)
), theirs (oid, depth) as (
  select dependent, 1 from dependence where on_what in (select oid from ours)
  union
  select d.dependent, t.depth + 1 from theirs t join dependence d on d.on_what = t.oid
)
select c.oid, c.oid::regclass::text as name, k.kind,
  format('create %s %s%s as %s%s', k.kind, c.oid::regclass,
    ' with (' || array_to_string(c.reloptions, ', ') || ')',
    rtrim(pg_get_viewdef(c.oid), ';'),
    case when c.relkind = 'm' and not c.relispopulated then ' with no data' end) as definition
from (select oid, max(depth) as depth from theirs group by oid) t
join pg_class c on c.oid = t.oid
cross join lateral (
  select case c.relkind when 'm' then 'materialized view' else 'view' end as kind
) k
order by t.depth, name
"""

# Each followed by its triggers.
_THEIRS_ON_SQLITE = """
select v.name, t.sql
from sqlite_schema v
join sqlite_schema t on t.tbl_name = v.name and t.type in ('view', 'trigger')
where v.type = 'view' and v.name not in :names
order by v.rowid, t.type = 'trigger', t.rowid
"""

# In the order in which they are to be executed: the owner comes last, as another may not do more.
_BELONGINGS = """
select statement from (
  select 1 as place, pg_get_indexdef(indexrelid) as statement
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
order by place, statement
"""


def drop(connection: Connection, views: Collection[str]) -> list[Dependent]:
    """Drop what others have built on these views, and return it in the order to make it again."""
    if is_sqlite(connection):
        return _drop_on_sqlite(connection, views)
    wanted = text(_DEPENDENTS).bindparams(bindparam("names", list(views), expanding=True))
    found = [
        Dependent(
            row.name,
            f"drop {row.kind} {row.name}",
            [row.definition, *_belongings(connection, row.oid, row.kind)],
        )
        for row in connection.execute(wanted).all()
    ]
    if found:
        execute_all(connection, [each.drop for each in reversed(found)])
    return found


def _drop_on_sqlite(connection: Connection, views: Collection[str]) -> list[Dependent]:
    """Drop all views of others: what they ask for is not known to the database, only to them."""
    wanted = text(_THEIRS_ON_SQLITE).bindparams(bindparam("names", list(views), expanding=True))
    quote = connection.dialect.identifier_preparer.quote_identifier
    found: dict[str, Dependent] = {}
    for view, definition in connection.execute(wanted).all():
        dependent = found.setdefault(view, Dependent(view, f"drop view {quote(view)}", []))
        dependent.create.append(definition)
    execute_all(connection, [each.drop for each in found.values()])
    return list(found.values())


def create(connection: Connection, dependents: Collection[Dependent]) -> None:
    """Make again what was dropped. Raises FixSettings that names each one that no longer fits."""
    lacking = []
    for dependent in dependents:
        try:
            with connection.begin_nested():
                execute_all(connection, dependent.create)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            lacking.append(f"{dependent.name} ({str(error.orig).splitlines()[0]})")
    if lacking:
        raise FixSettings(
            f"{describe(connection.engine)} has views built on those of this tool that do not fit "
            f"their new version: {', '.join(lacking)}. Nothing was changed. Drop or alter them, "
            "and run `inventory db upgrade` again."
        )


def _belongings(connection: Connection, oid: int, kind: str) -> list[str]:
    return list(connection.scalars(text(_BELONGINGS), {"oid": oid, "kind": kind}))
