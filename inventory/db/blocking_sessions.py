"""Names the PostgreSQL sessions that block this one, as far as the server shows them."""

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from inventory.errors import InventoryError

# From the weakest to the strongest.
_MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
_HOLDERS = """
select l.pid, a.application_name, max(array_position(cast(:modes as text[]), l.mode)) as strength
from pg_locks l
join pg_database d on d.oid = l.database and d.datname = current_database()
left join pg_stat_activity a on a.pid = l.pid
where l.granted and l.pid <> pg_backend_pid() and ({held})
group by l.pid, a.application_name
order by strength desc, l.pid
limit 3"""
_TABLES = """l.locktype = 'relation' and l.relation in (
  select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = current_schema())"""
_NUMBER = """l.locktype = 'advisory' and l.objsubid = 1
  and (cast(l.classid as bigint) << 32 | cast(l.objid as bigint)) = :number"""


def of_tables(engine: Engine) -> str:
    """Name the sessions with the strongest locks on this schema's tables; empty = not visible."""
    return _describe(engine, _TABLES)


def of_number(engine: Engine, number: int) -> str:
    """Name the session that holds an advisory lock; empty = not visible."""
    return _describe(engine, _NUMBER, number=number)


def is_standby(engine: Engine) -> bool:
    """Say whether the server is a standby, which accepts no writes."""
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(text("select pg_is_in_recovery()")))
    except (SQLAlchemyError, InventoryError):
        return False


def _describe(engine: Engine, held: str, **values: int) -> str:
    query = text(_HOLDERS.format(held=held)).bindparams(modes=list(_MODES), **values)
    try:
        with engine.connect() as connection:
            found = connection.execute(query).all()
    except (SQLAlchemyError, InventoryError):  # it only adds to another error
        return ""
    strongest = [row for row in found if row.strength == found[0].strength]
    return " and ".join(f"{row.application_name or 'unnamed'} (pid {row.pid})" for row in strongest)
